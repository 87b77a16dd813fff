"""How long a run lasts and how its learning rate goes: up, level, and down in the last part
(arXiv 2404.06395, section 4). Knows no model.

A run is given steps, or minutes. With minutes, its last step is settled once the level part is
over, by the speed so far; from there on it goes by steps, also after a stop.
"""

import math
from dataclasses import dataclass

ENDLESS = 1 << 31  # steps of a run that is given minutes


@dataclass
class Course:
    """The share of the peak rate by step; what changes is kept in a checkpoint (the optimiser's
    schedule holds it)."""

    steps: int | None = None
    minutes: float | None = None
    warm_up: int = 50  # steps
    decay: float = 0.25  # share of the run in which the rate goes down
    floor: float = 0.02  # of the peak, at the end
    end: int | None = None  # the last step, once it is known
    seconds: float = 0.0  # spent so far

    def __post_init__(self):
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("a run is given steps or minutes, one of them")
        if (self.steps or self.minutes) <= 0:
            raise ValueError(f"a run is longer than nothing; got {self.steps or self.minutes}")
        self.end = self.steps

    def __call__(self, step: int) -> float:
        rise = min(1.0, (step + 1) / max(1, self.warm_up))
        if self.end is None:
            return rise
        start = self.end - max(1, round(self.end * self.decay))
        if step < start:
            return rise
        done = min(1.0, (step - start) / (self.end - start))
        return rise * (self.floor + (1 - self.floor) * (1 - math.sqrt(done)))

    def settle(self, step: int) -> None:
        """Called after each step, with the seconds up to date."""
        if self.end is None and self.seconds >= (1 - self.decay) * self.minutes * 60:
            self.end = max(step + 1, round(step / (1 - self.decay)))

    def is_over(self, step: int) -> bool:
        return self.end is not None and step >= self.end

    def done(self, step: int) -> float:
        """The share of the run that is over."""
        if self.end is None:
            return self.seconds / 60 / self.minutes
        return min(1.0, step / self.end)

    def go_on(self, wanted: dict) -> None:
        """After a stop, when all is as it was saved: where the run was now given another length,
        its end is settled anew."""
        if (self.steps, self.minutes) != (wanted["steps"], wanted["minutes"]):
            self.steps, self.minutes = wanted["steps"], wanted["minutes"]
            self.end = self.steps

    @property
    def most(self) -> int:
        """Steps at most, as far as is known."""
        return self.end or ENDLESS
