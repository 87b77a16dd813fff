"""One loop for every stage: steps, learning rate by the clock, checkpoints that survive
interruption. Knows nothing of what learns.

The rate follows the minutes spent rather than a number of steps: on a shared processor a plan made
in steps would end at a bad time. Each worker reads its own batch on one core, so that a busy
machine never makes two cores wait for each other within a batch.
"""

import math
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

STATE = "last.pt"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long, and how often to save and to look."""

    minutes: float
    steps: int = 10**9  # stop here even if time is left
    warm_up: int = 60  # steps
    floor: float = 0.05  # of the peak rate, at the end of the cosine
    workers: int = 2  # batches in one step
    save_every: float = 120  # seconds
    look_every: float = 300  # seconds

    def __post_init__(self):
        if self.minutes <= 0:
            raise ValueError(f"minutes is a time above 0; got {self.minutes}")

    def rate(self, step: int, seconds: float) -> float:
        """The share of the peak learning rate."""
        done = min(1, seconds / 60 / self.minutes)
        cosine = self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2
        return min(1, (step + 1) / self.warm_up) * cosine


Loss = Callable[[object], tuple[torch.Tensor, int]]  # a batch -> sum of losses, tokens in it


@dataclass
class Run:
    """What learns (by name, with its peak rate), and how far it is. `tell` gets a line now and
    then, and what `look` finds; `after` is told each step."""

    learned: dict[str, nn.Parameter]
    rates: dict[str, float]
    folder: Path
    tell: Callable[[str], None] = lambda line: None
    look: Callable[[], str] = lambda: ""
    after: Callable[[int], None] = lambda step: None
    step: int = 0
    seconds: float = 0.0

    def __post_init__(self):
        assert self.learned, "nothing learns"
        groups = [{"params": [p], "lr": self.rates[name]} for name, p in self.learned.items()]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        if (self.folder / STATE).exists():
            state = torch.load(self.folder / STATE)
            restore(self.learned, state["learned"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        learned = {name: p.detach() for name, p in self.learned.items()}
        state = {"learned": learned, "optimiser": self.optimiser.state_dict()}
        torch.save({**state, "step": self.step, "seconds": self.seconds}, self.folder / "part.pt")
        os.replace(self.folder / "part.pt", self.folder / STATE)

    def train(self, batches: Iterator, loss_of: Loss, plan: Plan) -> list[float]:
        """Until the plan ends or SIGTERM comes; both leave a checkpoint. -> losses per token."""
        feed, losses, stop = _ahead(batches), [], []
        recent = deque(maxlen=30)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
        saved = looked = clock = time.monotonic()
        with ThreadPoolExecutor(plan.workers) as pool:
            while not stop and self.step < plan.steps and self.seconds < plan.minutes * 60:
                loss = self._step([feed.get() for _ in range(plan.workers)], loss_of, pool, plan)
                losses.append(loss)
                recent.append(loss)
                self.after(self.step)
                now = time.monotonic()
                self.seconds += now - clock
                clock = now
                if self.step % 10 == 0:
                    mean, minutes = sum(recent) / len(recent), self.seconds / 60
                    self.tell(f"step {self.step}, {minutes:.1f} min, loss {mean:.3f}")
                if now - saved > plan.save_every:
                    self.save()
                    saved = now
                if now - looked > plan.look_every:
                    self.tell(self.look())
                    looked = clock = time.monotonic()  # looking is not training
        self.save()
        if not stop:
            self.tell(self.look())
        return losses

    def _step(self, batches: list, loss_of: Loss, pool: ThreadPoolExecutor, plan: Plan) -> float:
        params = list(self.learned.values())

        def work(batch):
            loss, n = loss_of(batch)
            return float(loss.detach()), n, torch.autograd.grad(loss, params, allow_unused=True)

        done = list(pool.map(work, batches))
        n = sum(tokens for _, tokens, _ in done)
        for i, param in enumerate(params):
            grads = [grad[i] for _, _, grad in done if grad[i] is not None]
            param.grad = sum(grads) / n if grads else None
        share = plan.rate(self.step, self.seconds)
        for group, name in zip(self.optimiser.param_groups, self.learned, strict=True):
            group["lr"] = self.rates[name] * share
        nn.utils.clip_grad_norm_(params, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return sum(loss for loss, _, _ in done) / n


def restore(learned: dict[str, nn.Parameter], saved: dict[str, torch.Tensor]) -> None:
    """Puts saved values into what learns; every one of them must be there."""
    with torch.no_grad():
        for name, param in learned.items():
            param.copy_(saved[name])


def _ahead(batches: Iterator) -> queue.Queue:
    """Batches made in the background, a few ahead of their use."""
    feed = queue.Queue(4)

    def fill():
        for batch in batches:
            feed.put(batch)

    threading.Thread(target=fill, daemon=True).start()
    return feed
