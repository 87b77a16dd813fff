"""Long recordings to windows: nothing twice, nothing lost, none too long or too short."""

import numpy as np
import pytest

from model.messages import Clip
from model.spec import HOP, SAMPLE_RATE, WINDOW
from model.windows import split

STEP = SAMPLE_RATE // 50  # 20 ms
SLOT = 4 * HOP  # samples: a shorter window has no place in the prompt


def clip(n_samples: int, quiet: tuple[int, ...] = ()) -> Clip:
    """Noise with pauses of 20 ms that begin at these samples."""
    pcm = np.random.default_rng(0).integers(-9000, 9000, n_samples).astype("<i2")
    for at in quiet:
        pcm[at : at + STEP] = 0
    return Clip.of(pcm)


def lengths(windows):
    return [window.end - window.start for window in windows]


def is_whole(windows, n_samples):
    ends = [window.end for window in windows]
    return [window.start for window in windows] == [0, *ends[:-1]] and ends[-1] == n_samples


AROUND = (-1, 0, 1, 2, 159, 160, 319, 320, 321, 639, 640, 641, 1000, STEP * 250)


@pytest.mark.parametrize("more", AROUND)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("is_paused", [False, True])
def test_every_window_has_a_slot_and_none_is_longer_than_30_s(n, more, is_paused):
    n_samples = n * WINDOW + more
    last_step = tuple(i * WINDOW - STEP for i in range(1, n + 1)) if is_paused else ()
    windows = split(clip(n_samples, last_step))
    assert is_whole(windows, n_samples)
    assert max(lengths(windows)) <= WINDOW and min(lengths(windows)) >= SLOT


def test_30_s_are_one_window_and_a_sample_more_are_two():
    assert lengths(split(clip(WINDOW))) == [WINDOW]
    assert len(split(clip(WINDOW + 1))) == 2


@pytest.mark.parametrize("before", [1, 2, 100, 249])
def test_a_window_ends_where_the_quietest_20_ms_begin(before):
    at = WINDOW - before * STEP
    windows = split(clip(WINDOW + SAMPLE_RATE, (at, WINDOW - 260 * STEP)))
    assert windows[0].end == at
    assert not windows[1].samples[:STEP].any() and windows[0].samples[-STEP:].any()
