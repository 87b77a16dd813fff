"""The SQLite file: connections, transactions, its schema brought up to date.

A connection for each operation (it costs 0.2 ms, and handles may not cross threads); write-ahead
logging, so that reading never waits for writing. Safe from several threads and processes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from sessions import search
from sessions.errors import DAMAGED, NEWER, StoreTrouble, as_sentences
from sessions.migrations import migration

BUSY_SECONDS = 15  # how long an operation waits for another process's write


class File:
    """One database. Every trouble with it is told as a sentence."""

    def __init__(self, path: Path, *, thoroughly: bool = False):
        """Raises StoreTrouble where it is damaged: `thoroughly` compares its indexes, too."""
        self.path = path
        with self.reading() as db:
            if not is_sound(db.conn, thoroughly=thoroughly):
                raise StoreTrouble(DAMAGED)
        with self._migrating() as db:
            migration.apply(db)
        # Used for nothing, but while it is open no other is the last one to close, which would
        # copy the log into the file after each write: that doubles the time of writing
        with as_sentences():
            self._held = connect(path)
            self._held.execute("select 1 from sqlite_master").fetchone()

    def close(self) -> None:
        self._held.close()

    @contextmanager
    def reading(self) -> Iterator[Database]:
        with as_sentences():
            connection = connect(self.path)
            try:
                connection.execute("pragma foreign_keys = on")
                yield Database(connection)
            finally:
                connection.close()

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Takes the write lock at once: one that is upgraded later can fail without waiting."""
        with self.reading() as db:
            db.execute("begin immediate")
            with _all_or_nothing(db):
                yield db

    @contextmanager
    def _migrating(self) -> Iterator[Database]:
        """As writing, but references are not enforced: a table that is rebuilt is dropped first."""
        with self.reading() as db:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma foreign_keys = off")
            db.execute("begin immediate")
            with _all_or_nothing(db):
                refuse_newer(db)
                yield db


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    search.register(connection)
    return connection


def is_sound(connection: sqlite3.Connection, *, thoroughly: bool = False) -> bool:
    """Whether SQLite finds nothing wrong: 0.3 s for 200,000 turns, `thoroughly` 0.6 s. Raises what
    SQLite raises where it cannot even look."""
    check = "integrity_check" if thoroughly else "quick_check"
    return connection.execute(f"pragma {check}(1)").fetchone() == ("ok",)


def refuse_newer(db: Database) -> None:
    """Raises StoreTrouble where a newer Earshot has changed the schema."""
    known = {one.name for one in migration._migrations}
    if not {one.name for one in migration.applied(db)} <= known:
        raise StoreTrouble(NEWER)


@contextmanager
def _all_or_nothing(db: Database) -> Iterator[None]:
    try:
        yield
        db.conn.execute("commit")
    except BaseException:
        if db.conn.in_transaction:  # a full disk has rolled it back already
            db.conn.execute("rollback")
        raise
