"""An answer that turns in circles: small models, and large ones over noise, may say the same few
words until something stops them."""

from collections.abc import Sequence

LEAST = 32  # tokens of the same, before it is called so
TIMES = 5  # that the phrase was said
LONGEST = 24  # tokens of a phrase


def in_circles(ids: Sequence[int]) -> bool:
    """Whether token ids end with one phrase, over and over."""
    for phrase in range(1, LONGEST + 1):
        n = max(LEAST, TIMES * phrase)
        if len(ids) >= n and ids[-n:-phrase] == ids[phrase - n :]:
            return True
    return False
