"""What was heard in a window of a clip, as data: words with times, language, sounds, voice, pitch.

A note says what a reader took down, and how sure it was; nothing here listens. `as_data` and
`from_data` are the form in which notes are stored and exported.
"""

from dataclasses import asdict, dataclass

DOUBTFUL = 0.5  # probability below which a word is shown as doubtful
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
    withheld: str = ""  # why words that the reader wrote were not taken: "silence", "loop", …

    def label(self, about: str) -> Label | None:
        """The first finding about something."""
        return next((label for label in self.labels if label.about == about), None)


def as_data(note: Note) -> dict:
    """A note as JSON has it."""
    return asdict(note)


def from_data(data: dict) -> Note:
    """The note of `as_data`. Data of a later version may have more fields: they are left out.
    Raises ValueError where it is no note."""
    try:
        values = {name: data[name] for name in Note.__dataclass_fields__ if name in data}
        pitch = values.get("pitch")
        values["words"] = tuple(_made(Word, word) for word in values.get("words", ()))
        values["labels"] = tuple(_made(Label, label) for label in values.get("labels", ()))
        values["pitch"] = _made(Pitch, pitch) if pitch else None
        return Note(**values)
    except (TypeError, KeyError, AttributeError) as e:
        raise ValueError(f"no note: {e}") from e


def _made(kind: type, data: dict):
    return kind(**{name: data[name] for name in kind.__dataclass_fields__ if name in data})
