"""What is known of a clip, where the language model can see it: the mean of the clip's vectors
points to the words of each true answer rather than to those of any other answer to the same
question (a contrast as in CLIP, arXiv 2103.00020, with the embedding table for a text encoder).

The language model does not run: a linear reading finds in the ear what next-token training takes
many times as long to bring across.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from model.tokenizer import Tokenizer
from model.training import ctc
from model.training.data import Row
from model.training.facts import Facts

NAMES = "kind", "family", "instrument", "event", "note", "language", "gender"  # of facts
NONE = -1  # a fact that is not known
Answers = dict[str, list[str]]  # by fact


def answers(rows: Iterable[Row]) -> Answers:
    """Every answer to each fact that clips of these rows have, in order."""
    clips: dict[tuple, list[Row]] = {}
    for row in rows:
        clips.setdefault(row.clip, []).append(row)
    return among([Facts.of(unit) for unit in clips.values()])


def among(facts: Sequence[Facts]) -> Answers:
    """The same, of clips whose facts are at hand."""
    return {name: sorted({getattr(one, name) for one in facts} - {""}) for name in NAMES}


def known(facts: Sequence[Facts], among: Answers) -> torch.Tensor:
    """Which answer of each fact is true of each clip: (clips, facts), NONE where none is known."""
    places = {name: {text: i for i, text in enumerate(among[name])} for name in NAMES}
    rows = [[places[name].get(getattr(one, name), NONE) for name in NAMES] for one in facts]
    return torch.tensor(rows)


class Pointer(nn.Module):
    """Scores of answers: the mean of a clip's unit vectors along the direction of their words,
    times a learned scale."""

    def __init__(self, words: torch.Tensor, among: Answers, tokens: Tokenizer):
        """`words` is the embedding table (tokens, width)."""
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(4.0))
        for name in NAMES:
            table = directions(words, among[name], tokens)
            self.register_buffer(name, table, persistent=False)

    def loss(self, vectors: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Cross entropy, summed over the facts known of each clip: (clips, slots, width) and
        (clips, facts)."""
        with torch.autocast(vectors.device.type, enabled=False):
            mean = normalize(vectors.float(), dim=-1).mean(1) * self.log_scale.exp()
            total = mean.sum() * 0
            for name, column in zip(NAMES, known.T, strict=True):
                at = column != NONE
                if at.any():
                    scores = mean[at] @ getattr(self, name).T
                    total = total + cross_entropy(scores, column[at], reduction="sum")
            return total


def directions(words: torch.Tensor, among: Sequence[str], tokens: Tokenizer) -> torch.Tensor:
    """The sum of each answer's words, less what all of them have in common: unit vectors (answers,
    width)."""
    rows = words.new_zeros(len(among), words.shape[1], dtype=torch.float32)
    for row, answer in zip(rows, among, strict=True):
        named = answer.removeprefix("A ").removeprefix("An ")
        row += normalize(words[ctc.spoken(named, tokens)].float(), dim=1).sum(0)
    return normalize(normalize(rows, dim=1) - normalize(rows, dim=1).mean(0), dim=1)
