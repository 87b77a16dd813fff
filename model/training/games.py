"""Speech of adventure games whose script says what is spoken: one part a game, to learn from.

How a game keeps its voices and its script is a file of its own (queen.py, drascula.py); here is
what is believed of them. Only the words are asked: for every other question there are recordings
enough, and so many clips of a few actors would take their places.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import Unplayable
from model.spec import SAMPLE_RATE
from model.training.packing import Pack
from model.training.recordings import ENGLISH
from model.training.sources import LICENCES, pcm
from model.training.texts import sentence

log = logging.getLogger(__name__)
_SECONDS = 0.4, 25  # shortest and longest clip
_RATE = 3, 24  # letters and digits in a second: slower or faster, sound and text do not belong
_FRAME = SAMPLE_RATE // 100
_MARGIN = 15  # frames kept before and after what is said
_QUIET = 0.02  # share of the loudest sample below which nothing is said
_QUOTES = str.maketrans("\x91\x92", "''")  # those of Windows


@dataclass(frozen=True)
class Line:
    """A line of a script with its sound."""

    text: str
    sound: bytes  # a sound file
    hiss: int  # largest 16-bit sample of the recording's silence
    speaker: str | None = None
    gender: str | None = None  # m or f


def pack(package: str, lines: Callable[[Path], Iterator[Line]], sources: Path, out: Path) -> None:
    """One part with the lines of a game, `lines` of the package's folder, that can be believed."""
    left_out = Counter()
    with Pack(out, part_of(package)) as part:
        for line in lines(sources / package):
            text = spelled(line.text)
            try:
                heard = trimmed(pcm(line.sound), line.hiss)
            except Unplayable:
                left_out["no sound"] += 1
                continue
            if why := doubt(text, len(heard) / SAMPLE_RATE):
                left_out[why] += 1
            else:
                part.add(heard, {"transcribe": text}, **_facts(line, package))
    log.info("%s, left out: %s", package, dict(left_out))


def part_of(package: str) -> str:
    """The name of the part that holds a game."""
    return f"speech-{package}"


def spelled(text: str) -> str:
    """A line as the model writes it, and nothing where a number in it can be said in several ways:
    a year, a room. Scripts leave out the space after a pause or a comma."""
    if re.search(r"\d{3}", text):
        return ""
    text = text.translate(_QUOTES)
    return sentence(re.sub(r"\s*(\.{2,}|,)(?=[A-Za-z])", r"\1 ", text))


def doubt(text: str, seconds: float) -> str:
    """Why a clip is not believed to say its text; empty where it is."""
    if not re.search("[A-Za-z]", text) or not (text.isascii() and text.isprintable()):
        return "no words"
    if not _SECONDS[0] <= seconds <= _SECONDS[1]:
        return "length"
    spoken = max(0.1, seconds - 0.2)  # without most of the margins
    rate = sum(map(str.isalnum, text)) / spoken
    return "" if _RATE[0] <= rate <= _RATE[1] else "rate"


def trimmed(heard: np.ndarray, hiss: int) -> np.ndarray:
    """A clip (n,) int16 without the silence around what is said, but for a margin."""
    n = len(heard) // _FRAME
    peaks = np.abs(heard[: n * _FRAME].astype(np.int32)).reshape(n, _FRAME).max(axis=1)  # (frames,)
    loud = np.flatnonzero(peaks > max(hiss, _QUIET * peaks.max(initial=0)))
    if not len(loud):
        return heard[:0]
    return heard[max(0, loud[0] - _MARGIN) * _FRAME : (loud[-1] + 1 + _MARGIN) * _FRAME]


def _facts(line: Line, package: str) -> dict:
    facts = {"speaker": line.speaker, "gender": line.gender, "split": "train"}
    facts |= {"language": ENGLISH, "kind": "speech", "label_quality": "script"}
    return facts | {"source": package, "licence": LICENCES[package]}
