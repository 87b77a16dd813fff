"""What was heard in a window of a clip, as data: words with times, language, sounds, voice, pitch.

A note says what a reader took down, and how sure it was; nothing here listens. `as_data` and
`from_data` are the form in which notes are exported, `as_json` and `from_json` that in which those
of a window are stored.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from math import isfinite

_LARGEST = 1e9  # of any number in a note
DOUBTFUL = 0.5  # probability below which a word is shown as doubtful
NO_VOICE, NO_SPEECH, LOOP, UNSURE = "no voice", "no speech", "loop", "unsure"  # why words are
WITHHELD = (NO_VOICE, NO_SPEECH, LOOP, UNSURE)  # withheld
KIND, FAMILY, LANGUAGE, VOICE = "kind", "instrument family", "language", "voice"  # of `Label`


@dataclass(frozen=True)
class Word:
    """One word of speech."""

    start: float  # seconds of the clip
    end: float
    text: str  # with its punctuation, without spaces around it
    probability: float = 1.0  # the reader's own, of its least likely token

    @property
    def is_doubtful(self) -> bool:
        return self.probability < DOUBTFUL


@dataclass(frozen=True)
class Label:
    """One finding of a classifier. `is_sure` is False where its confidence is too low to be
    repeated as a fact."""

    about: str  # KIND, FAMILY, LANGUAGE or VOICE
    name: str  # "animal", "strings", "de", "female"
    confidence: float  # calibrated probability, 0 to 1
    is_sure: bool = True


@dataclass(frozen=True)
class Pitch:
    """The pitch that a stretch of sound mostly has."""

    hertz: float
    note: str  # "A4"
    confidence: float
    is_sure: bool = True


@dataclass(frozen=True, kw_only=True)
class Note:
    """What one reader heard from `start` to `end`, in seconds of the clip."""

    start: float
    end: float
    reader: str  # the model that heard it, as `About.name` tells it
    text: str = ""  # what was said; "" where nobody speaks
    language: str = ""  # code of the language spoken ("de"); "" where nobody speaks
    words: tuple[Word, ...] = ()
    labels: tuple[Label, ...] = ()
    pitch: Pitch | None = None
    level: float | None = None  # loudness of the window in dBFS (root mean square)
    tempo: float | None = None  # beats a minute, where there is a beat
    withheld: str = ""  # why words that the reader wrote were not taken: one of WITHHELD

    def label(self, about: str) -> Label | None:
        """The first finding about something."""
        return next((label for label in self.labels if label.about == about), None)


def as_data(note: Note) -> dict:
    """A note as JSON has it."""
    return asdict(note)


def from_data(data: dict) -> Note:
    """The note of `as_data`. Data of a later version may have more fields: they are left out.
    Raises ValueError where it is no note: a value is missing, or of another type."""
    try:
        parts = {
            "words": tuple(_made(Word, word) for word in data.get("words", ())),
            "labels": tuple(_made(Label, label) for label in data.get("labels", ())),
            "pitch": _made(Pitch, data["pitch"]) if data.get("pitch") else None,
        }
        return _made(Note, data | parts)
    except (TypeError, KeyError, AttributeError, ValueError) as e:
        raise ValueError(f"no note: {e}") from e


def as_json(notes: Iterable[Note]) -> str:
    """The notes of a window as text."""
    return json.dumps([as_data(note) for note in notes], ensure_ascii=False)


def from_json(text: str) -> tuple[Note, ...]:
    """The notes of a window, without those that are damaged."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(note for one in (data if isinstance(data, list) else ()) for note in _read(one))


def _read(data: object) -> list[Note]:
    try:
        return [from_data(data)]
    except ValueError:
        return []


def _made(kind: type, data: dict):
    """Raises ValueError where a value is not of its field's type."""
    values = {field.name: data[field.name] for field in fields(kind) if field.name in data}
    for field in fields(kind):
        if field.name in values and not _fits(values[field.name], field.type):
            raise ValueError(f"{field.name} of a {kind.__name__.lower()} has another type")
    return kind(**values)


def _fits(value: object, kind: object) -> bool:
    """Whether a value is one of a field's type. Lists and pitches were made here."""
    if value is None:
        return kind not in (float, str, bool)
    if kind in (float, float | None):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and abs(value) < _LARGEST and isfinite(value)
    return isinstance(value, kind) if kind in (str, bool) else True
