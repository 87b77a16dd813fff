"""The place of the engine: whichever sits here answers, and another may take it. Finds and opens
none itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from app.chat import Refused
from model.engine import Engine
from model.errors import NoRoom

Open = Callable[[str], Engine]  # by its name; raises NoWeights or NoRoom


class Seat:
    """An Engine: the one that sits here now. `name` is what `Open` knows it by."""

    def __init__(self, engine: Engine, name: str = ""):
        self.about, self.name = engine.about, name
        self._engine: Engine | None = engine
        self._users = 0
        self._free = threading.Condition()

    @property
    def is_taken(self) -> bool:
        return self._engine is not None

    def reply(self, messages, sampling, *, task=None):
        with self._used() as engine:
            yield from engine.reply(messages, sampling, task=task)

    def room(self, messages, *, task=None):
        with self._used() as engine:
            return engine.room(messages, task=task) if task else engine.room(messages)

    def notes(self, clip, windows=None):
        with self._used() as engine:
            yield from engine.notes(clip, windows)

    def close(self) -> None:
        if (engine := self._leave()) is not None:
            engine.close()

    def change(self, name: str, open: Open) -> None:
        """Another engine takes the place, and the memory of the one before is free again. Where
        memory is too small for both, the one before leaves first, and comes back if the other
        cannot come after all. Raises what `open` raises."""
        new = None
        with suppress(NoRoom):
            new = open(name)
        if new is None:
            new = self._instead(name, open)
        self._sit(name, new)

    def _instead(self, name: str, open: Open) -> Engine:
        before = self.name
        self.close()
        try:
            return open(name)
        except BaseException:
            self._sit(before, open(before))
            raise

    def _sit(self, name: str, engine: Engine) -> None:
        self.close()
        with self._free:
            self._engine, self.about, self.name = engine, engine.about, name

    def _leave(self) -> Engine | None:
        """The engine, once nobody uses it any more."""
        with self._free:
            self._free.wait_for(lambda: not self._users)
            engine, self._engine = self._engine, None
        return engine

    @contextmanager
    def _used(self) -> Iterator[Engine]:
        with self._free:
            if self._engine is None:
                raise Refused("No model is loaded at the moment: try again in a minute.")
            self._users += 1
            engine = self._engine
        try:
            yield engine
        finally:
            with self._free:
                self._users -= 1
                self._free.notify_all()
