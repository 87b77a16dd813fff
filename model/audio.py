"""Sound in and out: any file or bytes to a `Clip`, a `Clip` to a file, and a part of one.

Nobody else decodes or resamples. The ffmpeg program carried by the imageio-ffmpeg wheel does both,
in a process of its own (decoder.py), so that a broken file cannot take the app with it; what it
writes is what `ffmpeg -f s16le -ac 1 -ar 16000` writes. pydub cuts and writes.
"""

import os
import re
import stat
import struct
import tempfile
import warnings
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from model.decoder import Log, ffmpeg, started
from model.errors import Empty, Mislabelled, Silent, TooLarge, Truncated, Unreadable
from model.messages import Clip
from model.spec import SAMPLE_RATE

SHORTEST = 0.1  # seconds
SILENCE = 3  # largest 16-bit sample of a muted recording: -81 dBFS
SLACK = 0.25, 0.01  # seconds and share by which headers of whole files are wrong (wma: 0.05 s)
FORMATS = ("wav", "flac", "mp3", "ogg")  # that can be written
LONGEST_NAME = 120  # characters of a file's name in a sentence
HEADERLESS = {".g722": "g722", ".gsm": "gsm"}  # telephone sound, known by its name alone


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
    progress: Callable[[float], object] = lambda seconds: None,
) -> Clip:
    """The sound of a file (by its path) or of a file's bytes, or only its first `seconds`.

    `name` is what messages call it; `progress` is told how many seconds have been read. Raises an
    `Unplayable` whose sentence says what is wrong.
    """
    if seconds is not None and seconds < SHORTEST:
        raise ValueError(f"seconds is at least {SHORTEST}; got {seconds}")
    limits = limits or Limits()
    if isinstance(source, bytes | bytearray | memoryview):
        with tempfile.TemporaryFile(buffering=0) as file:  # mp4 must be able to seek
            file.write(source)
            name = _printable(name or "This recording")
            return _decode_file(file, name, _Wanted(seconds, limits, progress))
    name = _printable(name or Path(source).name or os.fspath(source))
    with _open(source, name) as file:
        return _decode_file(file, name, _Wanted(seconds, limits, progress))


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


@dataclass(frozen=True)
class _Wanted:
    """How much of a file, how much at most, and who is told how far it is."""

    seconds: float | None
    limits: Limits
    progress: Callable[[float], object]


def _decode_file(file: IO[bytes], name: str, wanted: _Wanted) -> Clip:
    seconds, limits = wanted.seconds, wanted.limits
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise Empty(f"{name} is empty: it holds no byte. Record or copy it again.")
    if size > limits.size:
        raise TooLarge(
            f"{name} has {size / 1e6:,.0f} MB; the limit is {limits.size / 1e6:,.0f} MB. "
            "Cut it into parts, or save it as mp3."
        )
    file.seek(0)
    _refuse_other_content(file.read(4096), name)
    file.seek(0)
    cut_short = _wav_ends_early(file, size)
    file.seek(0)
    chunks, log = _run(file, name, size, wanted)
    if not log.is_known and (kind := HEADERLESS.get(Path(name).suffix.lower())):
        file.seek(0)
        chunks, log = _run(file, name, size, wanted, kind)
    n_samples = sum(map(len, chunks))
    if seconds is None or n_samples < int(seconds * SAMPLE_RATE):
        _refuse_damage(name, n_samples / SAMPLE_RATE, seconds, cut_short, log)
        if all(np.abs(chunk.astype(np.int32)).max(initial=0) <= SILENCE for chunk in chunks):
            raise Silent(
                f"{name} is silent from beginning to end. Was the microphone muted? Record again."
            )
    return Clip.of_chunks(chunks)


def _run(file, name, size, wanted: _Wanted, kind=None) -> tuple[list[np.ndarray], Log]:
    """Chunks (n,) int16 of mono sound at 16 kHz, as the program writes them, and its log."""
    limits = wanted.limits
    chunks, room = [], int(limits.seconds * SAMPLE_RATE)
    with started(file, size, seconds=wanted.seconds, kind=kind) as program:
        for chunk in program.chunks():
            chunks.append(chunk)
            room -= len(chunk)
            wanted.progress(limits.seconds - room / SAMPLE_RATE)
            is_stated = len(chunks) == 1 and _states_more(program.log(), wanted)
            if room < 0 or is_stated:
                chunks.clear()  # else what is raised would hold them
                raise TooLarge(
                    f"{name} is longer than {limits.seconds / 60:.3g} minutes, the limit. "
                    "Cut it into parts."
                )
        return chunks, program.log()


