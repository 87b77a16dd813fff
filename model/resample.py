"""Live sound at another rate, a block at a time: for ears that cannot wait for a file. What is
stored is resampled by ffmpeg (audio.py).
"""

from fractions import Fraction

import numpy as np

ZEROS = 16  # crossings of the filter on each side
OPEN = 0.92  # of the band that both rates can hold
BETA = 8.0  # of its Kaiser window: -80 dB beside the band


class Resampler:
    """Windowed sinc, one row of weights for each place between two samples."""

    def __init__(self, rate: int, wanted: int):
        step = Fraction(rate, wanted)
        self._step = step  # input samples from one output sample to the next
        cutoff = OPEN * min(1.0, wanted / rate)
        self._reach = int(np.ceil(ZEROS / cutoff))  # input samples on each side
        taps = np.arange(1 - self._reach, self._reach + 1)
        places = np.arange(step.denominator)[:, None] / step.denominator
        away = taps - places  # (places, taps) input samples from the output sample
        window = np.i0(BETA * np.sqrt(np.maximum(0, 1 - (away / self._reach) ** 2))) / np.i0(BETA)
        rows = cutoff * np.sinc(cutoff * away) * window
        self._rows = (rows / rows.sum(1, keepdims=True)).astype(np.float32)
        self._held = np.zeros(self._reach - 1, np.float32)  # heard, and still needed
        self._next = Fraction(0)  # of the next output sample, in `_held` after its margin

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 -> (m,) float32, as many as can be known so far."""
        if self._step == 1:
            return samples
        held = np.concatenate([self._held, samples])
        last = len(held) - 2 * self._reach  # the last place with a full reach on both sides
        most = max(0, int((last + 1 - self._next) / self._step) + 1)
        up, down = self._step.denominator, self._next.denominator
        at = self._next.numerator * (up // down) + self._step.numerator * np.arange(most + 1)
        whole, places = at // up, at % up
        n = int(np.searchsorted(whole, last, side="right")) if last >= 0 else 0
        windows = np.lib.stride_tricks.sliding_window_view(held, 2 * self._reach) if n else None
        heard = np.einsum("ij,ij->i", windows[whole[:n]], self._rows[places[:n]]) if n else held[:0]
        done = int(whole[n])
        self._next = Fraction(int(at[n]), up) - done
        self._held = held[done:]
        return heard.astype(np.float32)
