"""What the layers of a language model hold while it is asked all that is known of clips. Changes
nothing in it.
"""

import random
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from model.placement import cpu_has_bf16
from model.prompt import Renderer
from model.training import mixture, pooling
from model.training import wordings as say
from model.training.batches import Batches, Made, side_by_side
from model.training.data import Row
from model.training.dialogues import IGNORED, Turn, mostly_first, render
from model.training.facts import FIELDS, Facts
from model.training.learner import Learner

NAMES = tuple(FIELDS.values())  # of the facts, as `asked` numbers them
SECONDS = 24  # of sound in a batch


class Known:
    """Asks each clip for every fact that is known of it, one question beside the other. `asked`
    (clips, most) has the number of each one's fact, -1 for none."""

    def __init__(self, renderer: Renderer):
        self.renderer = renderer

    def __call__(self, units: Sequence[Sequence[Row]], n_samples: int, draw) -> Made:
        """About clips that all fill `n_samples`."""
        facts = [Facts.of(unit, n_samples) for unit in units]
        luck = random.Random(int(draw.integers(1 << 62)))
        said = [[self._asked(one, name, luck) for name in known(one)] for one in facts]
        numbers = [torch.tensor([NAMES.index(name) for name in known(one)]) for one in facts]
        asked = nn.utils.rnn.pad_sequence(numbers, batch_first=True, padding_value=-1)
        return side_by_side(said) | {"asked": asked}

    def _asked(self, clip: Facts, name: str, luck: random.Random):
        question = mostly_first(say.ASKS[name], luck)
        return render(self.renderer, [Turn(question, getattr(clip, name), clip.samples)])

    def alone(self, draw) -> Made:
        """No talk without sound."""
        return {}


def known(clip: Facts) -> list[str]:
    """The facts with an answer of their own."""
    return [name for name in NAMES if getattr(clip, name)]


class Heard:
    """Batches about clips, the same ones each time: `n` clips, drawn anew from the rows."""

    def __init__(self, rows: list[Row], renderer: Renderer, *, n: int, seed: int):
        chances = mixture.weights(rows, temperature=2.0)
        mixed = mixture.Mixture(rows, chances, seed=seed, seconds=SECONDS, whole=True)
        self.batches, self.n = Batches(mixed, Known(renderer), renderer, rough=0.0), n

    def __iter__(self) -> Iterator[Made]:
        return self.some(self.n)

    def some(self, n: int) -> Iterator[Made]:
        """The first of them, about `n` clips."""
        done, number = 0, 0
        while done < min(n, self.n):
            made = self.batches[number]
            yield made
            done, number = done + len(made["ids"]), number + 1


@torch.no_grad()
def loss(learner: Learner, made: Made) -> float:
    """Nats, summed over all labels."""
    fed = {name: made[name] for name in ("labels", "ids", "segments", "mels")}
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
        return float(learner(**fed, num_items_in_batch=1)["loss"])


def cost(learner: Learner, heard: Iterable[Made]) -> float:
    """Nats a label."""
    pairs = [(loss(learner, made), int((made["labels"] != IGNORED).sum())) for made in heard]
    return sum(nats for nats, _ in pairs) / sum(n for _, n in pairs)


@contextmanager
def given(*modules: nn.Module) -> Iterator[list]:
    """What they are given, each time that something is read."""
    held = [None] * len(modules)

    def hook(i: int):
        return lambda _, args: held.__setitem__(i, args[0])

    hooks = [module.register_forward_pre_hook(hook(i)) for i, module in enumerate(modules)]
    try:
        yield held
    finally:
        for one in hooks:
            one.remove()


def _is_slot(learner: Learner, made: Made) -> torch.Tensor:
    return made["ids"] == learner.config.audio_pad_id


def _is_real(made: Made) -> torch.Tensor:
    """Not padding (clips, n)."""
    return made["segments"] <= (made["asked"] >= 0).sum(1, keepdim=True)


