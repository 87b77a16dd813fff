"""What answers look like, and what they say: text with tags to values. One reader for each form.

Marks such as <|2.33|> are seconds in the clip; <|sil|> between two marks is silence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARK = r"<\|(\d{1,2}\.\d\d)\|>"
_TIMED = re.compile(rf"{_MARK}(.*?)(?={_MARK})", re.DOTALL)
_TAG = re.compile(r"<\|[^|<>]*\|>")
_ARTICLE = re.compile(r"^(?:an?|the) (?=.)")
_ENTITY = re.compile(
    r"<\|startofentityvalue\|>(.*?)<\|endofentityvalue\|>"
    r"<\|startofentitytype\|>(.*?)<\|endofentitytype\|>",
    re.DOTALL,
)
_PITCH = re.compile(
    r"(?<![A-Za-z])([A-G]|[a-g](?=[#♯b♭]?\d))([ -]?(?i:sharp|flat)|[#♯b♭])? ?(-?\d)(?!\d)"
)
_MIDDLE_C = re.compile(r"\bmiddle c\b(?! ?\d)", re.IGNORECASE)
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHIFTS = {"": 0, "sharp": 1, "#": 1, "♯": 1, "flat": -1, "b": -1, "♭": -1}


@dataclass(frozen=True)
class Timed:
    """A word, a sound or a speaker, from when to when in seconds."""

    what: str
    start: float
    end: float


@dataclass(frozen=True)
class Note:
    """MIDI pitch (middle C, C4, is 60) and velocity, each 0 to 127, the instrument, and how it
    sounds, as far as they are told."""

    pitch: int | None
    velocity: int | None
    instrument: str
    qualities: tuple[str, ...] = ()


def plain(text: str) -> str:
    """The words, without any tag."""
    return " ".join(_TAG.sub(" ", text).split())


def label(text: str) -> str:
    """A class: the words in lower case, without an article before or a full stop after them."""
    return _ARTICLE.sub("", plain(text).lower()).rstrip(" .!")


def named(text: str, choices: Sequence[str]) -> set[str]:
    """Which of these labels the text names, as words of their own. A label within a longer one is
    not named by it: who says "bass guitar" has not said "guitar"."""
    text, found = label(text), set()
    for choice in sorted(choices, key=len, reverse=True):
        text, times = re.subn(rf"(?<!\w){re.escape(label(choice))}(?!\w)", "|", text)
        if times:
            found.add(choice)
    return found


def labels(text: str) -> tuple[str, ...]:
    """Several classes, separated by commas."""
    return tuple(filter(None, (label(part) for part in text.split(","))))


def yes_or_no(text: str) -> bool | None:
    """None where the answer begins with neither."""
    first = re.match(r"\W*(yes|no)\b", plain(text).lower())
    return None if first is None else first[1] == "yes"


def timed(text: str) -> tuple[Timed, ...]:
    """What stands between two marks; silence is left out."""
    found = []
    for match in _TIMED.finditer(text):
        what, silent = plain(match[2]), "<|sil|>" in match[2]
        if what and not silent:
            found.append(Timed(what, float(match[1]), float(match[3])))
    return tuple(found)


def entities(text: str) -> tuple[tuple[str, str], ...]:
    """(type, value) of each entity, in their order."""
    return tuple((plain(kind), plain(value)) for value, kind in _ENTITY.findall(text))


def note(text: str) -> Note:
    """From `<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_75|><|sonic|>dark, bright
    <|instrument|>organ`, or from words alone: "C4.", "F sharp 3 on an organ", "The note is middle
    C."."""
    pitch = re.search(r"<\|midi_pitch_(\d+)\|>", text)
    velocity = re.search(r"<\|midi_velocity_(\d+)\|>", text)
    if pitch or velocity:
        sonic, instrument = (
            re.search(rf"<\|{tag}\|>([^<]*)", text) for tag in ("sonic", "instrument")
        )
        return Note(
            _int(pitch),
            _int(velocity),
            label(instrument[1] if instrument else text),
            labels(sonic[1]) if sonic else (),
        )
    words = _MIDDLE_C.sub("C4", plain(text))
    spoken = _PITCH.search(words)
    if spoken is None:
        return Note(None, None, label(words))
    letter, shift, octave = spoken.groups()
    steps = _SEMITONES[letter.upper()] + _SHIFTS[(shift or "").strip(" -").lower()]
    played = re.search(r"\b(?:on|by|with) (.+)", words[spoken.end() :])
    instrument = label(played[1]) if played else ""
    return Note(steps + 12 * (int(octave) + 1), None, instrument)


def _int(match: re.Match | None) -> int | None:
    return int(match[1]) if match else None


READERS = {  # the forms that model/tasks.py names
    "text": plain,
    "class": label,
    "classes": labels,
    "yes or no": yes_or_no,
    "timed words": timed,
    "entities": entities,
    "note": note,
}
