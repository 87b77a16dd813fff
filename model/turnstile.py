"""A lock that serves in the order of arrival. `threading.Lock` promises no order."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turnstile:
    """One at a time. Whoever waits is handed an event, so that they can do other things (or give
    up) while they wait."""

    def __init__(self):
        self._mutex = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @contextmanager
    def enter(self) -> Iterator[threading.Event]:
        """Takes a place in the queue and leaves it at the end; it is one's turn once the event is
        set."""
        gate = threading.Event()
        with self._mutex:
            self._queue.append(gate)
            self._queue[0].set()
        try:
            yield gate
        finally:
            with self._mutex:
                self._queue.remove(gate)
                if self._queue:
                    self._queue[0].set()

    def __len__(self) -> int:
        """How many are in or before it."""
        return len(self._queue)
