"""When an answer turns in circles, and when it only repeats itself."""

import pytest

from model.circles import in_circles


@pytest.mark.parametrize("phrase", [1, 2, 3, 8])
def test_a_phrase_said_over_and_over_is_a_circle_as_soon_as_it_is_long_enough(phrase):
    said = [*range(900, 940), *(i % phrase for i in range(100))]
    ends = next(n for n in range(len(said)) if in_circles(said[:n]))
    assert ends == 40 + max(32, 5 * phrase)


@pytest.mark.parametrize(
    "said",
    [
        [],
        [7] * 31,
        list(range(16)) * 4,  # a chorus
        [*range(30)] * 9,  # a long one
        [n for i in range(60) for n in (i, 5)],  # a list: 0, 1, 2, …
        [7] * 40 + [8],  # it found its way out
    ],
)
def test_repeating_is_no_circle(said):
    assert not in_circles(said)
