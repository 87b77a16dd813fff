"""Several channels to one without losing a voice. Pure arithmetic on samples.

The usual mix adds the channels. What stands in two of them with opposite phase cancels, and a
channel that is taken for a subwoofer's is left out. `MixLoss` finds that out beside the mix, and
`AlignedMix` is the one that cannot lose anything.
"""

import numpy as np

from model.spec import SAMPLE_RATE

_FRAME = 512  # samples: 32 ms
_HOP = _FRAME // 2
_HERTZ = SAMPLE_RATE / _FRAME  # from one frequency bin to the next
_BINS = slice(int(250 / _HERTZ), int(7000 / _HERTZ))  # of voices, and above a subwoofer's
_LOST = 0.03  # of the power that the channels of a bin would have without phase: -15 dB
_STRIDE = 2 * _FRAME  # every other frame is looked at
_BATCH = 64  # frames
_STRETCH = 8  # frames that are looked at: 0.5 s
_MOST_IN_A_STRETCH = 0.5  # of its power may be lost in the mix; noise without relation loses 0.015
_MOST = 0.06  # of the whole clip's
_AUDIBLE = 1e-5  # of the power of the loudest stretch
FAINTEST = 2e-9  # mean power of a sample that is more than 16-bit noise: -87 dBFS
_MEMORY = 0.8  # of a channel's power from one frame to the next: 70 ms


class MixLoss:
    """Watches a mix and the channels it is made of."""

    def __init__(self, n_channels: int, faintest: float = FAINTEST):
        self._faintest = faintest
        self._weight = 0.8 / max(1, n_channels)  # of a channel in the usual mix, about
        self._left = np.empty((1 + n_channels, 0), np.int16)
        self._low, self._high = np.zeros((2, 1 + n_channels))
        self._power: list[np.ndarray] = []  # of frames
        self._lost: list[np.ndarray] = []

    def hear(self, block: np.ndarray) -> None:
        """(n, 1 + channels) float32, or int16: the mix, then its channels."""
        rows = np.ascontiguousarray(block.T)
        if len(block):
            self._low = np.minimum(self._low, rows.min(1))
            self._high = np.maximum(self._high, rows.max(1))
        rows = np.concatenate([self._left, rows], axis=1)
        n = rows.shape[1] // _STRIDE
        self._left = rows[:, n * _STRIDE :]
        frames = rows[:, : n * _STRIDE].reshape(len(rows), n, _STRIDE)[..., :_FRAME]
        for i in range(0, n, _BATCH):
            self._look(frames[:, i : i + _BATCH])

    def _look(self, frames: np.ndarray) -> None:
        """At (1 + channels, frames, samples)."""
        unit = 1.0 if frames.dtype.kind == "f" else 1 / 32768
        frames = frames * (_WINDOW * np.float32(unit))
        if not np.isfinite(frames.sum()):
            frames = np.nan_to_num(frames, posinf=0, neginf=0)
        spectra = np.fft.rfft(frames)[..., _BINS]
        power = np.square(spectra.real) + np.square(spectra.imag)
        mix, channels = power[0], power[1:].sum(0)  # (frames, bins)
        lost = mix < _LOST * self._weight**2 * channels
        self._power.append(channels.sum(1))
        self._lost.append((channels * lost).sum(1))

    @property
    def swing(self) -> float:
        """Half the distance from the lowest to the highest sample of the loudest channel, as they
        were given."""
        return float((self._high - self._low)[1:].max(initial=0) / 2)

    @property
    def is_loss(self) -> bool:
        """Whether something that can be heard in a channel cannot be heard in the mix."""
        power, lost = (_stretches(parts) for parts in (self._power, self._lost))
        if not len(power) or not power.max():
            return False
        faintest = self._faintest * _FRAME * np.square(_WINDOW).sum() / 2 * _STRETCH
        audible = power > max(_AUDIBLE * power.max(), faintest)
        if (lost[audible] > _MOST_IN_A_STRETCH * power[audible]).any():
            return True
        return audible.any() and lost[audible].sum() > _MOST * power[audible].sum()