def _states_more(log: Log, wanted: _Wanted) -> bool:
    """Whether a header promises more than is taken: no need to read up to there, true or not."""
    most = wanted.limits.seconds * (1 + SLACK[1]) + SLACK[0]
    return wanted.seconds is None and log.stated is not None and log.stated > most


# Refusing -----------------------------------------------------------------------------------------

CONTENTS = {  # first bytes of what people drop by mistake
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a rar archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"MThd": "a MIDI file, notes without sound",
    b"MZ": "a Windows program",
    b"\x7fELF": "a program",
    b"SQLite format 3": "a database",
}
IMAGES = {b"WEBP": "a WebP image", b"heic": "a HEIC image", b"avif": "an AVIF image"}
PLAYLIST = re.compile(r"\s*(#EXTM3U|#EXTINF|ffconcat|\[playlist\]|<asx|<smil|<MPD|file ')", re.I)
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # never in text


def _refuse_other_content(head: bytes, name: str) -> None:
    """By its first bytes: extensions lie, and an mp3 named .wav is welcome."""
    what = next((what for first, what in CONTENTS.items() if head.startswith(first)), None)
    what = what or IMAGES.get(head[8:12])
    if what is None and not head.startswith(b"#!AMR") and (text := _as_text(head)) is not None:
        what = "a playlist, a list of names" if PLAYLIST.match(text) else "text"
    if what:
        raise Mislabelled(f"{name} is not sound but {what}. Give the recording itself.")


def _as_text(head: bytes) -> str | None:
    for cut_off in range(4):  # the last character may be only begun
        try:
            text = head[: len(head) - cut_off].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        return None if CONTROLS.search(text) else text
    return None


def _refuse_damage(name, seconds, asked, cut_short, log: Log) -> None:
    """`seconds` came out; `asked` is None for all of the file."""
    if log.is_overdue:
        raise TooLarge(
            f"{name} takes longer to read than any recording of its size. "
            "Convert it to wav or mp3, and give that."
        )
    if cut_short or "moov atom not found" in log.text or ": partial file" in log.text:
        raise Truncated(
            f"{name} ends before the length in its header: it was cut off while being copied or "
            "recorded. Copy it again or record again."
        )
    stated = log.stated and min(log.stated, asked or log.stated)
    if stated and log.status == 0 and seconds < stated * (1 - SLACK[1]) - SLACK[0]:
        raise Truncated(
            f"{name} ends after {seconds:.1f} s, its header states {log.stated:.1f} s: it was cut "
            "off or damaged while being copied or recorded. Copy it again or record again."
        )
    if log.is_known and not log.has_audio:
        raise Empty(f"{name} has no audio track. Give a recording that has sound.")
    if log.status or not log.is_known:
        raise Unreadable(
            f"{name} is damaged, or in a format that ffmpeg does not know. "
            "Copy it again, or convert it to wav or mp3."
        )
    if seconds == 0:
        raise Empty(f"{name} holds no sound: its audio track is empty. Record again.")
    if seconds < SHORTEST:
        raise Empty(
            f"{name} lasts {seconds:.3f} s; nothing can be heard in less than {SHORTEST} s. "
            "Record again."
        )


def _wav_ends_early(file: IO[bytes], size: int) -> bool:
    """Whether a wav file is shorter than its data chunk. ffmpeg takes such a file for whole."""
    riff, stated, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    # Streamed files state 0, 2**31 - 1 or 2**32 - 1 bytes, or a little less: they knew no better
    if (riff, kind) != (b"RIFF", b"WAVE") or not 0 < stated < 0x7FFF_0000:
        return False
    while len(header := file.read(8)) == 8:
        chunk, length = struct.unpack("<4sI", header)
        if chunk == b"data":
            return file.tell() + length > size and length < 0x7FFF_0000
        file.seek(length + length % 2, os.SEEK_CUR)
    return False


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
