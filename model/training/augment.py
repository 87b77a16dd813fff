"""Sound made new each time it is heard: faster or slower, in a room, over a line, in noise, with
parts of its spectrum hidden. What is true of a clip stays true: a note is never shifted.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import torch

from model.mel import extractor
from model.spec import HOP, MELS, N_FFT, SAMPLE_RATE
from model.training.data import Row

PLAY = 0.12  # share by which a clip may be sped up or slowed down, and its pitch with it
_PLAY_OF = {"note": 0.0, "instrument": 0.0, "instrument family": 0.0, "gender": 0.05}


def play_of(rows: Iterable[Row]) -> float:
    """The share by which the speed of a clip may change, so that all these answers stay true."""
    told = {row.task for row in rows}
    told |= {name for row in rows for name, value in row.facts.items() if value}
    return min(_PLAY_OF.get(name, PLAY) for name in told)


def stretched(wave: np.ndarray, factor: float) -> np.ndarray:
    """Faster and higher (factor above 1) or slower and lower, as a tape would."""
    at = np.arange(int(len(wave) / factor)) * factor
    return np.interp(at, np.arange(len(wave)), wave).astype(np.float32)


def placed(sound: np.ndarray, n: int, draw: np.random.Generator) -> tuple[np.ndarray, int]:
    """Sound (at most n,) somewhere in silence: (n,) float32, and where it begins."""
    wave = np.zeros(n, np.float32)
    sound = sound[:n]
    start = int(draw.integers(0, n - len(sound) + 1))
    wave[start : start + len(sound)] = sound
    return wave, start


def roughened(wave: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A room, a telephone line and noise, each now and then. (n,) float32, also what comes back."""
    if draw.random() < 0.3:
        wave = _in_a_room(wave, draw)
    if draw.random() < 0.35:
        wave = _over_a_line(wave, draw)
    if draw.random() < 0.5:
        wave = _in_noise(wave, draw)
    return wave.astype(np.float32)


def _in_a_room(wave, draw):
    n, m = len(wave), int(SAMPLE_RATE * draw.uniform(0.05, 0.35))
    echoes = draw.standard_normal(m) * np.exp(-np.arange(m) / (m / 6.9))  # 60 dB down at the end
    echoes *= draw.uniform(0.02, 0.12)
    echoes[0] = 1
    size = 1 << (n + m).bit_length()
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echoes, size), size)[:n]


def _over_a_line(wave, draw):
    hertz = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    low, high = draw.uniform(20, 300), draw.choice([3400, 3800, 5500, 7000, 8000])
    gain = 1 / np.sqrt(1 + (low / np.maximum(hertz, 1)) ** 4) / np.sqrt(1 + (hertz / high) ** 16)
    gain *= (np.maximum(hertz, 100) / 1000) ** draw.uniform(-0.5, 0.5)
    return np.fft.irfft(np.fft.rfft(wave) * gain, len(wave))


def _in_noise(wave, draw):
    hertz = np.maximum(np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), 30)
    spectrum = np.fft.rfft(draw.standard_normal(len(wave))) * hertz ** -draw.uniform(0, 1)
    noise = np.fft.irfft(spectrum, len(wave))  # between white and brown
    below = 10 ** (-draw.uniform(5, 40) / 20)
    return wave + noise * below * _loudness(wave) / _loudness(noise)


def _loudness(wave):
    return np.sqrt(np.mean(np.square(wave))) + 1e-9


def levelled(wave: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """As loud as recordings are: a peak between -26 and -4 dBFS."""
    return wave * np.float32(10 ** draw.uniform(-1.3, -0.2) / (np.abs(wave).max() + 1e-6))


@cache
def _front_end() -> tuple[torch.Tensor, torch.Tensor]:
    filters = torch.tensor(extractor(MELS).mel_filters.T, dtype=torch.float32)
    return filters, torch.hann_window(N_FFT)


def log_mel(waves: torch.Tensor) -> torch.Tensor:
    """Samples (clips, n) -> (clips, mels, n // 160): model.mel's, without its 30 s of padding."""
    filters, window = _front_end()
    padded = torch.nn.functional.pad(waves, (0, N_FFT))
    spectrum = torch.stft(padded, N_FFT, HOP, window=window, return_complex=True)
    power = spectrum[..., : waves.shape[1] // HOP].abs() ** 2
    x = (filters @ power).clamp(min=1e-10).log10()
    x = torch.maximum(x, x.amax((1, 2), keepdim=True) - 8)
    return (x + 4) / 4


def masked(mels: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
    """SpecAugment (arXiv 1904.08779), in place on (mels, frames): two bands and two spans of time
    at the mean."""
    bands, frames = mels.shape
    mean = mels.mean()
    for _ in range(2):
        high = draw.integers(0, 14)
        low = draw.integers(0, bands - high)
        mels[low : low + high] = mean
        wide = draw.integers(0, max(2, min(40, frames // 10)))
        start = draw.integers(0, frames - wide)
        mels[:, start : start + wide] = mean
    return mels