def means(
    learner: Learner, heard: Iterable[Made], layer: int
) -> tuple[torch.Tensor, dict[str, list[Hashable]]]:
    """What a layer's projections are given, averaged over the slots of each clip (clips, width);
    and the answers to each fact: the tokens of each clip's, or None."""
    found, answers = [], {name: [] for name in NAMES}
    for made in heard:
        slot = _is_slot(learner, made)
        end = int(slot.any(0).nonzero().max()) + 2  # with the vector after it; the rest is in vain
        short = {name: made[name][:, :end] for name in ("ids", "labels", "segments")}
        with given(learner.model.llm.layers[layer].self_attn.q_proj) as held:
            loss(learner, made | short)
        weight = slot[:, :end, None] / slot.sum(1)[:, None, None]
        found.append((held[0].float() * weight).sum(1))
        for row in range(len(slot)):
            told = _answers(made, row)
            for name in NAMES:
                answers[name].append(told.get(name))
    return torch.cat(found), answers


def _answers(made: Made, row: int) -> dict[str, tuple[int, ...]]:
    """By the fact's name: the tokens."""
    labels, segments = made["labels"][row], made["segments"][row]
    each = {NAMES[n]: labels[segments == k] for k, n in _asked(made, row)}
    return {name: tuple(its[its != IGNORED].tolist()) for name, its in each.items()}


def _asked(made: Made, row: int) -> list[tuple[int, int]]:
    """(segment, number of the fact) of each question."""
    return [(k, n) for k, n in enumerate(made["asked"][row].tolist(), 1) if n >= 0]


def places(learner: Learner, heard: Iterable[Made], layer: int) -> pooling.Places:
    """What a layer's projections are given at slots, at the first position, at other text."""
    kinds = ([], [], [])
    with given(learner.model.llm.layers[layer].self_attn.q_proj) as held:
        for made in heard:
            loss(learner, made)
            slot, real = _is_slot(learner, made), _is_real(made)
            first = torch.zeros_like(slot)
            first[:, 0] = True
            for found, at in zip(kinds, (slot, first, real & ~slot & ~first), strict=True):
                found.append(held[0][at].float())
    return pooling.Places(*map(torch.cat, kinds))


def residuals(learner: Learner, heard: Iterable[Made], layer: int) -> torch.Tensor:
    """How text uses the residual from a layer on: moments (width, width), to which each layer
    contributes alike."""
    layers = [one.input_layernorm for one in learner.model.llm.layers[layer:]]
    total = 0.0
    with given(*layers, learner.model.llm.norm) as held:
        for made in heard:
            loss(learner, made)
            text = _is_real(made) & ~_is_slot(learner, made)
            text[:, 0] = False
            kept = [one[text].float() for one in held]
            total = total + sum(x.T @ x / x.square().sum() for x in kept)
    return total


def size(learner: Learner, heard: Iterable[Made], layer: int) -> float:
    """Root mean square of what a layer is given at text, in the middle of all."""
    found = []
    with given(learner.model.llm.layers[layer].input_layernorm) as held:
        for made in heard:
            loss(learner, made)
            text = _is_real(made) & ~_is_slot(learner, made)
            found.append(held[0][text].float().square().mean(1).sqrt())
    return float(torch.cat(found).median())


@torch.no_grad()
def score(learner: Learner, heard: Iterable[Made]) -> dict[str, tuple[int, float]]:
    """By fact: how many answers, and the share of them of which every token is the likeliest; of
    transcripts, how many tokens, and the share that is right."""
    right = {name: [] for name in NAMES}
    with given(learner.model.head) as held:
        for made in heard:
            loss(learner, made)
            at = made["labels"][:, 1:] != IGNORED
            hits = torch.zeros_like(at)
            hits[at] = learner.model.head(held[0].float()).argmax(-1) == made["labels"][:, 1:][at]
            for row in range(len(at)):
                for segment, fact in _asked(made, row):
                    its = hits[row][at[row] & (made["segments"][row, 1:] == segment)].tolist()
                    name = NAMES[fact]
                    right[name] += its if name == "transcript" else [all(its)]
    return {name: (len(hits), sum(hits) / len(hits)) for name, hits in right.items() if hits}
