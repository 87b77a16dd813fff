"""Where a recording is quiet, by its level alone: pauses between words, and words without the quiet
around them. Pure arithmetic on samples.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from model.listening.notes import Word
from model.spec import SAMPLE_RATE

FRAME = SAMPLE_RATE // 50  # samples: 20 ms
_QUIET = 25.0  # decibels below the loud frames of a window
_GAP = 10  # frames of quiet that part two sounds: 0.2 s


def quiet(samples: np.ndarray) -> np.ndarray:
    """Samples (n,) -> for each whole 20 ms, whether they are quiet beside the rest."""
    n = len(samples) // FRAME
    if not n:
        return np.zeros(0, bool)
    power = np.square(samples[: n * FRAME].reshape(n, FRAME), dtype=np.float64).mean(axis=1)
    loudness = 10 * np.log10(power + 1e-12)
    return loudness < np.percentile(loudness, 90) - _QUIET


def runs(flags: np.ndarray) -> np.ndarray:
    """(n,) booleans -> (runs, 2): where each run of True begins, and the first that is no more."""
    return np.flatnonzero(np.diff(np.r_[False, flags, False].astype(int))).reshape(-1, 2)


def without_quiet(words: Iterable[Word], samples: np.ndarray) -> tuple[Word, ...]:
    """Words in seconds of samples (n,), each kept to the longest sound in its time: alignment gives
    a pause to one of the words beside it."""
    loud = ~quiet(samples)
    return tuple(_kept(word, loud) for word in words)


def _kept(word: Word, loud: np.ndarray) -> Word:
    frame = FRAME / SAMPLE_RATE
    first = round(word.start / frame)
    sounds = runs(loud[first : round(word.end / frame)])
    if not len(sounds):
        return word
    gaps = sounds[1:, 0] - sounds[:-1, 1]
    groups = np.split(sounds, np.flatnonzero(gaps >= _GAP) + 1)
    best = max(groups, key=lambda group: group[-1, 1] - group[0, 0])
    start, end = ((first + int(edge)) * frame for edge in (best[0, 0], best[-1, 1]))
    return replace(word, start=max(word.start, start), end=min(word.end, end))
