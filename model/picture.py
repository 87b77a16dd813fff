"""A clip to look at: its waveform, and its spectrum as the model hears it. Draws nothing.

The one door to the front end for those who have no torch: it is imported when a spectrum is wanted.
"""

from dataclasses import dataclass

import numpy as np

from model.messages import Clip
from model.spec import SAMPLE_RATE
from model.windows import Window, split

PEAKS = 400  # across a clip, whatever its length
COLUMNS = 1000  # at most across a spectrum: 30 ms each for a whole window
DEPTH = 2.0  # from the loudest to the floor, in the model's units: 8 powers of ten, over 4


@dataclass(frozen=True)
class Spectrum:
    """The window of a clip that holds a moment, as log-mel."""

    shades: np.ndarray  # (mels, columns) uint8, lowest pitch first: 255 is the window's loudest
    start: float  # seconds of the clip
    end: float


def peaks(clip: Clip, n: int = PEAKS) -> np.ndarray:
    """The loudest sample in each of n stretches, (n,) uint8: 255 is the clip's loudest."""
    starts = np.linspace(0, len(clip.samples), n, endpoint=False).astype(int)
    loudest = np.maximum.reduceat(np.abs(clip.samples), starts)
    return np.rint(255 * loudest / max(loudest.max(), 1e-9)).astype(np.uint8)


def spectrum(clip: Clip, at: float = 0.0) -> Spectrum:
    """What the encoder is given of the window around a moment in seconds."""
    windows = split(clip)
    window = next((one for one in windows if at * SAMPLE_RATE < one.end), windows[-1])
    shades = _shades(_columns(window, COLUMNS))
    return Spectrum(shades, window.start / SAMPLE_RATE, window.end / SAMPLE_RATE)


def overview(clip: Clip) -> np.ndarray:
    """All windows of a clip side by side, (mels, columns) uint8, as wide as its waveform."""
    windows = split(clip)
    shares = [len(window.samples) / len(clip.samples) for window in windows]
    drawn = [
        _columns(one, round(COLUMNS * share)) for one, share in zip(windows, shares, strict=True)
    ]
    return _shades(np.concatenate(drawn, axis=1))


def _columns(window: Window, most: int) -> np.ndarray:
    """A window's log-mel, the loudest of each of so many stretches at most: (mels, columns)."""
    from model.mel import log_mel, n_frames  # torch

    frames = max(1, n_frames(len(window.samples)))
    mel = log_mel(window.samples)[:, :frames].numpy()  # (mels, frames)
    starts = np.linspace(0, frames, min(max(1, most), frames), endpoint=False).astype(int)
    return np.maximum.reduceat(mel, starts, axis=1)


def _shades(mel: np.ndarray) -> np.ndarray:
    depth = (mel - (mel.max() - DEPTH)) / DEPTH
    return np.rint(255 * depth.clip(0, 1)).astype(np.uint8)
