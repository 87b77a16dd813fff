"""How near answers come to what is true: error counts an item, a rate and its interval over all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

RESAMPLES = 1000
LEVEL = 95  # per cent


@dataclass(frozen=True)
class Score:
    """Errors (or hits) of one item, out of how many."""

    count: int
    out_of: int


@dataclass(frozen=True)
class Metric:
    """A way of scoring an item, and which direction is good."""

    name: str
    score: Callable[[str, str], Score]  # (what is true, the answer)
    better: str  # "lower" or "higher"


@cache
def _normaliser():
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer({})


def plain(text: str) -> str:
    """English as it is compared: lower case, no punctuation, contractions and numbers in one form
    (Whisper, arXiv 2212.04356, appendix C)."""
    return _normaliser()(text)


def word_errors(true: str, answer: str) -> Score:
    """Words wrong, missing or too many, out of the true ones."""
    import jiwer

    true, answer = plain(true), plain(answer)
    if not true:
        return Score(len(answer.split()), 0)
    found = jiwer.process_words(true, answer)
    wrong = found.substitutions + found.deletions + found.insertions
    return Score(wrong, len(true.split()))


def is_label(true: str, answer: str) -> Score:
    """Whether the answer names the label, as words of its own."""
    return Score(int(f" {plain(true)} " in f" {plain(answer)} "), 1)


WORD_ERROR_RATE = Metric("word error rate", word_errors, "lower")
ACCURACY = Metric("accuracy", is_label, "higher")


def rate(scores: Sequence[Score]) -> float:
    """All errors over all words, or all hits over all items."""
    return sum(s.count for s in scores) / max(1, sum(s.out_of for s in scores))


def interval(scores: Sequence[Score], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the rate, by drawing the items anew (percentile bootstrap)."""
    counts = np.array([(s.count, s.out_of) for s in scores])
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    sums = counts[drawn].sum(axis=1)  # (resamples, 2)
    rates = sums[:, 0] / np.maximum(1, sums[:, 1])
    low, high = np.percentile(rates, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)
