"""Which processes are alive: each holds a lock that the system drops with it, even on kill -9.

A process id would not do: it is used again, and means nothing in another container that shares
the folder. SQLite's own file lock is the same on Linux, macOS and Windows.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


class Presence:
    """This process, to others who share the folder. The lock is taken when first asked for."""

    def __init__(self, folder: Path):
        self.name = uuid4().hex
        self._folder = folder
        self._held: sqlite3.Connection | None = None

    def announce(self) -> str:
        """Take the lock, once, and return the name to sign with. The caller sees to it that two
        threads do not ask at the same time."""
        while self._held is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / self.name
            held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            held.execute("begin exclusive")
            if path.exists():
                self._held = held
            else:  # somebody looked before it was locked, and took it for a dead one's
                held.close()
                self.name = uuid4().hex
        return self.name

    def is_alive(self, name: str) -> bool:
        """Whether the process that signs with this name still holds its lock."""
        path = self._folder / name
        if name == self.name or not path.exists():
            return name == self.name
        probe = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            probe.execute("begin exclusive")
            with suppress(PermissionError):  # Windows removes no open file …
                path.unlink(missing_ok=True)  # while it is locked: nobody can be taking it
        except sqlite3.OperationalError:
            return True
        finally:
            probe.close()
        with suppress(PermissionError):  # … and none that its owner has opened meanwhile
            path.unlink(missing_ok=True)
        return False

    def others(self) -> bool:
        """Whether other processes are alive here."""
        return any([self.is_alive(name) for name in self._names()])

    def bury(self) -> bool:
        """Whether a process that signed here is gone and never said so: it was killed, or the
        power failed."""
        return not all([self.is_alive(name) for name in self._names()])

    def _names(self) -> list[str]:
        """Of the others. To ask whether one is alive removes the mark of one that is not."""
        paths = self._folder.glob("[0-9a-f]*")
        return [path.name for path in paths if len(path.name) == 32 and path.name != self.name]

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
            (self._folder / self.name).unlink(missing_ok=True)
