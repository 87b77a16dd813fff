"""Which clips are heard together, and in what order: a pure function of seed and batch number, so
that a stopped run goes on without drawing again what it has heard. Reads no sound.

A task with n clips gets a share of n^(1/T) times its weight (T = 1: as they are; large T: all alike;
the temperature of arXiv 1907.05019). Every clip of a batch fills the same length, with silence
before and after it: no mask, and a shape per 0.64 s (each new one costs seconds on a processor).
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
_SIZES = 3, 96  # clips in a batch, at least and at most

Unit = tuple[Row, ...]  # rows of one clip


@dataclass(frozen=True)
class Batch:
    n_samples: int  # the length that every clip fills
    units: list[Unit]
    speeds: list[float]  # of each: 1 is as recorded


def units(rows: Sequence[Row], *, by_clip: bool) -> list[Unit]:
    """What is drawn: single rows, or clips with all that is known of them."""
    if not by_clip:
        return [(row,) for row in rows]
    clips: dict[tuple, list[Row]] = {}
    for row in rows:
        clips.setdefault(row.clip, []).append(row)
    return [tuple(clip) for clip in clips.values()]


def weights(
    rows: Sequence[Row], *, temperature: float = 1.0, given: dict[str, float] | None = None
) -> np.ndarray:
    """The chance of each row (rows,), summing to 1.

    `given` weighs tasks by name after the temperature, and rows by any other fact of theirs within
    their task, or by a field that is true of them: {"transcribe": 3, "synthetic": 0.5}.
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
    names = {name if value is True else value for name, value in row.facts.items()
             if isinstance(value, (str, bool))} - {row.task}  # fmt: skip
    return float(np.prod([given[name] for name in names if name in given]))


class Mixture:
    """Batches without end, by number. `seconds` of sound in each."""

    def __init__(
        self,
        drawn: Sequence[Unit],
        chances: Sequence[float],
        *,
        seed: int,
        seconds: float,
        stretch: bool = True,
    ):
        self.units, self.seed = drawn, seed
        self.play = [play_of(unit) if stretch else 0.0 for unit in drawn]
        lengths, play = np.array([unit[0].duration for unit in drawn]), np.array(self.play)
        assert lengths.max() <= LONGEST, lengths.max()
        tasks = np.unique([unit[0].task for unit in drawn], return_inverse=True)[1]
        # half of the batches are laid out so that every clip has room to be slowed down
        self.shelves = []
        for room in (0.0, play) if play.any() else (0.0,):
            buckets = np.ceil((lengths * (1 + room) + SLACK) * SAMPLE_RATE / BUCKET).astype(int)
            buckets = buckets.clip(max=WINDOW // BUCKET)
            for bucket in np.unique(buckets):
                members = np.flatnonzero((buckets == bucket) & (np.asarray(chances) > 0))
                members = members[np.argsort(tasks[members], kind="stable")]
                if len(members):
                    self.shelves.append(_shelf(int(bucket) * BUCKET, members, chances, seconds))
        often = np.array([shelf.often for shelf in self.shelves])
        self.often = often / often.sum()

    def __getitem__(self, number: int) -> Batch:
        together = np.random.default_rng((self.seed, 1, number // NEIGHBOURS))
        shelf = self.shelves[together.choice(len(self.shelves), p=self.often)]
        draw = np.random.default_rng((self.seed, 2, number))
        members = shelf.draw(draw)
        speeds = [self._speed(i, shelf.n_samples, draw) for i in members]
        return Batch(shelf.n_samples, [self.units[i] for i in members], speeds)

    def _speed(self, i: int, n_samples: int, draw: np.random.Generator) -> float:
        slow = self.units[i][0].duration * SAMPLE_RATE / n_samples  # it must fit
        low, high = max(1 - self.play[i], min(1.0, slow)), 1 + self.play[i]
        even = draw.random()
        return float(draw.uniform(low, high)) if even < 0.6 and high > 1 else 1.0


@dataclass(frozen=True)
class _Shelf:
    """Units of one length."""

    n_samples: int
    members: np.ndarray  # (units,) indices
    upto: np.ndarray  # (units,) summed chances
    size: int  # of a batch

    @property
    def often(self) -> float:
        """How often this shelf is drawn, so that each unit gets its chance."""
        return self.upto[-1] / self.size

    def draw(self, draw: np.random.Generator) -> np.ndarray:
        """One from each of `size` equal stretches of chance, in random order: (size,) indices.
        Units lie in the order of their tasks, so that each batch has all of them."""
        at = (np.arange(self.size) + draw.random(self.size)) / self.size * self.upto[-1]
        found = np.searchsorted(self.upto, at, side="right").clip(0, len(self.members) - 1)
        return draw.permutation(self.members[found])


def _shelf(n_samples, members, chances, seconds) -> _Shelf:
    size = round(seconds * SAMPLE_RATE / n_samples)
    size = max(_SIZES[0], min(_SIZES[1], size))
    return _Shelf(n_samples, members, np.cumsum(np.array(chances)[members]), size)
