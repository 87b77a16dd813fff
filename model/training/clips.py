"""Training clips: stretched, roughened and masked as they are drawn, in batches of few shapes.

Every clip of a batch fills the whole length, with silence before and after it: no mask, and a
shape per 0.64 s (each new one costs seconds on a processor). The batches never end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from model.mel import extractor
from model.spec import HOP, MELS, N_FFT, SAMPLE_RATE
from model.training.corpus import Spoken

BUCKET = 64  # mel frames: 0.64 s
_SHORTEST = 3  # clips in a batch, at least


@dataclass(frozen=True)
class Batch:
    mels: torch.Tensor  # (clips, mels, frames), all frames sound or silence
    texts: list[str]
    spans: list[tuple[float, float]]  # where each clip's own sound lies: shares of the length


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


def stretched(wave: np.ndarray, factor: float) -> np.ndarray:
    """Faster and higher (factor above 1) or slower and lower, as a tape would."""
    at = np.arange(int(len(wave) / factor)) * factor
    return np.interp(at, np.arange(len(wave)), wave).astype(np.float32)


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


def masked(mels: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
    """SpecAugment (arXiv 1904.08779), in place: two bands and two spans of time at the mean."""
    bands, frames = mels.shape[1:]
    for x in mels:
        mean = x.mean()
        for _ in range(2):
            high = draw.integers(0, 14)
            low = draw.integers(0, bands - high)
            x[low : low + high] = mean
            wide = draw.integers(0, max(2, min(40, frames // 10)))
            start = draw.integers(0, frames - wide)
            x[:, start : start + wide] = mean
    return mels


def batches(
    clips: Sequence[Spoken], seed: int, *, seconds: float, longest: float, rough: float = 0.8
) -> Iterator[Batch]:
    """Batches of about `seconds` of sound, from clips of at most `longest` seconds; a share `rough`
    of them is roughened, and masked if that is most of them."""
    draw, shelves = np.random.default_rng(seed), {}
    while True:
        for i in draw.permutation(len(clips)):
            factor = draw.uniform(0.88, 1.13) if draw.random() < 0.6 else 1.0
            frames = int(clips[i].count / factor) // HOP + int(draw.integers(0, 24))
            size = max(1, -(-frames // BUCKET)) * BUCKET
            if size * HOP > longest * SAMPLE_RATE:
                continue
            shelf = shelves.setdefault(size, [])
            shelf.append((clips[i], factor))
            if len(shelf) >= max(_SHORTEST, min(96, round(seconds * SAMPLE_RATE / HOP / size))):
                yield _batch(shelves.pop(size), size * HOP, rough, draw)


def _batch(
    shelf: list[tuple[Spoken, float]], n: int, rough: float, draw: np.random.Generator
) -> Batch:
    waves, spans = np.zeros((len(shelf), n), np.float32), []
    for wave, (clip, factor) in zip(waves, shelf, strict=True):
        sound = clip.samples if factor == 1 else stretched(clip.samples, factor)
        sound = sound[:n]
        start = int(draw.integers(0, n - len(sound) + 1))
        wave[start : start + len(sound)] = sound
        spans.append((start / n, (start + len(sound)) / n))
        if draw.random() < rough:
            wave[:] = roughened(wave, draw)
        wave *= 10 ** draw.uniform(-1.3, -0.2) / (np.abs(wave).max() + 1e-6)
    mels = log_mel(torch.from_numpy(waves))
    if rough > 0.5:
        mels = masked(mels, draw)
    return Batch(mels, [clip.text for clip, _ in shelf], spans)
