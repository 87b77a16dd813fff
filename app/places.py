"""What belongs to each visitor, and to nobody else: their store, and the answers given from it.

A guest's store is a folder of its own, opened when it is first asked for and closed when it has not
been for a while. No query can reach from one place into another.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from app import visitors
from app.fair import Fair
from app.talks import Talks
from app.visitors import Visitor
from model.engine import Engine
from sessions.store import Store

GUESTS = "guests"  # within the owner's folder: a folder for each
RECALLED = 120  # seconds of sound that a guest's place keeps as samples
IDLE = 15 * 60  # seconds until a place nobody asks for is closed

T = TypeVar("T")


class Place:
    """One visitor's. What else is made for it goes with it: see `once`."""

    def __init__(self, id: str, store: Store, talks: Talks):
        self.id, self.store, self.talks = id, store, talks
        self.recall = talks.recall
        self.used = time.monotonic()
        self._made: dict[Callable, object] = {}
        self._making = threading.RLock()

    @property
    def is_guests(self) -> bool:
        return bool(self.id)

    def once(self, make: Callable[["Place"], T]) -> T:
        """What `make` makes of this place, made when it is first asked for."""
        with self._making:
            if make not in self._made:
                self._made[make] = make(self)
            return self._made[make]

    def close(self) -> None:
        self.talks.close()
        self.store.close()


class Places:
    """All of them, before one engine. The owner's store is closed by whoever opened it."""

    def __init__(self, engine: Engine, store: Store, *, owner_first: bool = False):
        self._engine = engine
        self._line = Fair("" if owner_first else None)
        self._guests: dict[str, Place] = {}
        self._lock = threading.Lock()
        self.owner = Place("", store, Talks(engine, store, line=self._line))

    @property
    def folder(self) -> Path:
        return self.owner.store.folder / GUESTS

    async def at(self, request) -> Place:
        """The place of who asks."""
        visitor = visitors.of(request)
        return await run_in_threadpool(self.of, visitor) if visitor.is_guest else self.owner

    def of(self, visitor: Visitor) -> Place:
        if not visitor.is_guest:
            return self.owner
        with self._lock:
            place = self._guests.get(visitor.id)
            if place is None:
                place = self._guests[visitor.id] = self._opened(visitor.id)
            place.used = time.monotonic()
        return place

    def close_idle(self, seconds: float = IDLE) -> None:
        """Those that nobody asked for, and in which nothing is being answered."""
        before = time.monotonic() - seconds
        with self._lock:
            idle = [p for p in self._guests.values() if p.used < before and not p.talks.is_busy]
            for place in idle:
                del self._guests[place.id]
        for place in idle:
            place.close()

    def leave(self, id: str) -> None:
        """Close a guest's place at once; its answers end."""
        with self._lock:
            place = self._guests.pop(id, None)
        if place is not None:
            place.close()

    def close(self) -> None:
        for id in list(self._guests):
            self.leave(id)
        self.owner.talks.close()
        self._line.close()

    def _opened(self, id: str) -> Place:
        store = Store(self.folder / id)
        talks = Talks(self._engine, store, who=id, line=self._line, recalled=RECALLED)
        return Place(id, store, talks)
