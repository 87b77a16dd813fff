"""A clip to look at: its waveform, and its spectrum as the model hears it. Draws nothing.

The one door to the front end for those who have no torch: it is imported when a spectrum is wanted.
"""

from dataclasses import dataclass

import numpy as np

from model.messages import Clip
from model.spec import SAMPLE_RATE
from model.windows import split

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
    from model.mel import log_mel, n_frames  # torch

    windows = split(clip)
    window = next((one for one in windows if at * SAMPLE_RATE < one.end), windows[-1])
    mel = log_mel(window.samples)[:, : n_frames(len(window.samples))].numpy()  # (mels, frames)
    starts = np.linspace(0, mel.shape[1], min(COLUMNS, mel.shape[1]), endpoint=False).astype(int)
    mel = np.maximum.reduceat(mel, starts, axis=1)  # (mels, columns)
    depth = (mel - (mel.max() - DEPTH)) / DEPTH
    shades = np.rint(255 * depth.clip(0, 1)).astype(np.uint8)
    return Spectrum(shades, window.start / SAMPLE_RATE, window.end / SAMPLE_RATE)
