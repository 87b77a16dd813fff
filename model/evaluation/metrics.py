"""How near answers come to what is true: a rate over all items, its interval, and each item's part.

The libraries count; here they are given one form. A metric is over the whole set: error rates weigh
items by their words, BLEU and mean average precision have no meaning for a single item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from model import labels

RESAMPLES = 400
LEVEL = 95  # per cent
UNSPACED = {"zh", "ja", "th", "lo", "my", "yu"}  # languages without spaces between words
ALIGNED = 0.5  # share by which a found stretch of time must overlap the true one


@dataclass(frozen=True)
class Pair:
    """What is true of an item, and the answer."""

    true: str
    answer: str
    also: tuple[str, ...] = ()  # what is as true
    choices: tuple[str, ...] = ()  # all labels there are, where they are few
    language: str = "en"  # of what is said


@dataclass(frozen=True)
class Metric:
    """`counts` gives each item (amount, out of), summed over the set; or `whole` takes the set at
    once. `unit` is what the items are weighed by."""

    name: str
    better: str  # "lower" or "higher"
    counts: Callable[[Pair], tuple[float, float]] | None = None
    whole: Callable[[Sequence[Pair]], float] | None = None
    unit: str = "items"

    def of(self, pairs: Sequence[Pair]) -> float:
        """The figure over a set."""
        if self.whole is not None:
            return self.whole(pairs)
        counts = np.array([self.counts(pair) for pair in pairs])
        return _ratio(counts.sum(axis=0))

    def interval(self, pairs: Sequence[Pair], seed: int = 0) -> tuple[float, float]:
        """The 95 % interval, by drawing the items anew (percentile bootstrap)."""
        random = np.random.default_rng(seed)
        draws = random.integers(len(pairs), size=(RESAMPLES, len(pairs)))
        if self.whole is not None:
            figures = [self.whole([pairs[i] for i in draw]) for draw in draws]
        else:
            counts = np.array([self.counts(pair) for pair in pairs])
            figures = [_ratio(row) for row in counts[draws].sum(axis=1)]
        low, high = np.percentile(figures, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
        return float(low), float(high)

    def badness(self, pair: Pair) -> float:
        """How bad one item is, for a list of the worst."""
        figure = self.of([pair])
        return figure if self.better == "lower" else -figure


def _ratio(row: np.ndarray) -> float:
    amount, out_of = row
    return float(amount / out_of) if out_of else float(amount > 0)


# Text ---------------------------------------------------------------------------------------------


@cache
def _english():
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer({})


@cache
def _any_language():
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    return BasicTextNormalizer()


def plain(text: str) -> str:
    """English as it is compared: no tags, lower case, no punctuation, contractions and numbers in
    one form (Whisper, arXiv 2212.04356, appendix C)."""
    return _english()(labels.plain(text))


def _errors(true: str, answer: str) -> int:
    import jiwer

    if not true.strip():
        return len(answer.split())
    found = jiwer.process_words(true, answer)
    return found.substitutions + found.deletions + found.insertions


def word_errors(pair: Pair) -> tuple[int, int]:
    """Words wrong, missing or too many, out of the true ones; characters, where a language puts no
    spaces between words."""
    if pair.language in UNSPACED:
        return character_errors(pair)
    compared = plain if pair.language == "en" else lambda text: _any_language()(labels.plain(text))
    true, answer = compared(pair.true), compared(pair.answer)
    return _errors(true, answer), len(true.split())


def character_errors(pair: Pair) -> tuple[int, int]:
    """Characters wrong, missing or too many, out of the true ones; spaces do not count."""
    true, answer = (
        " ".join(_any_language()(labels.plain(text)).replace(" ", ""))
        for text in (pair.true, pair.answer)
    )
    return _errors(true, answer), len(true.split())


def bleu(pairs: Sequence[Pair]) -> float:
    """Of the set, 0 to 1; sacrebleu's own tokens (Post, 2018)."""
    from sacrebleu.metrics import BLEU

    said = [labels.plain(pair.answer) for pair in pairs]
    return BLEU().corpus_score(said, [[labels.plain(pair.true) for pair in pairs]]).score / 100


