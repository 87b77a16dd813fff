"""Manifests to rows, rows to samples. Packed corpora are read where they lie; any other file is
decoded. Knows nothing of batches.

A manifest is JSON lines, a line for one clip and one task:

    {"audio": "speech-00.wav", "start": 12.345, "duration": 2.5, "task": "transcribe",
     "language": "en", "text": "I had to inspect it.", "gender": "f", "source": "…"}

`audio` is any sound file, its path from the manifest's folder; `start` and `duration` (seconds) cut
it; `text` is the true answer, `question` stands where the task is asked in words of its own, and
`times` where it is known when each word is said: [[start, end, word], …] in seconds of the clip.
"""

import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from model import audio
from model.evaluation.manifest import BadManifest, Line, lines
from model.spec import SAMPLE_RATE
from model.tasks import ALSO, SPEECH, TASKS, Task

SPEECH_TASK = "transcribe"
KEPT = 64  # decoded files kept in memory
PAUSE = 0.05  # seconds kept around the words of a window
_LANGUAGES = "en zh de es ko fr ja it".split()  # those with a tag
_PACKED = (1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)  # PCM, mono, 16 kHz, bytes a second, 16 bits
_ANYWHERE = ("language", "gender", "age")  # true of any part of a clip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clip and one task."""

    audio: Path
    start: float = 0.0  # seconds
    duration: float  # seconds
    task: str  # a name in model/tasks.py
    text: str  # the true answer
    question: str = ""
    language: str = ""
    weight: float = 1.0  # how often it is drawn, beside the others of its task
    facts: dict = field(default_factory=dict, compare=False)  # the whole line

    @property
    def clip(self) -> tuple[Path, float, float]:
        """What names the sound: rows of the same clip share it."""
        return self.audio, self.start, self.duration

    def asked(self) -> Task:
        """The task, with the language of this clip in its tags where the task may know it."""
        task = TASKS[self.task]
        if task.domain != SPEECH or task.audio == "unknown" or not self.language:
            return task
        tag = self.language if self.language in _LANGUAGES else "unknown"
        return replace(task, audio=tag, text=tag if task.text == task.audio else task.text)


def read(manifest: Path) -> list[Row]:
    """Every row of a manifest (packed by gzip or not), in order. Raises BadManifest."""
    return [_row(line, manifest.parent) for line in lines(manifest)]


def _row(line: Line, folder: Path) -> Row:
    file, text = line.path(folder), line.text("text").strip()
    task = line.text("task")
    task = ALSO.get(task, task)
    if task not in TASKS:
        raise line.wrong(f"there is no task {task!r}. Tasks are: {', '.join(TASKS)}")
    told = {
        "question": line.text("question", ""),
        "language": line.text("language", "").split("-")[0],
        "weight": line.number_of("weight", 1.0),
    }
    start, duration = line.number_of("start", 0.0), line.number_of("duration")
    if duration is None:
        duration = len(whole(file)) / SAMPLE_RATE - start
    return Row(
        audio=file, start=start, duration=duration, task=task, text=text, facts=line.told, **told
    )


def seconds(rows: Iterable[Row]) -> float:
    """Of sound, each clip counted once."""
    return sum({row.clip: row.duration for row in rows}.values())


def samples(row: Row) -> np.ndarray:
    """(n,) float32 in [-1, 1): the clip of a row."""
    start = round(row.start * SAMPLE_RATE)
    pcm = whole(row.audio)[start : start + round(row.duration * SAMPLE_RATE)]
    if not len(pcm):
        raise BadManifest(f"{row.audio.name} has no sound at {row.start} s.")
    return pcm.astype(np.float32) / 32768


def whole(file: Path) -> np.ndarray:
    """(n,) int16: all of a file. Packed ones stay on disk."""
    packed = _packed(file)
    return _decoded(file) if packed is None else packed


@lru_cache(maxsize=4096)
def _packed(file: Path) -> np.ndarray | None:
    """The samples of a WAV file in the form that corpora are packed in; None for any other."""
    try:
        opened = open(file, "rb")
    except OSError as error:
        raise BadManifest(f"{file} is in a manifest and cannot be read: {error.strerror}") from None
    with opened:
        head, form = opened.read(12), None
        if head[:4] + head[8:] != b"RIFFWAVE":
            return None
        while len(head := opened.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                at, left = opened.tell(), file.stat().st_size - opened.tell()
                n = min(size, left) // 2
                return np.memmap(file, "<i2", "r", at, n) if form == _PACKED and n else None
            chunk = opened.read(size + size % 2)
            form = struct.unpack("<HHIIHH", chunk[:16]) if name == b"fmt " else form
    return None


@lru_cache(maxsize=KEPT)
def _decoded(file: Path) -> np.ndarray:
    return audio.decode(file).pcm()


def within(rows: Iterable[Row], longest: float) -> tuple[list[Row], Counter]:
    """The rows of at most `longest` seconds. A longer one is cut into windows where its `times` are
    known, or where its answer is true of any part; what is left out is counted by its reason."""
    kept, told = [], Counter()
    for row in rows:
        if row.duration <= longest:
            kept.append(row)
        elif row.facts.get("times"):
            windows = _by_words(row, longest)
            told[f"{row.task}: cut at known times"] += 1
            kept += windows
        elif row.task in _ANYWHERE:
            told[f"{row.task}: cut into parts"] += 1
            n = int(row.duration // longest)
            kept += [_part(row, i * longest, longest) for i in range(n)]
        elif TASKS[row.task].domain == SPEECH:
            told[f"{row.task}: left out, longer than {longest:g} s"] += 1
        else:
            told[f"{row.task}: heard in its first {longest:g} s only"] += 1
            kept.append(_part(row, 0, longest))
    return kept, told


def _part(row: Row, start: float, seconds: float, text: str | None = None) -> Row:
    text = row.text if text is None else text
    return replace(row, start=row.start + start, duration=seconds, text=text)


def _by_words(row: Row, longest: float) -> list[Row]:
    """As many words as fit, window after window. A word longer than a window is left out."""
    windows, words = [], []
    for word in row.facts["times"]:
        if words and word[1] - words[0][0] + 2 * PAUSE > longest:
            windows.append(words)
            words = []
        if word[1] - word[0] + 2 * PAUSE <= longest:
            words.append(word)
    windows += [words] if words else []
    parts = []
    for words in windows:
        start = max(0.0, words[0][0] - PAUSE)
        end = min(row.duration, words[-1][1] + PAUSE)
        parts.append(_part(row, start, end - start, " ".join(word[2] for word in words)))
    return parts
