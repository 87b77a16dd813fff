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
from sessions.errors import NEWER, StoreTrouble, as_sentences
from sessions.migrations import migration

BUSY_SECONDS = 15  # how long an operation waits for another process's write


class File:
    """One database. Every trouble with it is told as a sentence."""

    def __init__(self, path: Path):
        self.path = path
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
                _refuse_newer(db)
                yield db


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    search.register(connection)
    return connection


def _refuse_newer(db: Database) -> None:
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
