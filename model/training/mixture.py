"""Which clips are heard together, and in what order: a pure function of seed and batch number, so
that a stopped run goes on without drawing again what it has heard. Reads no sound.

A task with n rows gets a share of n^(1/T) times its weight (T = 1: as they are; large T: all
alike; the temperature of arXiv 1907.05019). Every clip of a batch fills the same length, with
silence before and after it: no mask, and a shape per 0.64 s (each new one costs seconds on a
processor).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.spec import HOP, SAMPLE_RATE, WINDOW
from model.training.augment import play_of
from model.training.data import Row

BUCKET = 64 * HOP  # samples: 0.64 s
LONGEST = 29.0  # seconds: with silence around it, a clip must fit into a window of the encoder
SLACK = 0.12  # seconds of silence at least, so that no clip always begins at once
NEIGHBOURS = 2  # batches of one length after each other, so that two processes wait for none
STRETCHED = 0.6  # share of the clips
_SIZES = 3, 96  # clips in a batch, at least and at most

Unit = tuple[Row, ...]  # rows of one clip


@dataclass(frozen=True)
class Batch:
    n_samples: int  # the length that every clip fills
    units: list[Unit]
    speeds: list[float]  # of each: 1 is as recorded


def weights(
    rows: Sequence[Row], *, temperature: float = 1.0, given: dict[str, float] | None = None
) -> np.ndarray:
    """The chance of each row (rows,), summing to 1.

    `given` weighs tasks by name after the temperature, and rows within their task by any other
    fact of theirs, or by a field that is true of them: {"transcribe": 3, "synthetic": 0.5}.
    """
    given = given or {}
    own = np.array([row.weight * _weight(row, given) for row in rows])
    count, total = Counter(row.task for row in rows), Counter()
    for row, weight in zip(rows, own, strict=True):
        total[row.task] += weight
    share = {task: n ** (1 / temperature) * given.get(task, 1.0) for task, n in count.items()}
    chance = [
        share[row.task] * weight / total[row.task] if weight else 0.0
        for row, weight in zip(rows, own, strict=True)
    ]
    return np.array(chance) / sum(chance)


def _weight(row: Row, given: dict[str, float]) -> float:
    facts = row.facts.items()
    names = {name if value is True else value for name, value in facts if _is_name(value)}
    return float(np.prod([given[name] for name in names - {row.task} if name in given]))


def _is_name(value) -> bool:
    return value is True or isinstance(value, str)


class Mixture:
    """Batches without end, by number, of `seconds` of sound each.

    Clips are drawn, each as often as its likeliest row; its other rows come with it as often as
    their own chances say. `whole`: with all of them, since a conversation wants every fact.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        chances: Sequence[float],
        *,
        seed: int,
        seconds: float,
        whole: bool = False,
        stretch: bool = True,
    ):
        self.seed, self.whole = seed, whole
        clips: dict[tuple, list[int]] = {}
        for i, row in enumerate(rows):
            if chances[i] > 0:
                clips.setdefault(row.clip, []).append(i)
        self.units = [tuple(rows[i] for i in clip) for clip in clips.values()]
        self.chances = [np.array([chances[i] for i in clip]) for clip in clips.values()]
        self.play = np.array([play_of(unit) if stretch else 0.0 for unit in self.units])
        self.shelves = self._laid_out(seconds)
        often = np.array([shelf.often for shelf in self.shelves])
        self.often = often / often.sum()

    def _laid_out(self, seconds: float) -> list["_Shelf"]:
        lengths = np.array([unit[0].duration for unit in self.units])
        assert lengths.max() <= LONGEST, f"a clip of {lengths.max()} s"
        chances = np.array([chance.max() for chance in self.chances])
        asked = [u[int(c.argmax())].task for u, c in zip(self.units, self.chances, strict=True)]
        tasks = np.unique(asked, return_inverse=True)[1]
        shelves = []
        # half of the batches are laid out so that every clip has room to be slowed down
        for room in (0.0, self.play) if self.play.any() else (0.0,):
            buckets = np.ceil((lengths * (1 + room) + SLACK) * SAMPLE_RATE / BUCKET).astype(int)
            buckets = buckets.clip(max=WINDOW // BUCKET)
            for bucket in np.unique(buckets):
                members = np.flatnonzero(buckets == bucket)
                members = members[np.argsort(tasks[members], kind="stable")]
                n = int(bucket) * BUCKET
                size = round(seconds * SAMPLE_RATE / n)
                size = max(_SIZES[0], min(_SIZES[1], size))
                shelves.append(_Shelf(n, members, np.cumsum(chances[members]), size))
        return shelves

    def __getitem__(self, number: int) -> Batch:
        together = np.random.default_rng((self.seed, 1, number // NEIGHBOURS))
        shelf = self.shelves[together.choice(len(self.shelves), p=self.often)]
        draw = np.random.default_rng((self.seed, 2, number))
        members = shelf.draw(draw)
        speeds = [self._speed(i, shelf.n_samples, draw) for i in members]
        return Batch(shelf.n_samples, [self._rows(i, draw) for i in members], speeds)

    def _rows(self, i: int, draw: np.random.Generator) -> Unit:
        unit, chance = self.units[i], self.chances[i]
        comes = draw.random(len(unit)) * chance.max() < chance
        return unit if self.whole else tuple(row for row, c in zip(unit, comes, strict=True) if c)

    def _speed(self, i: int, n_samples: int, draw: np.random.Generator) -> float:
        fits = self.units[i][0].duration * SAMPLE_RATE / n_samples
        low, high = max(1 - self.play[i], min(1.0, fits)), 1 + self.play[i]
        is_stretched = draw.random() < STRETCHED
        return float(draw.uniform(low, high)) if is_stretched and high > 1 else 1.0


@dataclass(frozen=True)
class _Shelf:
    """Clips of one length."""

    n_samples: int
    members: np.ndarray  # (clips,) indices
    upto: np.ndarray  # (clips,) summed chances
    size: int  # of a batch

    @property
    def often(self) -> float:
        """How often this shelf is drawn, so that each clip gets its chance."""
        return self.upto[-1] / self.size

    def draw(self, draw: np.random.Generator) -> np.ndarray:
        """One from each of `size` equal stretches of chance, in random order: (size,) indices.
        Clips lie in the order of their tasks, so that each batch has all of them."""
        at = (np.arange(self.size) + draw.random(self.size)) / self.size * self.upto[-1]
        found = np.searchsorted(self.upto, at, side="right").clip(0, len(self.members) - 1)
        return draw.permutation(self.members[found])
