"""How loud a recording is, and the gain that brings one far from full scale into 16 bits."""

from dataclasses import dataclass

import numpy as np

from model.ffmpeg_log import STEP_16

SILENCE = 3  # largest 16-bit sample of a muted recording: -81 dBFS; of a finer one, one step
QUIET = 0.01  # a largest sample under which 16 bits are too coarse: -40 dBFS
LOUD = 1.06  # one above which a recording that can hold it is scaled: +0.5 dBFS …
LOUD_LOSSY = 1.42  # … and a lossy one, which often goes a little beyond full scale: +3 dBFS
TARGET = 0.89  # of the largest sample once it is scaled: -1 dBFS
OFFSET = 0.1  # of the largest sample: a mean that is taken out before anything is scaled
ABSURD = 1e10  # no sample: even 32-bit integers written as floats are smaller
TINY = 1e-12  # where the largest is smaller, powers are too small for float32
_EXPONENTS = 1100  # of float64: from 2^-1074 to 2^1024
_LARGEST = 1000
_FAR = 20  # powers of two: 120 dB
STRAY = 0.001  # of a recording's samples: so many may be larger than its sound


@dataclass
class Level:
    """Of samples that pass by, float or int16 (which counts as 1/32768)."""

    low: float = np.inf
    high: float = -np.inf
    n: int = 0
    n_bad: int = 0  # not numbers, or infinite, or absurd
    total: float = 0.0  # of float samples

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """(n,) -> the same, with zeros for what is no number."""
        is_float = samples.dtype.kind == "f"
        unit = 1.0 if is_float else 32768.0
        samples = self.clean(samples) if is_float else samples
        if len(samples):
            self.low = min(self.low, float(samples.min()) / unit)
            self.high = max(self.high, float(samples.max()) / unit)
            self.n += len(samples)
            self.total += float(samples.sum(dtype=np.float64)) / unit if is_float else 0.0
        return samples

    def clean(self, samples: np.ndarray) -> np.ndarray:
        """Any float samples, with zeros for what is no number. They are counted."""
        bad = ~(np.abs(samples) < ABSURD)
        n_bad = int(bad.sum())
        self.n_bad += n_bad
        return np.where(bad, np.float32(0), samples) if n_bad else samples

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

    def is_silent(self, step: float) -> bool:
        """Whether nothing was recorded, with so much from one possible sample to the next: an
        uncertain last bit is no sound, but any other is."""
        return self.swing <= (SILENCE * step if step == STEP_16 else step)

    @property
    def is_extreme(self) -> bool:
        """Of float samples: whether some are too large to be samples, or all are too small."""
        return self.n_bad > 0 or self.swing < TINY


class Magnitudes:
    """How large float64 samples are, whatever their scale."""

    def __init__(self):
        self._counts = np.zeros(2 * _EXPONENTS, np.int64)  # by powers of two

    def hear(self, samples: np.ndarray) -> None:
        """(n,) float64."""
        sound = samples[np.isfinite(samples) & (samples != 0)]
        exponents = np.frexp(sound)[1] + _EXPONENTS
        self._counts += np.bincount(exponents, minlength=len(self._counts))

    @property
    def factor(self) -> float:
        """A power of two that takes the sound to less than 1; 1 where there is none. Numbers far
        from all others are none of it: those of a usual size are, or else the most."""
        often = np.flatnonzero(self._counts > STRAY * self._counts.sum()) - _EXPONENTS
        if not len(often):
            return 1.0
        groups = np.split(often, np.flatnonzero(np.diff(often) > _FAR) + 1)
        usual = [group for group in groups if TINY < np.ldexp(1.0, group[-1]) < ABSURD]
        most = max(groups, key=lambda group: self._counts[group + _EXPONENTS].sum())
        top = int((usual[-1] if usual else most)[-1])
        return 2.0 ** -max(-_LARGEST, min(_LARGEST, top))


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
