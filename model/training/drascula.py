"""The lines of `Drascula: The Vampire Strikes Back`, in English.

As read from the files themselves, numbers big-endian and of 16 bits:

    drascula.dat  tables, then the texts: one array a speaker, in the order of _SPEAKERS. An array:
                  number of texts, and for each of six languages, English first, the number of
                  bytes, a zero, and the texts. A text: its size with this number, then characters
                  up to a zero.
    WN.ALS        voice: text N of speaker W, 8-bit unsigned samples, 11 025 Hz, without a header

The script is in capitals throughout.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.training.games import Line
from model.training.sources import wav

PACKAGE = "drascula"
_FOLDER = "usr/share/scummvm/drascula/en"
_RATE = 11_025  # Hz
_HISS = 640  # two and a half steps of 8 bits
_SPEAKERS = " D B BJ E I L P T VB".split(" ")  # the first, without a letter, is the hero
_LANGUAGES = 6
_FIRST = b"THAT'S THE SECOND BIGGEST DOOR"  # what the hero's texts begin with, behind an empty one
_BEFORE_FIRST = 12  # bytes: number of texts, of bytes, a zero, the empty text, a size
_NAMES = ("drascula", "von braun", "billie jean", "b.j.", "igor", "johnny", "john", "transilvania")


def lines(folder: Path) -> Iterator[Line]:
    """The lines of the unpacked package that have a voice."""
    files = folder / _FOLDER
    for speaker, texts in script((files / "drascula.dat").read_bytes()).items():
        for number, text in enumerate(texts):
            voice = files / f"{speaker}{number}.ALS"
            if text and voice.exists():
                sound = wav(np.fromfile(voice, np.uint8), _RATE)
                name = f"drascula-{speaker.lower() or 'john'}"
                yield Line(small(text), sound, _HISS, name)


def script(data: bytes) -> dict[str, list[str]]:
    """The English texts of every speaker in drascula.dat."""
    at = data.index(_FIRST) - _BEFORE_FIRST
    found = {}
    for speaker in _SPEAKERS:
        at += 2
        for language in range(_LANGUAGES):
            (size,) = struct.unpack_from(">H", data, at)
            if language == 0:
                found[speaker] = _texts(data[at + 2 : at + 2 + size])
            at += 2 + size
    return found


def _texts(array: bytes) -> list[str]:
    found, at = [], 2
    while at + 2 <= len(array):
        (size,) = struct.unpack_from(">H", array, at)
        if size < 2:
            break
        found.append(array[at + 2 : at + size].split(b"\0")[0].decode("latin-1"))
        at += size
    return found


def small(text: str) -> str:
    """A text in capitals as it is written otherwise: they stay where a sentence begins, in names
    and in I."""
    text = re.sub(r"\bi\b", "I", text.lower())
    begins = r"""^\W*\w|(?:(?<!\.)\.|[!?])["']?\s+["']?\w"""
    text = re.sub(begins, lambda begin: begin[0].upper(), text)
    names = "|".join(re.escape(name) for name in _NAMES)
    return re.sub(rf"\b(?:{names})", lambda name: name[0].title(), text)
