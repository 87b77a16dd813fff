"""How loud live sound is, now and in the last seconds: a level and a waveform. Draws nothing."""

from collections import deque

import numpy as np

STEP = 0.05  # seconds a peak stands for
KEPT = 400  # peaks: 20 s
FULL = 32768


class Meter:
    """Heard by one thread, read by others."""

    def __init__(self, rate: int):
        self._step = round(STEP * rate)
        self._rest = np.zeros(0, np.int16)
        self.level = 0.0  # root mean square of the latest block, 1 is the loudest there can be
        self.peaks: deque[float] = deque(maxlen=KEPT)  # one for each STEP, 0 to 1
        self.n_peaks = 0  # since the beginning
        self.is_dead = True  # every sample so far was exactly zero: muted, or not allowed

    def hear(self, block: np.ndarray) -> None:
        """(n,) int16."""
        if not len(block):
            return
        self.level = float(np.sqrt(np.mean(np.square(block, dtype=np.float64)))) / FULL
        self.is_dead = self.is_dead and not block.any()
        sound = np.concatenate([self._rest, block])
        n = len(sound) // self._step
        whole = np.abs(sound[: n * self._step].astype(np.int32)).reshape(n, self._step)
        for peak in whole.max(1, initial=0):
            self.peaks.append(float(peak) / FULL)
            self.n_peaks += 1
        self._rest = sound[n * self._step :]
