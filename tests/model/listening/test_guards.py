"""What of a reading is taken."""

import numpy as np
import pytest

from model.listening import guards
from model.listening.notes import KIND, Label
from model.listening.speech_reader import Reading

MUSIC = Label(KIND, "music", 0.97)


def reading(text="I had to inspect it.", tokens=(1, 2, 3, 4, 5), **changed):
    values = {"language": "en", "language_probability": 0.95, "no_speech": 0.05}
    values |= {"log_probability": -0.3, "text": text, "tokens": tokens}
    return Reading(**values | changed)


@pytest.mark.parametrize(
    "changed, given, why",
    [
        ({}, {}, ""),
        ({"text": ""}, {"voice": 0.0}, ""),
        ({}, {"voice": 0.05}, guards.NO_VOICE),
        ({}, {"voice": 0.6}, ""),
        ({"no_speech": 0.84, "log_probability": -1.98}, {}, guards.NO_SPEECH),
        ({"no_speech": 0.84, "log_probability": -0.2}, {}, ""),  # sure of its words
        ({"no_speech": 0.75, "log_probability": -0.42, "is_circle": True}, {}, guards.NO_SPEECH),
        ({"is_circle": True}, {}, guards.LOOP),
        ({"tokens": (1, *[7, 8] * 6)}, {}, guards.LOOP),
        ({"text": "2 cm x " * 20}, {"seconds": 20}, guards.LOOP),
        ({"log_probability": -1.5}, {}, guards.UNSURE),
        ({"text": "More words than anyone says in a second."}, {"seconds": 0.5}, guards.UNSURE),
        ({"log_probability": -0.8}, {"kind": MUSIC}, guards.NO_SPEECH),
        ({"log_probability": -0.2}, {"kind": MUSIC}, ""),  # a song's words
        ({"log_probability": -0.8}, {"kind": Label(KIND, "music", 0.97, is_sure=False)}, ""),
        ({"log_probability": -0.8}, {"kind": Label(KIND, "speech", 0.97)}, ""),
    ],
)
def test_why_words_are_withheld(changed, given, why):
    assert guards.why_withheld(reading(**changed), **{"seconds": 2.0} | given) == why


@pytest.mark.parametrize(
    "tokens, wanted",
    [
        ([1, 2, 3], [1, 2, 3]),
        ([5] * 12, [5]),
        ([5] * 5, [5] * 5),  # "no, no, no": people do that
        ([1, 2, *[7, 8, 9] * 6], [1, 2, 7, 8, 9]),
        ([1, 2, *[7, 8, 9] * 6, 7, 8], [1, 2, 7, 8, 9]),
        ([*[7, 8, 9] * 6, 4], [*[7, 8, 9] * 6, 4]),  # the end is no loop
        ([], []),
    ],
)
def test_a_phrase_that_is_said_over_and_over_is_kept_once(tokens, wanted):
    kept = list(guards.once(tokens))
    if wanted and len(wanted) < len(tokens):  # which turn of the phrase is kept does not matter
        assert len(kept) == len(wanted) and sorted(kept) == sorted(wanted)
    else:
        assert kept == wanted


def test_the_level_is_that_of_a_full_scale_square_wave():
    assert guards.level(np.ones(100, np.float32)) == pytest.approx(0)
    assert guards.level(np.full(100, 0.1, np.float32)) == pytest.approx(-20)
    assert guards.level(np.zeros(100, np.float32)) == -120 == guards.level(np.zeros(0))
    assert guards.is_silent(guards.level(np.full(100, 1 / 32768, np.float32)))
    assert not guards.is_silent(guards.level(np.full(100, 1e-3, np.float32)))
