"""Packed sound: many clips one after the other in a WAV file, and a line for each with what is
true of it. Decides nothing about which of them are learned from.

    FOLDER/NAME.wav           mono, 16 kHz, 16-bit PCM
    FOLDER/parts/NAME.jsonl   {"audio", "start", "duration", "answers": {task: text}, facts ...}

`start` and `duration` are seconds in the WAV file. A part stands under its name only when whole.
"""

import json
import logging
import os
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.spec import SAMPLE_RATE

PARTS = "parts"
log = logging.getLogger(__name__)


class Pack:
    """A part being written, in a `with`. It is there once that has ended without an error."""

    def __init__(self, folder: Path, name: str):
        self.name, self.folder, self.lines, self.end = name, folder, [], 0
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        self.unfinished = folder / f"{name}.wav.unfinished"
        self.wav = wave.open(str(self.unfinished), "wb")
        self.wav.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))

    def add(self, pcm: np.ndarray, answers: dict[str, str], **facts) -> None:
        """A clip (n,) int16, the true answer to each task that can be asked of it, and facts.
        Facts that are None are left out."""
        place = {"start": self.end / SAMPLE_RATE, "duration": len(pcm) / SAMPLE_RATE}
        known = {name: fact for name, fact in facts.items() if fact is not None}
        self.lines.append({"audio": f"{self.name}.wav", **place, "answers": answers, **known})
        self.wav.writeframesraw(pcm.astype("<i2").tobytes())
        self.end += len(pcm)

    def __enter__(self) -> "Pack":
        return self

    def __exit__(self, failed, *_) -> None:
        self.wav.close()
        if failed:
            self.unfinished.unlink()
        else:
            self._finish()

    def _finish(self) -> None:
        os.replace(self.unfinished, self.folder / f"{self.name}.wav")
        write_lines(self.folder / PARTS / f"{self.name}.jsonl", self.lines)
        minutes = self.end / SAMPLE_RATE / 60
        log.info("%s: %d clips, %.1f min", self.name, len(self.lines), minutes)


def is_there(folder: Path, name: str) -> bool:
    """Whether a part was packed already."""
    return (folder / PARTS / f"{name}.jsonl").exists()


def clips(folder: Path) -> Iterator[dict]:
    """Every clip of every part, in the order of the parts' names."""
    for file in sorted((folder / PARTS).glob("*.jsonl")):
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def write_lines(file: Path, rows: list[dict]) -> None:
    """JSON lines; who reads at the same time sees all of the old or all of the new."""
    unfinished = file.with_suffix(".unfinished")
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    unfinished.write_text("".join(lines), encoding="utf-8")
    os.replace(unfinished, file)
