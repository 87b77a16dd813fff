"""Live sound at another rate is the same sound, whatever the blocks it comes in."""

import numpy as np
import pytest

from model.resample import Resampler

RATES = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]


def in_blocks(resampler, samples, seed=0):
    random = np.random.default_rng(seed)
    cuts = np.cumsum(random.integers(1, 1500, len(samples)))
    blocks = np.split(samples, cuts[cuts < len(samples)])
    return np.concatenate([resampler.hear(block) for block in blocks])


def tone(rate, pitch, seconds=1):
    return np.sin(2 * np.pi * pitch * np.arange(rate * seconds) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("wanted", [16_000, 48_000])
def test_a_tone_stays_that_tone(rate, wanted):
    heard = in_blocks(Resampler(rate, wanted), tone(rate, 3000))
    assert wanted - len(heard) < 0.004 * wanted
    assert np.abs(heard - tone(wanted, 3000)[: len(heard)])[200:-200].max() < 1e-4


def test_nothing_is_folded_back():
    heard = in_blocks(Resampler(48_000, 16_000), tone(48_000, 9500))
    assert np.abs(heard[200:-200]).max() < 1e-3
