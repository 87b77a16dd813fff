"""Words without the quiet around them."""

import numpy as np
import pytest

from model.listening.notes import Word
from model.listening.pauses import quiet, runs, without_quiet
from model.spec import SAMPLE_RATE
from tests.model.conftest import noise


def sounding(*spans, seconds=4.0):
    """Noise in these spans of seconds, silence elsewhere."""
    samples = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    for a, b in spans:
        part = slice(int(a * SAMPLE_RATE), int(b * SAMPLE_RATE))
        samples[part] = noise(seconds).samples[part]
    return samples


@pytest.mark.parametrize(
    "given, wanted",
    [
        ((0.0, 1.5), (1.0, 1.5)),  # a pause before it
        ((1.5, 3.0), (1.5, 2.0)),  # a pause after it
        ((1.2, 1.4), (1.2, 1.4)),  # nothing to take away
        ((1.9, 3.9), (3.0, 3.9)),  # the end of another word, a pause, and the word
        ((2.2, 2.6), (2.2, 2.6)),  # nothing that sounds: it stays
    ],
)
def test_a_word_is_kept_to_its_sound(given, wanted):
    (word,) = without_quiet([Word(*given, "so", 0.5)], sounding((1, 2), (3, 4)))
    assert (word.start, word.end) == pytest.approx(wanted, abs=0.041)
    assert (word.text, word.probability) == ("so", 0.5)


def test_a_short_gap_within_a_word_parts_nothing():
    (word,) = without_quiet([Word(0.5, 3.5, "so")], sounding((1, 1.5), (1.6, 2.5)))
    assert (word.start, word.end) == pytest.approx((1.0, 2.5), abs=0.041)


def test_even_noise_and_silence_have_no_pauses():
    assert not quiet(noise(1.0).samples).all()
    assert not quiet(np.zeros(32_000, np.float32)).any()
    assert quiet(np.zeros(10, np.float32)).shape == (0,)
    assert runs(np.array([True, False, True, True])).tolist() == [[0, 1], [2, 4]]
