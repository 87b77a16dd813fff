"""One form for all metrics: a figure over a set, its interval, and each item's part. Counts nothing
itself.

A metric is over the whole set: error rates weigh items by their words, BLEU and mean average
precision have no meaning for a single item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from model.evaluation import captions, classes, texts, times
from model.evaluation.pair import Pair

RESAMPLES = 400
LEVEL = 95  # per cent


def _ratio(sums: np.ndarray) -> float:
    amount, out_of = sums
    return float(amount / out_of) if out_of else float(amount > 0)


def _draws(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))


def _interval(figures: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(figures, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Metric:
    """One of three: `counts` gives numbers for each item, whose sums over the set make the figure
    (`of_sums`; amount over all, unless said otherwise); `each` gives every item of a set its
    figure, and the set has their mean; `whole` takes the set at once."""

    name: str
    better: str  # "lower" or "higher"
    counts: Callable[[Pair], Sequence[float]] | None = None
    of_sums: Callable[[np.ndarray], float] = _ratio
    each: Callable[[Sequence[Pair]], np.ndarray] | None = None
    whole: Callable[[Sequence[Pair]], float] | None = None
    form: str = field(default="{:.1%}", compare=False)  # as people read it

    def of(self, pairs: Sequence[Pair]) -> float:
        """The figure over a set."""
        if self.whole is not None:
            return self.whole(pairs)
        if self.each is not None:
            return float(self.each(pairs).mean())
        return self.of_sums(self._counts(pairs).sum(axis=0))

    def judge(self, pairs: Sequence[Pair]) -> tuple[float, float, float]:
        """The figure, and its 95 % interval by drawing the items anew (percentile bootstrap)."""
        if self.counts is not None:
            return self.judge_counts(self._counts(pairs))
        draws = _draws(len(pairs))
        if self.whole is not None:
            figure = self.whole(pairs)
            return figure, *_interval([self.whole([pairs[i] for i in draw]) for draw in draws])
        each = self.each(pairs)
        return float(each.mean()), *_interval(each[draws].mean(axis=1))

    def judge_counts(self, counts: np.ndarray) -> tuple[float, float, float]:
        """The same from what was counted of each item (items, numbers)."""
        drawn = [self.of_sums(counts[draw].sum(axis=0)) for draw in _draws(len(counts))]
        return self.of_sums(counts.sum(axis=0)), *_interval(drawn)

    def badness(self, pairs: Sequence[Pair]) -> list[float]:
        """How bad each item of a set is, for a list of the worst."""
        each = self.each(pairs) if self.each is not None else [self.of([pair]) for pair in pairs]
        return [float(figure if self.better == "lower" else -figure) for figure in each]

    def shown(self, figure: float) -> str:
        """A figure in its unit."""
        return self.form.format(figure)

    def _counts(self, pairs: Sequence[Pair]) -> np.ndarray:
        return np.array([self.counts(pair) for pair in pairs], dtype=float)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("word error rate", "lower", texts.word_errors),
        Metric("character error rate", "lower", texts.character_errors),
        Metric("word error rate as written", "lower", texts.errors_as_written),
        Metric("BLEU", "higher", texts.matches, texts.bleu),
        Metric("BLEU of Chinese", "higher", partial(texts.matches, tokens="zh"), texts.bleu),
        Metric("CIDEr", "higher", each=captions.cider, form="{:.3f}"),
        Metric("SPICE", "higher", each=captions.spice, form="{:.3f}"),
        Metric("SPIDEr", "higher", each=captions.spider, form="{:.3f}"),
        Metric("accuracy", "higher", classes.is_right),
        Metric("accuracy of yes and no", "higher", classes.is_right_of_yes_and_no),
        Metric("mean average precision", "higher", whole=classes.mean_average_precision),
        Metric("mean average precision of qualities", "higher", whole=classes.qualities),
        Metric("note accuracy", "higher", classes.note_is_right),
        Metric("instrument accuracy", "higher", classes.instrument_is_right),
        Metric("F1 of entities", "higher", classes.entities),
        Metric("F1 of events", "higher", times.events),
        Metric("average shift", "lower", times.shift, form="{:.3f} s"),
        Metric("average shift of words", "lower", times.shift_of_words, form="{:.3f} s"),
        Metric("diarisation error rate", "lower", times.diarisation_errors),
    )
}
