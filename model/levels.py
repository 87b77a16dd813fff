"""How loud a recording is, and the gain that brings one far from full scale into 16 bits."""

from dataclasses import dataclass

import numpy as np

SILENCE = 3  # largest 16-bit sample of a muted recording: -81 dBFS
FINE_SILENCE = 3 / 2**23  # the same of a 24-bit one: -129 dBFS
QUIET = 0.01  # a largest sample under which 16 bits are too coarse: -40 dBFS
LOUD = 1.06  # one above which a recording that can hold it is scaled: +0.5 dBFS …
LOUD_LOSSY = 1.42  # … and a lossy one, which often goes a little beyond full scale: +3 dBFS
TARGET = 0.89  # of the largest sample once it is scaled: -1 dBFS
OFFSET = 0.1  # of the largest sample: a mean that is taken out before anything is scaled
ABSURD = 1e10  # no sample: even 32-bit integers written as floats are smaller


@dataclass
class Level:
    """Of samples that pass by, float or int16 (which counts as 1/32768)."""

    low: float = np.inf
    high: float = -np.inf
    n: int = 0
    n_bad: int = 0  # not numbers, or infinite
    total: float = 0.0  # of float samples

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """(n,) -> the same, with zeros for what is no number."""
        if samples.dtype.kind == "f":
            bad = ~(np.abs(samples) < ABSURD)
            if bad.any():
                samples = np.where(bad, np.float32(0), samples)
                self.n_bad += int(bad.sum())
            unit = 1.0
        else:
            unit = 32768.0
        if len(samples):
            self.low = min(self.low, float(samples.min()) / unit)
            self.high = max(self.high, float(samples.max()) / unit)
            self.n += len(samples)
            self.total += float(samples.sum(dtype=np.float64)) / unit if unit == 1 else 0.0
        return samples

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def swing(self) -> float:
        """Half the distance between the highest and the lowest sample: no constant counts."""
        return max(0.0, (self.high - self.low) / 2)

    @property
    def peak(self) -> float:
        return max(0.0, self.high, -self.low)

    @property
    def is_clipped(self) -> bool:
        """Of int16 samples: whether one is as large as can be."""
        return self.high >= 32767 / 32768 or self.low <= -1

    def is_silent(self, is_fine: bool) -> bool:
        return self.swing <= (FINE_SILENCE if is_fine else SILENCE / 32768)


@dataclass(frozen=True)
class Gain:
    """What is taken from each sample, and what it is multiplied by."""

    offset: float = 0.0
    factor: float = 1.0

    @classmethod
    def of(cls, level: Level, quiet: float, loud: float) -> "Gain":
        """One for the whole recording; 1 where it lies between two levels."""
        if not level.n or quiet <= level.swing and level.peak <= loud:
            return cls()
        offset = level.mean if abs(level.mean) > OFFSET * level.peak else 0.0
        peak = max(level.high - offset, offset - level.low)
        is_usual = not peak or quiet <= level.swing and peak <= loud
        return cls(offset, 1.0 if is_usual else TARGET / peak)

    @property
    def is_none(self) -> bool:
        return self == Gain()

    def pcm(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 -> (n,) int16."""
        scaled = (samples.astype(np.float64) - self.offset) * self.factor
        return np.clip(np.rint(scaled * 32768), -32768, 32767).astype("<i2")
