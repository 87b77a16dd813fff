"""When each token of a text was spoken: dynamic time warping over the weights of cross-attention.
Pure arithmetic on arrays.

Source: Whisper's word times, github.com/openai/whisper (timing.py), with Sakoe and Chiba, 1978.
"""

import numpy as np

STEP = 0.02  # seconds of an encoder step
_SMOOTHED = 7  # steps of the median filter


def token_starts(weights: np.ndarray) -> np.ndarray:
    """Weights of cross-attention (heads, tokens, steps) -> the step in which each token begins,
    (tokens,), never falling."""
    weights = weights.astype(np.float64)
    spread = weights.std(axis=1, keepdims=True)
    weights = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-9)
    tokens, steps = warp(-_median(weights).mean(axis=0))
    return steps[np.searchsorted(tokens, np.arange(weights.shape[1]))]


def warp(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest path through (rows, columns) from the first corner to the last, by steps right,
    down or both: its rows and its columns."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    came = np.zeros((rows + 1, columns + 1), np.int8)
    for diagonal in range(2, rows + columns + 1):  # cells of one do not depend on each other
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        ways = np.stack((total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]))
        best = ways.argmin(axis=0)
        total[i, j] = cost[i - 1, j - 1] + ways[best, np.arange(len(i))]
        came[i, j] = best
    i, j, path = rows, columns, []
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        di, dj = ((1, 1), (1, 0), (0, 1))[came[i, j]]
        i, j = i - di, j - dj
    down, right = np.array(path[::-1]).T
    return down, right


def _median(weights: np.ndarray) -> np.ndarray:
    """Each value as the median of those around it in the last axis."""
    half = _SMOOTHED // 2
    if weights.shape[-1] <= half:
        return weights
    padded = np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(half, half)], mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED, -1), axis=-1)
