"""What belongs to each visitor, and to nobody else: their store, and the answers given from it.

A guest's store is a folder of its own, opened when it is first asked for and closed when it has not
been for a while. No query can reach from one place into another.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from app import visitors
from app.chat import Refused
from app.fair import Fair
from app.guests import Guests
from app.policy import UNLIMITED, Allowance, GuestStore, Policy
from app.talks import Talks
from app.visitors import Visitor
from model.engine import Engine
from sessions.store import Store

GUESTS = "guests"  # within the owner's folder: a folder for each
RECALLED = 120  # seconds of sound that a guest's place keeps as samples
IDLE = 15 * 60  # seconds until a place nobody asks for is closed
EVERY = 60  # seconds between two looks for those, and for guests who stayed away too long
WAITING = 4  # questions of one guest
ENDING = "Earshot is being closed: send this again when it is back. What you wrote is kept."
STRANGER = "Your visit is over: load the page anew and give the password."

log = logging.getLogger(__name__)

T = TypeVar("T")


class Over(Refused):
    """A guest was sent away a moment ago."""


class Place:
    """One visitor's. What else is made for it goes with it: see `once`."""

    def __init__(self, id: str, store: Store, talks: Talks, allowance: Allowance | None = None):
        self.id, self.store, self.talks = id, store, talks
        self.allowance = allowance or Allowance(UNLIMITED)
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

    def __init__(self, engine: Engine, store: Store, policy: Policy | None = None):
        self._engine = engine
        self.policy = policy or Policy()
        self.guests = Guests(store.folder / GUESTS)
        self._line = Fair("" if self.policy.owner_first else None)
        self._guests: dict[str, Place] = {}
        self._allowances: dict[str, Allowance] = {}  # stay when a place is closed
        self._lock = threading.Lock()
        self.owner = Place("", store, Talks(engine, store, line=self._line))
        self._closing = threading.Event()
        self.is_ending = False  # see `wind_up`
        threading.Thread(target=self._tidying, daemon=True).start()

    @property
    def n_waiting(self) -> int:
        """Questions that wait for their answer, or are being answered."""
        return self._line.n_waiting

    @property
    def n_open(self) -> int:
        """Guests whose places are open."""
        return len(self._guests)

    @property
    def answered(self) -> tuple[int, float]:
        """How many answers were given since the start, and in how many seconds."""
        return self._line.n_done, self._line.seconds

    async def at(self, request) -> Place:
        """The place of who asks."""
        visitor = visitors.of(request)
        return await run_in_threadpool(self.of, visitor) if visitor.is_guest else self.owner

    def of(self, visitor: Visitor) -> Place:
        if not visitor.is_guest:
            return self.owner
        with self._lock:
            if not self.guests.knows(visitor.id):  # they were sent away a moment ago
                raise Over(STRANGER)
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

    def forget(self, id: str) -> None:
        """Send a guest away: their answers end, and everything they left is deleted."""
        self.guests.expel(id)
        self._leave(id)
        self._allowances.pop(id, None)
        self.guests.delete(id)

    def tidy(self) -> None:
        """Close what nobody uses, and forget guests who were not here for too long."""
        self.guests.note()
        self.close_idle()
        for id in self.guests.stale(self.policy.keep_days):
            self.forget(id)

    def wind_up(self, patience: float = 0.0) -> None:
        """From now on nothing is asked. What waits for its answer has none; what is being answered
        has so many seconds to come to its own end. All of it is stored."""
        self.is_ending = True
        self._line.rest(ENDING)
        ends = time.monotonic() + patience
        with self._lock:
            all_talks = [place.talks for place in (*self._guests.values(), self.owner)]
        for talks in all_talks:
            talks.drop_waiting()
        for talks in all_talks:
            talks.close(max(0.0, ends - time.monotonic()))

    def close(self) -> None:
        self._closing.set()
        self.guests.note()
        for id in list(self._guests):
            self._leave(id)
        self.owner.talks.close()
        self._line.close()

    def _leave(self, id: str) -> None:
        with self._lock:
            place = self._guests.pop(id, None)
        if place is not None:
            place.close()

    def _tidying(self) -> None:
        while True:
            try:
                self.tidy()
            except Exception:
                log.exception("What guests left could not be tidied")
            if self._closing.wait(EVERY):
                return

    def _opened(self, id: str) -> Place:
        allowance = self._allowances.setdefault(id, Allowance(self.policy))
        store = GuestStore(self.guests.folder / id, allowance)
        talks = Talks(
            self._engine,
            store,
            WAITING,
            who=id,
            line=self._line,
            recalled=RECALLED,
            may_ask=store.may_ask,
        )
        return Place(id, store, talks, allowance)
