"""Sound in and out: any file or bytes to a `Clip`, a `Clip` to a file, and a part of one.

Nobody else decodes or resamples. The ffmpeg program carried by the imageio-ffmpeg wheel does both,
in a process of its own (decoder.py), so that a broken file cannot take the app with it; what it
writes is what `ffmpeg -f s16le -ac 1 -ar 16000` writes. pydub cuts and writes.
"""

import os
import stat
import tempfile
import warnings
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from model.decoder import ffmpeg
from model.decoding import Wanted, read
from model.errors import Empty, Unreadable
from model.messages import Clip
from model.refusing import SHORTEST
from model.spec import SAMPLE_RATE

FORMATS = ("wav", "flac", "mp3", "ogg")  # that can be written
LONGEST_NAME = 120  # characters of a file's name in a sentence


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one recording may be. Decoding stops as soon as it is more."""

    seconds: float = 3 * 3600
    size: int = 2 * 10**9  # bytes of the file

    def __post_init__(self):
        if self.seconds < SHORTEST:
            raise ValueError(f"seconds is at least {SHORTEST}; got {self.seconds}")
        if self.size < 1:
            raise ValueError(f"size is a count of bytes, at least 1; got {self.size}")


def decode(
    source: str | os.PathLike | bytes,
    *,
    name: str | None = None,
    seconds: float | None = None,
    limits: Limits | None = None,
    track: int | None = None,
    progress: Callable[[float], object] = lambda seconds: None,
) -> Clip:
    """The sound of a file (by its path) or of a file's bytes, or only its first `seconds`.

    `name` is what messages call it; `track` chooses among several sound tracks, the first of which
    is 1; `progress` is told how many seconds have been read. What is missing, or was changed, say
    the clip's remarks. Raises an `Unplayable` whose sentence says what is wrong.
    """
    if seconds is not None and seconds < SHORTEST:
        raise ValueError(f"seconds is at least {SHORTEST}; got {seconds}")
    limits = limits or Limits()
    wanted = Wanted(
        seconds=seconds, most=limits.seconds, size=limits.size, track=track, progress=progress
    )
    if isinstance(source, bytes | bytearray | memoryview):
        with tempfile.TemporaryFile(buffering=0) as file:  # mp4 must be able to seek
            file.write(source)
            name = _printable(name or "This recording")
            return read(file, name, wanted)
    name = _printable(name or Path(source).name or os.fspath(source))
    with _open(source, name) as file:
        return read(file, name, wanted)


def part(file: str | os.PathLike, start: float, seconds: float | None = None) -> Clip:
    """A stretch of a file, from `start` and `seconds` long (None: to the end), without reading
    what comes before it where the file is a wav as we write them: packed recordings are many."""
    pcm = _from_wav(file, start, seconds)
    if pcm is None:
        end = None if seconds is None else max(start + seconds, SHORTEST)
        pcm = decode(file, seconds=end).pcm()[round(start * SAMPLE_RATE) :]
    if len(pcm) < SHORTEST * SAMPLE_RATE:
        raise Empty(
            f"{_printable(Path(file).name)} has less than {SHORTEST} s of sound from {start:g} s "
            "on. Check where the stretch begins and ends."
        )
    return Clip.of(pcm)


def _from_wav(file, start: float, seconds: float | None) -> np.ndarray | None:
    """(n,) int16, or None where the file is no wav of mono 16-bit samples at 16 kHz."""
    try:
        with wave.open(os.fspath(file), "rb") as sound:
            if sound.getparams()[:3] != (1, 2, SAMPLE_RATE):
                return None
            sound.setpos(min(round(start * SAMPLE_RATE), sound.getnframes()))
            n = sound.getnframes() if seconds is None else round(seconds * SAMPLE_RATE)
            return np.frombuffer(sound.readframes(n), "<i2")
    except (wave.Error, EOFError, OSError):
        return None


def cut(clip: Clip, start: float, end: float) -> Clip:
    """The part between two times in seconds; an end beyond the clip's own means its end."""
    if not 0 <= start < min(end, clip.seconds):
        raise ValueError(
            f"a part starts in the clip and before it ends; got {start} to {end} s "
            f"of {clip.seconds:.2f} s"
        )
    part = _segment(clip).get_sample_slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    return Clip.of(np.frombuffer(part.raw_data, "<i2"))


def export(clip: Clip, target: str | os.PathLike | BinaryIO, format: str = "wav") -> None:
    """Write a clip to a path or an open binary file. wav and flac keep every sample."""
    if format not in FORMATS:
        raise ValueError(f"format is one of {', '.join(FORMATS)}; got {format!r}")
    segment = _segment(clip)
    if format != "wav":
        segment.converter = ffmpeg()
    if isinstance(target, str | os.PathLike):
        segment.export(os.fspath(target), format=format).close()
    else:
        segment.export(target, format=format)


# Reading ------------------------------------------------------------------------------------------


def _open(source, name: str) -> IO[bytes]:
    """The file, unbuffered: its position is shared with the program that reads it."""
    try:
        mode = os.stat(source).st_mode
        if stat.S_ISREG(mode):  # a pipe or a device could block, or never end
            return open(source, "rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name holding NUL
        raise Empty(f"There is no file {name}. Check the name and the folder.") from None
    except OSError as error:
        why = error.strerror or "the system gave no reason"
        raise Unreadable(
            f"{name} cannot be opened: {why}. Allow reading it, or copy it elsewhere."
        ) from None
    if stat.S_ISDIR(mode):
        raise Unreadable(f"{name} is a folder. Give one of the recordings in it.")
    raise Unreadable(f"{name} is a device or a pipe. Save the recording to a file first.")


def _printable(name: str | bytes) -> str:
    text = os.fsencode(name).decode(errors="replace")
    text = text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


# Writing ------------------------------------------------------------------------------------------


@cache
def _pydub():
    with warnings.catch_warnings():
        # pydub warns of audioop's removal in Python 3.13 (audioop-lts replaces it), of its own
        # backslashes, and where no ffmpeg is on the PATH (ours never is)
        warnings.simplefilter("ignore")
        import pydub
    return pydub


def _segment(clip: Clip):
    """A clip as pydub's AudioSegment, whose resampling nobody may use: it has no filter."""
    raw = clip.pcm().tobytes()
    return _pydub().AudioSegment(raw, sample_width=2, frame_rate=SAMPLE_RATE, channels=1)
