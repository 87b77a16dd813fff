"""Whether an answer names what is true: one label, several, or entities. scikit-learn takes the
mean of precisions.
"""

import re
from collections.abc import Callable, Sequence

from model import labels
from model.evaluation.pair import Pair
from model.evaluation.texts import plain


def is_right(pair: Pair) -> tuple[int, int]:
    """Whether the answer names the label, as words of its own, and, where all labels are known,
    none of the others."""
    true = [labels.label(text) for text in pair.truths]
    if set(true) <= set(pair.choices):
        said = labels.named(pair.answer, pair.choices)
        return int(len(said) == 1 and said <= set(true)), 1
    return int(any(f" {plain(one)} " in f" {plain(pair.answer)} " for one in true)), 1


def is_right_of_yes_and_no(pair: Pair) -> tuple[int, int]:
    """The same over the items whose true answer is yes or no; the others do not count."""
    if labels.label(pair.true) not in ("yes", "no"):
        return 0, 0
    return is_right(pair)


def mean_average_precision(
    pairs: Sequence[Pair], read: Callable[[str], Sequence[str]] = labels.labels
) -> float:
    """Over the classes that occur; an answer's classes count as sure, the others as ruled out."""
    from sklearn.metrics import average_precision_score
    from sklearn.preprocessing import MultiLabelBinarizer

    true = [read(pair.true) for pair in pairs]
    columns = MultiLabelBinarizer().fit(true)
    known = set(columns.classes_)
    if not known:
        return 0.0
    said = [[name for name in read(pair.answer) if name in known] for pair in pairs]
    return float(
        average_precision_score(columns.transform(true), columns.transform(said), average="macro")
    )


def qualities(pairs: Sequence[Pair]) -> float:
    """The same of how notes sound."""
    return mean_average_precision(pairs, lambda text: labels.note(text).qualities)


def note_is_right(pair: Pair) -> tuple[int, int]:
    """Whether the pitch is right, and the instrument where one is told; how hard it was struck is
    not judged."""
    true, said = labels.note(pair.true), labels.note(pair.answer)
    return int(true.pitch == said.pitch and true.instrument in ("", said.instrument)), 1


def instrument_is_right(pair: Pair) -> tuple[int, int]:
    """Whether a note's instrument is."""
    true, said = (labels.note(text).instrument for text in (pair.true, pair.answer))
    return int(re.search(rf"(?<!\w){re.escape(true)}(?!\w)", said) is not None), 1


def entities(pair: Pair) -> tuple[int, int]:
    """F1 of what is mentioned, by its kind and words: (2 × hits, found + true)."""
    true, said = list(labels.entities(pair.true)), list(labels.entities(pair.answer))
    hits = sum(min(true.count(entity), said.count(entity)) for entity in set(true))
    return 2 * hits, len(true) + len(said)
