"""Recordings as files that grow while sound comes in, so that a crash loses next to nothing; what a
crash left is found again. Knows no microphone (app/microphone.py).

Each is a wav beside a note of what is known of it. Its header says that the length is unknown until
it is finished, which every reader of wav understands.
"""

import json
import os
import shutil
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np

from model.audio import SHORTEST, Limits
from model.errors import EarshotError, NoRoom
from sessions.presence import Presence

FOLDER = "recordings"
UNKNOWN = 0xFFFF_FFFF  # bytes, in a header: nobody knew yet
HEADER = 44  # bytes
SAFE_SECONDS = 0.5  # of sound that a power cut may take; a killed process loses one block
LOOK_SECONDS = 10  # between two looks at the free disk
ENOUGH = 200e6  # bytes that must be free to begin: half an hour, and room for the rest of us …
LEAST = 100e6  # … and to go on
LONGEST = Limits().seconds  # what can be taken in afterwards
FULL = "The disk is nearly full ({free:.0f} MB free): the recording was ended, and is kept."
TOO_FULL = "There are only {free:.0f} MB free on the disk, too few to record: free some space."
REFUSED = "The disk refused to take more sound ({why}): the recording was ended, and is kept."
TOO_LONG = "A recording lasts {hours:g} hours at most: it was ended, and is kept. Begin another."


class Ended(EarshotError):
    """A recording cannot go on. What was recorded is kept."""


@dataclass(frozen=True)
class Take:
    """A recording that is over: its file, and what is known of it."""

    id: str
    path: Path
    name: str
    began: float  # seconds since 1970
    seconds: float
    marks: tuple[float, ...] = ()  # moments the person marked, in its own seconds
    written: Future | None = field(default=None, compare=False, repr=False)

    def settled(self) -> Path:
        """Its file, once the disk has all of it."""
        if self.written is not None:
            wait([self.written])
        return self.path

    def discard(self) -> None:
        self.settled()
        self.path.unlink(missing_ok=True)
        _note(self.path).unlink(missing_ok=True)


class Recording:
    """A file that is being written, by one thread."""

    def __init__(self, folder: Path, rate: int, name: str, writer: str):
        self._pool = ThreadPoolExecutor(max_workers=1)  # a slow disk must not keep sound waiting
        self._safe: Future = self._pool.submit(lambda: None)
        self.rate, self.name, self.began = rate, name, time.time()
        self.id = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}"
        self.path = folder / f"{self.id}.wav"
        self.n_samples = 0
        self.marks: list[float] = []
        self._writer = writer
        self._unsafe = 0  # samples the disk may not have yet
        self._looked = time.monotonic()
        self._write_note()
        self._file = open(self.path, "x+b", buffering=0)  # a killed process loses nothing written
        self._file.write(_header(rate, UNKNOWN))

    @property
    def seconds(self) -> float:
        return self.n_samples / self.rate

    def write(self, block: np.ndarray) -> None:
        """(n,) int16. Raises Ended where the recording cannot go on."""
        try:
            self._put(block.astype("<i2", copy=False).tobytes())
            self.n_samples += len(block)
            self._unsafe += len(block)
            if self._unsafe >= SAFE_SECONDS * self.rate and self._safe.done():
                self._safe.result()  # what the disk refused then is said now
                self._safe = self._pool.submit(_make_safe, os.dup(self._file.fileno()))
                self._unsafe = 0
        except OSError as error:
            raise Ended(REFUSED.format(why=error.strerror)) from error
        if self.seconds >= LONGEST:
            raise Ended(TOO_LONG.format(hours=LONGEST / 3600))
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if (free := shutil.disk_usage(self.path.parent).free) < LEAST:
                raise Ended(FULL.format(free=free / 1e6))

    def _put(self, pcm: bytes) -> None:
        """All of it: a disk that is nearly full takes a part, and then refuses."""
        left = memoryview(pcm)
        while left:
            left = left[self._file.write(left) :]

    def cut(self, n_samples: int) -> None:
        """Leave out what was recorded after so many samples. It is to be finished then."""
        self.n_samples = min(self.n_samples, n_samples)

    def mark(self) -> float:
        """Remember this moment, across a crash too; in seconds of the recording."""
        at = round(self.seconds, 2)
        self.marks.append(at)
        with suppress(OSError):
            self._write_note()
        return at

    def finish(self) -> Take:
        """Its file is closed as soon as the disk can. Where that refuses, it is read as one that a
        crash left."""
        written = self._pool.submit(self._close)
        self._pool.shutdown(wait=False)
        about = (self.id, self.path, self.name, self.began, self.seconds)
        return Take(*about, tuple(self.marks), written)

    def _close(self) -> None:
        with suppress(OSError):
            self._file.truncate(HEADER + 2 * self.n_samples)
            _mend(self._file)
        with suppress(OSError):
            self._file.close()

    def _write_note(self) -> None:
        note = {"name": self.name, "began": self.began, "marks": self.marks}
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(note | {"writer": self._writer}), encoding="utf-8")
        os.replace(part, _note(self.path))