def _stretches(parts: list[np.ndarray]) -> np.ndarray:
    """Sums over half a second, one for each quarter."""
    frames = np.concatenate(parts) if parts else np.empty(0)
    if len(frames) <= _STRETCH:
        return frames.sum(keepdims=True)
    return np.lib.stride_tricks.sliding_window_view(frames, _STRETCH)[:: _STRETCH // 2].sum(1)


class AlignedMix:
    """Adds the power of all channels in each short time and each frequency bin, with the phase of
    the first channel that has a good part of it. What stands in one channel alone, or in several
    with one shape, keeps its shape. As loud as the channels together."""

    def __init__(self, n_channels: int):
        self._held = np.zeros((_HOP, n_channels), np.float32)
        self._tail = np.zeros(_HOP, np.float32)
        self._mean: np.ndarray | None = None  # (bins, channels) power, of late
        self._skip = _HOP  # samples of the padding before the beginning

    def hear(self, block: np.ndarray) -> np.ndarray:
        """(n, channels) float32 -> (m,) float32, as far as it can be known."""
        held = np.concatenate([self._held, np.nan_to_num(block, posinf=0, neginf=0)])
        n = max(0, (len(held) - _FRAME) // _HOP + 1)
        self._held = held[n * _HOP :]
        out = [self._mixed(held[i * _HOP : i * _HOP + _FRAME]) for i in range(n)]
        mixed = np.concatenate(out) if out else np.empty(0, np.float32)
        skipped = min(self._skip, len(mixed))
        self._skip -= skipped
        return mixed[skipped:]

    def end(self) -> np.ndarray:
        """(m,) float32, the rest."""
        n_left = len(self._held)
        rest = self.hear(np.zeros((2 * _FRAME, self._held.shape[1]), np.float32))
        return rest[:n_left]

    def _mixed(self, frame: np.ndarray) -> np.ndarray:
        spectra = np.fft.rfft(frame * _ROOT[:, None], axis=0)  # (bins, channels)
        power = np.square(spectra.real) + np.square(spectra.imag)
        mean = power if self._mean is None else _MEMORY * self._mean + (1 - _MEMORY) * power
        self._mean = mean
        first = (mean >= 0.25 * mean.max(1, keepdims=True)).argmax(1)
        rows = np.arange(len(first))
        is_weak = power[rows, first] < 0.01 * power.max(1)
        first = np.where(is_weak, power.argmax(1), first)
        guide, size = spectra[rows, first], np.sqrt(power[rows, first])
        mixed = guide * (np.sqrt(power.sum(1)) / np.maximum(size, 1e-30))
        samples = np.fft.irfft(mixed, _FRAME) * _ROOT
        done = self._tail + samples[:_HOP]
        self._tail = samples[_HOP:]
        return done.astype(np.float32)


class LiveMix:
    """The same of 16-bit blocks as they come from a device, of any rate: at most 512 samples late.
    As loud as one of the channels where all are alike, so that nothing goes beyond full scale."""

    def __init__(self, n_channels: int):
        self._mix = AlignedMix(n_channels)
        self._factor = n_channels**-0.5

    def hear(self, block: np.ndarray) -> np.ndarray:
        """(n, channels) int16 -> (m,) int16, as far as it can be known."""
        return self._pcm(self._mix.hear(block.astype(np.float32)))

    def end(self) -> np.ndarray:
        """(m,) int16, the rest."""
        return self._pcm(self._mix.end())

    def _pcm(self, mixed: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(mixed * self._factor), -32768, 32767).astype(np.int16)


_WINDOW = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
_ROOT = np.sqrt(_WINDOW)  # for analysis and synthesis: their product adds up to 1 at half a frame
