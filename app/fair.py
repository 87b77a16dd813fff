"""One thing at a time, and whose is next: in turn over those who wait, the oldest of each first.
Knows nothing of answers."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from app.chat import Refused

REMEMBERED = 8  # things whose length says how long one takes

log = logging.getLogger(__name__)

Work = Callable[[], object]
Item = tuple[object, Work, Work]  # its name, what is to be done, and what when it is over


class Fair:
    """A worker, and who waits for it. `first` is who goes before all others, if anybody does."""

    def __init__(self, first: Hashable = None):
        self._first = first
        self._waiting: dict[Hashable, deque[Item]] = {}  # by who waits; next first
        self._now: object = None  # what is being done
        self._coming = 0  # things that are about to wait
        self._resting = ""  # why nothing can be asked at the moment
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talk")
        self._took: deque[float] = deque(maxlen=REMEMBERED)  # seconds of the latest
        self.n_done, self.seconds = 0, 0.0  # of all
        self._since = 0.0  # when the present one began

    @contextmanager
    def coming(self) -> Iterator[None]:
        """While something is made ready that will be added."""
        with self._lock:
            if self._resting:
                raise Refused(self._resting)
            self._coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming -= 1

    def add(self, who: Hashable, thing: object, work: Work, over: Work) -> None:
        """`thing` names the work from now on. `over` is called once it is done, and no longer
        counts."""
        with self._lock:
            self._waiting.setdefault(who, deque()).append((thing, work, over))
        self._worker.submit(self._next)

    def cancel(self, thing: object) -> bool:
        """Whether it was still waiting, and will not be done."""
        with self._lock:
            for who, line in self._waiting.items():
                for one in line:
                    if one[0] == thing:
                        line.remove(one)
                        if not line:
                            del self._waiting[who]
                        return True
        return False

    def ahead(self, thing: object) -> int:
        """How many come before this one."""
        with self._lock:
            order = self._order()
        return next((i for i, other in enumerate(order) if other == thing), 0)

    def seconds_until(self, thing: object) -> float | None:
        """How long this one will wait, going by the latest; None while nobody knows."""
        if not self._took or not (ahead := self.ahead(thing)):
            return None
        usual = sum(self._took) / len(self._took)
        return max(0.0, usual - (time.monotonic() - self._since)) + (ahead - 1) * usual

    @property
    def n_waiting(self) -> int:
        """How many wait, or are being done."""
        with self._lock:
            return sum(map(len, self._waiting.values())) + (self._now is not None)

    def rest(self, why: str) -> None:
        """From now on what comes is refused."""
        with self._lock:
            self._resting = why

    def between(self, work: Work, why: str) -> None:
        """Begin work during which nothing else is done: what comes is refused with `why`. It is
        refused itself while there is something."""
        with self._lock:
            if self._coming or self._waiting or self._now is not None:
                raise Refused("An answer is being given: wait for it, or stop it first.")
            if self._resting:
                raise Refused(self._resting)
            self._resting = why
            self._worker.submit(self._rest, work, why)

    def close(self) -> None:
        """Waits for what is being done."""
        self._worker.shutdown()

    def _order(self) -> list[object]:
        lines = {who: deque(line) for who, line in self._waiting.items()}
        order = [] if self._now is None else [self._now]
        while lines:
            order.append(self._taken(lines)[0])
        return order

    def _taken(self, lines: dict[Hashable, deque[Item]]) -> Item:
        """The next thing out of these; who had it goes to the end."""
        who = self._first if self._first in lines else next(iter(lines))
        line = lines.pop(who)
        taken = line.popleft()
        if line:
            lines[who] = line
        return taken

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:  # it was cancelled
                return
            self._now, work, over = self._taken(self._waiting)
            self._since = time.monotonic()
        try:
            work()
        except Exception:
            log.exception("What was next failed")
        finally:
            with self._lock:
                took = time.monotonic() - self._since
                self._took.append(took)
                self.n_done, self.seconds = self.n_done + 1, self.seconds + took
                self._now = None
            over()

    def _rest(self, work: Work, why: str) -> None:
        try:
            work()
        except Exception:
            log.exception("What was to be done between two answers failed")
        finally:
            with self._lock:
                self._resting = "" if self._resting == why else self._resting