class Recordings:
    """The folder of recordings that are not yet taken into a conversation."""

    def __init__(self, data_folder: Path):
        self.folder = Path(data_folder) / FOLDER
        self._presence = Presence(self.folder / "writers")

    def begin(self, rate: int, name: str) -> Recording:
        """Raises NoRoom where the disk is too full, or refuses."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (free := shutil.disk_usage(self.folder).free) < ENOUGH:
                raise NoRoom(TOO_FULL.format(free=free / 1e6))
            return Recording(self.folder, rate, name, self._presence.announce())
        except OSError as error:
            raise NoRoom(f"Nothing can be recorded to {self.folder}: {error.strerror}.") from error

    def leftovers(self) -> list[Take]:
        """What was recorded and is in no conversation, since the program was killed or closed
        before. What a living process records, or has recorded, is its own."""
        found = (self._leftover(path) for path in sorted(self.folder.glob("*.wav")))
        return [take for take in found if take is not None]

    def _leftover(self, path: Path) -> Take | None:
        try:
            note = dict(json.loads(_note(path).read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):  # the sound is there all the same
            note = {}
        writer = str(note.get("writer", ""))
        if writer and self._presence.is_alive(writer):
            return None
        try:
            with path.open("r+b", buffering=0) as file:
                seconds = _mend(file)
        except OSError:  # it went while we looked, or may not be changed
            return None
        marks = tuple(float(mark) for mark in note.get("marks", ()) if mark <= seconds)
        began = float(note.get("began", path.stat().st_mtime))
        take = Take(path.stem, path, str(note.get("name", path.stem)), began, seconds, marks)
        if seconds >= SHORTEST:
            return take
        take.discard()
        return None

    def close(self) -> None:
        self._presence.close()


def _make_safe(number: int) -> None:
    """Have the disk take what was written so far to an open file, and let that go."""
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _header(rate: int, n_bytes: int) -> bytes:
    """Of a wav with one channel of 16-bit samples."""
    riff = min(UNKNOWN, n_bytes + HEADER - 8)
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    return b"".join(
        (b"RIFF", struct.pack("<I", riff), b"WAVEfmt ", struct.pack("<I", len(form)), form)
        + (b"data", struct.pack("<I", min(UNKNOWN, n_bytes)))
    )


def _mend(file) -> float:
    """Give an open file the length it has, whatever its header says. Returns its seconds."""
    file.seek(0)
    head = file.read(HEADER)
    if len(head) < HEADER or not head.startswith(b"RIFF"):
        return 0.0
    rate = max(1, struct.unpack_from("<I", head, 24)[0])
    n_bytes = (file.seek(0, os.SEEK_END) - HEADER) // 2 * 2
    file.truncate(HEADER + n_bytes)  # half a sample
    file.seek(0)
    file.write(_header(rate, n_bytes))
    return n_bytes / 2 / rate
