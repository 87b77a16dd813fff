"""What answers look like, and what they say: text with tags to values. One reader for each form.

Marks such as <|2.33|> are seconds in the clip; <|sil|> between two marks is silence.
"""

import re
from dataclasses import dataclass

_MARK = r"<\|(\d{1,2}\.\d\d)\|>"
_TIMED = re.compile(rf"{_MARK}(.*?)(?={_MARK})", re.DOTALL)
_TAG = re.compile(r"<\|[^|<>]*\|>")
_ENTITY = re.compile(
    r"<\|startofentityvalue\|>(.*?)<\|endofentityvalue\|>"
    r"<\|startofentitytype\|>(.*?)<\|endofentitytype\|>",
    re.DOTALL,
)


@dataclass(frozen=True)
class Timed:
    """A word, a sound or a speaker, from when to when in seconds."""

    what: str
    start: float
    end: float


@dataclass(frozen=True)
class Note:
    """MIDI pitch and velocity (0 to 127), and the instrument, as far as they are told."""

    pitch: int | None
    velocity: int | None
    instrument: str


def plain(text: str) -> str:
    """The words, without any tag."""
    return " ".join(_TAG.sub(" ", text).split())


def label(text: str) -> str:
    """A class: the words in lower case, without a full stop."""
    return plain(text).lower().rstrip(".")


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
    """From `<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_75|>…` and words."""
    pitch = re.search(r"<\|midi_pitch_(\d+)\|>", text)
    velocity = re.search(r"<\|midi_velocity_(\d+)\|>", text)
    return Note(
        int(pitch[1]) if pitch else None, int(velocity[1]) if velocity else None, label(text)
    )


READERS = {  # the forms that model/tasks.py names
    "text": plain,
    "class": label,
    "classes": labels,
    "yes or no": yes_or_no,
    "timed words": timed,
    "entities": entities,
    "note": note,
}
