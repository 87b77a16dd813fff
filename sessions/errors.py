"""What the store cannot do, each as a sentence for people."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(Exception):
    """Shown as its sentence, never as a traceback."""

    def __str__(self) -> str:
        return str(self.args[0])


class Gone(StoreError, KeyError):
    """What was asked for is no longer stored."""


class StillWriting(StoreError):
    """An answer is being given, so it cannot be changed."""


class StoreTrouble(StoreError):
    """The disk or the database refused. What was stored before is still there."""


class BadBundle(StoreError):
    """A file that is to be imported is not what it claims to be, or more than we take."""


FULL = "The disk is full, so nothing more could be stored: free some space and try again."
BUSY = (
    "The conversations are in use by another program that does not let go: try again in a minute."
)
LOCKED_UP = "The folder of conversations cannot be written to: check its permissions, or --data."
FAULTY = (
    "The disk refused to store this: it may be full, at a limit or damaged. Check it, try again."
)
DAMAGED = (
    "The file of conversations is damaged (earshot.db). End Earshot and run: python launch.py "
    "restore. It puts the newest backup in its place, and keeps the damaged file."
)
NEWER = (
    "These conversations were stored by a newer Earshot: update this one, or use another --data."
)

DATABASE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_READONLY: LOCKED_UP,
    sqlite3.SQLITE_CANTOPEN: LOCKED_UP,
    sqlite3.SQLITE_PERM: LOCKED_UP,
    sqlite3.SQLITE_IOERR: FAULTY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FAULTY,
    errno.EIO: FAULTY,
    errno.EROFS: LOCKED_UP,
    errno.EACCES: LOCKED_UP,
    errno.EPERM: LOCKED_UP,
    errno.ENOTDIR: LOCKED_UP,
    errno.EEXIST: LOCKED_UP,
}


@contextmanager
def as_sentences() -> Iterator[None]:
    """Trouble with the disk or the database becomes a sentence; a bug stays a bug."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        sentence = DATABASE.get(code & 0xFF) if code is not None else None
        if sentence is None:
            raise
        raise StoreTrouble(sentence) from error
    except OSError as error:
        if error.errno not in SYSTEM:
            raise
        raise StoreTrouble(SYSTEM[error.errno]) from error
