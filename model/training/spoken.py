"""Clips of an older form of corpus: NAME.pcm, 16-bit samples, and NAME.jsonl, a line a clip."""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.spec import SAMPLE_RATE
from model.training.texts import sentence

HUMAN = "human-train"  # the part that people speak; the synthesisers' are SYNTHETIC-00 onwards
SYNTHETIC = "synth"


@dataclass(frozen=True)
class Spoken:
    """One clip of the corpus. Its samples stay on disk until they are asked for."""

    pcm: np.ndarray  # int16, of the whole part
    start: int  # samples
    count: int
    text: str
    source: str  # the package or the synthesiser
    task: str

    @property
    def samples(self) -> np.ndarray:
        """(count,) float32 in [-1, 1)."""
        return self.pcm[self.start : self.start + self.count].astype(np.float32) / 32768


def read(folder: Path, name: str) -> list[Spoken]:
    """The clips of one part."""
    pcm = np.memmap(folder / f"{name}.pcm", "<i2", "r")
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Spoken(pcm, **_known(json.loads(line))) for line in lines]


def _known(row: dict) -> dict:
    return {name: row[name] for name in ("start", "count", "text", "source", "task")}


def training(folder: Path, human: int) -> list[Spoken]:
    """Everything to train on, what people speak `human` times."""
    parts = sorted(file.stem for file in folder.glob(f"{SYNTHETIC}-*.jsonl"))
    clips = [clip for part in parts for clip in read(folder, part)]
    return clips + read(folder, HUMAN) * human


def joined(clips: list[Spoken], n: int, seconds: tuple[float, float], seed: int) -> list[Spoken]:
    """`n` long clips, each of several of one source one after the other, with pauses. In memory:
    32 kB a second."""
    draw, by_source = random.Random(seed), {}
    for clip in clips:
        by_source.setdefault(clip.source, []).append(clip)
    long = []
    for _ in range(n):
        among, wanted = by_source[draw.choice(clips).source], draw.uniform(*seconds)
        pcm, texts = np.zeros(0, np.int16), []
        while True:
            clip = draw.choice(among)
            pause = np.zeros(int(draw.uniform(0.1, 0.8) * SAMPLE_RATE), np.int16)
            more = np.concatenate((pcm, pause, clip.pcm[clip.start : clip.start + clip.count]))
            if texts and len(more) > wanted * SAMPLE_RATE:
                break
            pcm, texts = more, [*texts, sentence(clip.text)]
        long.append(Spoken(pcm, 0, len(pcm), " ".join(texts), clip.source, clip.task))
    return long


class Part:
    """A part being written. It exists under its name only once it is whole."""

    def __init__(self, folder: Path, name: str):
        self.target, self.rows, self.end = folder / name, [], 0
        self.pcm = open(f"{self.target}.pcm.part", "wb")

    def add(self, pcm: np.ndarray, **row) -> None:
        """A clip (n,) int16 and what is known of it."""
        self.pcm.write(pcm.astype("<i2").tobytes())
        self.rows.append({"start": self.end, "count": len(pcm), **row})
        self.end += len(pcm)

    def close(self) -> None:
        self.pcm.close()
        os.replace(self.pcm.name, f"{self.target}.pcm")
        lines = "".join(json.dumps(row) + "\n" for row in self.rows)
        Path(f"{self.target}.jsonl").write_text(lines, encoding="utf-8")