# Classes ------------------------------------------------------------------------------------------


def is_right(pair: Pair) -> tuple[int, int]:
    """Whether the answer names the label, as words of its own, and, where all labels are known,
    none of the others."""
    true = [labels.label(text) for text in (pair.true, *pair.also)]
    if set(true) <= set(pair.choices):
        said = labels.named(pair.answer, pair.choices)
        return int(len(said) == 1 and said <= set(true)), 1
    return int(any(f" {plain(one)} " in f" {plain(pair.answer)} " for one in true)), 1


def mean_average_precision(pairs: Sequence[Pair]) -> float:
    """Over the classes that occur; an answer's classes count as sure, the others as ruled out."""
    from sklearn.metrics import average_precision_score
    from sklearn.preprocessing import MultiLabelBinarizer

    true = [labels.labels(pair.true) for pair in pairs]
    columns = MultiLabelBinarizer().fit(true)
    known = set(columns.classes_)
    said = [[name for name in labels.labels(pair.answer) if name in known] for pair in pairs]
    return float(
        average_precision_score(columns.transform(true), columns.transform(said), average="macro")
    )


def overlap(pair: Pair) -> tuple[float, float]:
    """F1 of entities, or of sounds with their times: (2 × hits, found + true)."""
    if "|startofentity" in pair.true + pair.answer:
        true, said = list(labels.entities(pair.true)), list(labels.entities(pair.answer))
        hits = sum(min(true.count(entity), said.count(entity)) for entity in set(true))
        return 2 * hits, len(true) + len(said)
    true, said = list(labels.timed(pair.true)), list(labels.timed(pair.answer))
    total, hits = len(true) + len(said), 0
    for one in said:
        match = next((other for other in true if _same_stretch(one, other)), None)
        if match is not None:
            true.remove(match)
            hits += 1
    return 2 * hits, total


def _same_stretch(one: labels.Timed, other: labels.Timed) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start)
    union = max(one.end, other.end) - min(one.start, other.start)
    return one.what.lower() == other.what.lower() and shared >= ALIGNED * max(union, 1e-9)


# Times and notes ----------------------------------------------------------------------------------


def shift(pair: Pair) -> tuple[float, float]:
    """Seconds by which the edges of words that were found lie off, out of the edges."""
    from difflib import SequenceMatcher

    true, said = labels.timed(pair.true), labels.timed(pair.answer)
    words = [[word.what.lower() for word in row] for row in (true, said)]
    off = edges = 0.0
    for block in SequenceMatcher(None, *words, autojunk=False).get_matching_blocks():
        for i in range(block.size):
            one, other = true[block.a + i], said[block.b + i]
            off += abs(one.start - other.start) + abs(one.end - other.end)
            edges += 2
    return off, edges


def note_is_right(pair: Pair) -> tuple[int, int]:
    """Whether the pitch is right, and the instrument where one is told; how hard it was struck is
    not judged."""
    true, said = labels.note(pair.true), labels.note(pair.answer)
    return int(true.pitch == said.pitch and true.instrument in ("", said.instrument)), 1


METRICS = {
    metric.name: metric
    for metric in (
        Metric("word error rate", "lower", word_errors, unit="words"),
        Metric("character error rate", "lower", character_errors, unit="characters"),
        Metric("BLEU", "higher", whole=bleu),
        Metric("accuracy", "higher", is_right),
        Metric("mean average precision", "higher", whole=mean_average_precision),
        Metric("F1", "higher", overlap),
        Metric("average shift", "lower", shift, unit="edges of words, seconds"),
        Metric("note accuracy", "higher", note_is_right),
    )
}
