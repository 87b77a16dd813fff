"""Where the language of a window changes."""

import numpy as np
import pytest

from model.listening import language_changes
from model.listening.language_changes import Stretch, joined, pauses
from model.spec import SAMPLE_RATE
from tests.model.conftest import noise


def test_cuts_stand_in_pauses_and_leave_enough_on_both_sides():
    loud = noise(9.0).samples.copy()
    for second in (1.0, 4.0, 8.5):
        loud[int(second * SAMPLE_RATE) : int((second + 0.4) * SAMPLE_RATE)] = 0
    assert [cut / SAMPLE_RATE for cut in pauses(loud)] == pytest.approx([4.2], abs=0.03)
    assert pauses(loud[: 3 * SAMPLE_RATE]) == [] == pauses(np.zeros(0, np.float32))


@pytest.mark.parametrize(
    "told, wanted",
    [
        ([("en", 0.9), ("en", 0.9)], []),
        ([("en", 0.9), ("de", 0.9)], [("en", 0, 1), ("de", 1, 2)]),
        ([("en", 0.9), ("de", 0.5)], []),
        ([("en", 0.9), ("de", 0.5), ("fr", 0.9)], [("en", 0, 2), ("fr", 2, 3)]),
        ([("ko", 0.3), ("en", 0.9), ("de", 0.9), ("de", 0.99)], [("en", 0, 2), ("de", 2, 4)]),
        ([("en", 0.9), ("de", 0.9), ("en", 0.9)], [("en", 0, 1), ("de", 1, 2), ("en", 2, 3)]),
    ],
)
def test_stretches_of_one_language_are_one(told, wanted):
    parts = [Stretch(i, i + 1, *known) for i, known in enumerate(told)]
    assert [(part.language, part.start, part.end) for part in joined(parts)] == wanted


def test_a_window_is_cut_where_the_reader_hears_another_language(monkeypatch):
    """Told by a reader that knows the languages of the two halves."""

    class Half:
        n_glances = n_heard = 0

        def hear(self, samples):
            self.n_heard += 1
            return ["en", "de"][self.n_heard - 1]

        def tell_language(self, sound):
            return {"en": 0.0, "de": 0.0} | {str(sound): 0.97}, 0.0

    class Whole:
        def part(self, start, end):
            return "de"

        def __str__(self):
            return "en"

    sound = noise(8.0).samples.copy()
    sound[4 * SAMPLE_RATE : int(4.4 * SAMPLE_RATE)] = 0
    found = language_changes.stretches(Half(), Whole(), sound)
    assert [part.language for part in found] == ["en", "de"]
    assert found[0].end == found[1].start == pytest.approx(4.2 * SAMPLE_RATE, abs=500)
    assert found[1].end == len(sound)
