"""Attention heads that average what a clip's slots say: what they read, found by regression, and
how they are put into a layer. Gathers nothing, and reads no sound.

What is true of a whole clip (its language, its note) lies in directions of little variance, each
slot is unsure of it, and a small language model is slow to learn to average. So one key-value group
of a layer is overwritten: its queries are constant, its keys tell slots from text, and its values
are the directions in which the facts of clips differ most for their spread (reduced-rank
regression, Izenman 1975). The first position, where nothing was heard, takes the attention as long
as there is no slot.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

RANKS = {  # fact: directions for it at most, in the order in which they take the room there is
    "kind": 4,
    "gender": 1,
    "language": 12,
    "family": 9,
    "note": 30,
    "event": 8,
    "instrument": 30,
}
FEWEST = 5  # clips of an answer, or it tells nothing
TEXT = 12  # leading components of text that are not read
SHARP = 5.0  # nats of attention between a slot and the first position, and between that and text
_DAMPINGS = torch.logspace(-6, 0, 7)  # of the mean variance: the regression takes the best of them
_NEW = 1e-2  # share of a direction that the ones before it must not tell already
_PLACES = {"slots": 300.0, "first": 10.0, "text": 2.0}  # how much the key minds an error there
_KEY = 4.0  # a key's size at a slot: of the size of others, so that 16 bits hold it


@dataclass(frozen=True)
class Places:
    """What a layer's projections are given, (n, width) each: at slots, at first positions, at all
    other text."""

    slots: torch.Tensor
    first: torch.Tensor
    text: torch.Tensor


@dataclass(frozen=True)
class Reading:
    """`directions` (width, k), and what is subtracted before, `mean` (width,)."""

    directions: torch.Tensor
    mean: torch.Tensor


@dataclass(frozen=True)
class Key:
    """direction · x + bias is 1 at slots, 0 at the first position, -1 at other text."""

    direction: torch.Tensor  # (width,)
    bias: float


# What is read ------------------------------------------------------------------------------------


def directions(
    means: torch.Tensor,
    answers: Mapping[str, Sequence[Hashable]],
    *,
    room: int,
    unread: Places | None = None,
) -> Reading:
    """At most `room` directions of unit variance over clips, uncorrelated with each other.

    `means` (clips, width) over the slots of each; `answers` of each clip to each fact, None where
    it is not known. At the first position and in the leading components of text of `unread`,
    nothing is read. There may be none, where no fact has two answers.
    """
    mean = means.mean(0)
    x = (means - mean).double()
    found = [_of_fact(x, answers[name], rank) for name, rank in RANKS.items() if name in answers]
    d = torch.cat([x.new_zeros(x.shape[1], 0), *found], 1)
    if unread is not None:
        away = _leading(unread, mean)
        d = d - away @ (away.T @ d)
    return Reading(_uncorrelated(x, d)[:, :room].float(), mean)


def _of_fact(x: torch.Tensor, answers: Sequence[Hashable], rank: int) -> torch.Tensor:
    """Directions (width, at most rank) of centred means (clips, width) that tell its answers apart;
    rare answers weigh more than by their number."""
    from sklearn.linear_model import RidgeCV

    count = Counter(answer for answer in answers if answer is not None)
    classes = {answer: i for i, answer in enumerate(a for a, n in count.items() if n >= FEWEST)}
    if len(classes) < 2:
        return x[:0].T
    at = [i for i, answer in enumerate(answers) if answer in classes]
    which = torch.tensor([classes[answers[i]] for i in at])
    y = nn.functional.one_hot(which).double()
    weight = y.mean(0)[which] ** -0.5
    dampings = _DAMPINGS * weight.sum() * x[at].var(0).mean()
    ridge = RidgeCV(alphas=dampings.numpy())
    ridge.fit(x[at].numpy(), (y / y.mean(0).sqrt()).numpy(), sample_weight=weight.numpy())
    b = torch.from_numpy(ridge.coef_.T)  # (width, classes)
    foretold = x[at] @ b
    main = torch.linalg.svd(foretold - foretold.mean(0), full_matrices=False).Vh
    return b @ main[: min(rank, len(classes) - 1)].T


def _leading(places: Places, mean: torch.Tensor) -> torch.Tensor:
    """An orthonormal basis (width, TEXT + 1) of what is not to be read."""
    first = (places.first.mean(0) - mean).double()
    text = (places.text - mean).double()
    components = torch.linalg.eigh(text.T @ text).eigenvectors[:, -TEXT:]
    return torch.linalg.qr(torch.cat([first[:, None], components], 1)).Q


def _uncorrelated(x: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """The same directions without what the ones before tell; those that add nothing fall away."""
    z = x @ d / len(x) ** 0.5
    left = torch.linalg.qr(z, mode="r").R.diagonal().abs()
    kept = left > _NEW * z.norm(dim=0)
    r = torch.linalg.qr(z[:, kept], mode="r").R
    return torch.linalg.solve_triangular(r, d[:, kept], upper=True, left=False)


def key(places: Places) -> Key:
    """What tells slots from the first position and that from text, by ridge regression."""
    from sklearn.linear_model import Ridge

    parts = [places.slots, places.first, places.text]
    x = torch.cat(parts).double()
    y = torch.cat([torch.full((len(p),), v) for p, v in zip(parts, (1.0, 0.0, -1.0), strict=True)])
    shares = zip(parts, _PLACES.values(), strict=True)
    weight = torch.cat([torch.full((len(p),), share / len(p)) for p, share in shares])
    ridge = Ridge(alpha=1e-5 * float(weight.sum() * x.var(0).mean()))
    ridge.fit(x.numpy(), y.numpy(), sample_weight=weight.numpy())
    return Key(torch.from_numpy(ridge.coef_).float(), float(ridge.intercept_))


# Surgery ------------------------------------------------------------------------------------------


@torch.no_grad()
def install(attention: nn.Module, group: int, reading: Reading, key: Key) -> None:
    """A key-value group averages the slots; nothing of it goes out yet (its columns of o_proj are
    zero). Queries and keys have one number each, in the lowest rotary frequency: it hardly turns
    over the whole context."""
    keys, queries = rows(attention, group), heads(attention, group)
    for layer, part in ((attention.q_proj, queries), (attention.k_proj, keys)):
        layer.weight[part] = 0
        layer.bias[part] = 0
    slowest = attention.head_dim // 2 - 1
    attention.k_proj.weight[keys.start + slowest] = _KEY * key.direction
    attention.k_proj.bias[keys.start + slowest] = _KEY * key.bias
    query = SHARP / (_KEY * attention.scaling)
    attention.q_proj.bias[queries.start + slowest : queries.stop : attention.head_dim] = query
    values, offsets = _values(reading, attention.head_dim)
    attention.v_proj.weight[keys] = values
    attention.v_proj.bias[keys] = offsets
    attention.o_proj.weight[:, queries] = 0


def _values(reading: Reading, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (n, width) and bias (n,); rows without a direction are zero."""
    k = reading.directions.shape[1]
    assert k <= n, f"{k} directions do not fit into {n} values"
    weight = nn.functional.pad(reading.directions.T, (0, 0, 0, n - k))
    return weight, -(weight @ reading.mean)


@contextmanager
def without(attention: nn.Module, group: int) -> Iterator[None]:
    """As if the group said nothing."""
    columns = attention.o_proj.weight.data[:, heads(attention, group)]
    kept = columns.clone()
    columns.zero_()
    try:
        yield
    finally:
        columns.copy_(kept)


def n_groups(attention: nn.Module) -> int:
    """Key-value groups of a layer."""
    return attention.n_groups


def rows(attention: nn.Module, group: int) -> slice:
    """Of keys and values."""
    return slice(group * attention.head_dim, (group + 1) * attention.head_dim)


def heads(attention: nn.Module, group: int) -> slice:
    """Of queries; and columns of o_proj."""
    n = attention.n_heads // attention.n_groups * attention.head_dim
    return slice(group * n, (group + 1) * n)


def columns(attention: nn.Module, group: int, k: int) -> slice:
    """Of o_proj: the first `k` values of the group's first head."""
    start = heads(attention, group).start
    return slice(start, start + k)
