"""Dated copies of what is remembered: one a day, the latest few kept. Puts none of them back, which
is for sessions/restore.py.

A backup is a folder like the store's own: the database as it was at one moment, and hard links to
the clips it names: these cost no room until a clip is deleted, and then keep it as long as they are
kept themselves.
"""

import errno
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sessions.clips import Clips
from sessions.database import connect, is_sound
from sessions.errors import DAMAGED, FULL, StoreTrouble, as_sentences

FOLDER, DATABASE, CLIPS = "backups", "earshot.db", "clips"
DAYS, WEEKS = 7, 4  # kept: the latest days, and of the weeks before them the last of each
LEAST = 100e6  # bytes of the disk that a backup leaves free
LEFT_OVER = 24 * 3600  # seconds after which a backup that was not finished is nobody's
PART = "part-"
UNLINKABLE = {errno.ENOENT, errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
NAME = re.compile(r"earshot-(\d{4}-\d{2}-\d{2})(-\d{6})?")


@dataclass(frozen=True, order=True)
class Backup:
    """One that is whole."""

    path: Path
    day: date

    @property
    def database(self) -> Path:
        return self.path / DATABASE


def listed(folder: Path) -> list[Backup]:
    """Those of a store's folder, the oldest first."""
    found = sorted((folder / FOLDER).glob("earshot-*"))
    return [Backup(path, day) for path in found if path.is_dir() and (day := _day(path.name))]


def _day(name: str) -> date | None:
    match = NAME.fullmatch(name)
    with suppress(ValueError):
        return date.fromisoformat(match[1]) if match else None
    return None


def daily(folder: Path, today: date | None = None) -> Backup | None:
    """Today's, unless there is one or nothing to keep. Older ones go."""
    today = today or date.today()
    if any(backup.day == today for backup in listed(folder)) or is_empty(folder):
        return None
    made = make(folder, datetime.combine(today, datetime.now().time()))
    prune(folder)
    return made


def make(folder: Path, now: datetime | None = None) -> Backup:
    """One more. What is written meanwhile does not wait for it. Raises StoreTrouble, and then
    leaves nothing behind."""
    now = now or datetime.now()
    with as_sentences(), part(folder / FOLDER) as built:
        copy(folder / DATABASE, built / DATABASE)
        clips, held = Clips(folder / CLIPS), Clips(built / CLIPS)
        for digest in digests(built / DATABASE):
            link(clips.path(digest), held.path(digest))
        path = folder / FOLDER / f"earshot-{now:%Y-%m-%d}"
        if path.exists():
            path = path.with_name(f"{path.name}-{now:%H%M%S}")
        os.rename(built, path)
    return Backup(path, now.date())


def copy(source: Path, target: Path) -> None:
    """A database as it is at this moment, in one file. One that is damaged is refused."""
    if shutil.disk_usage(target.parent).free - source.stat().st_size < LEAST:
        raise StoreTrouble(FULL)
    with closing(connect(source)) as live, closing(sqlite3.connect(target)) as twin:
        live.backup(twin)  # all at once: in small steps it would begin anew with every write
        twin.execute("pragma journal_mode = delete")
        if not is_sound(twin):
            raise StoreTrouble(DAMAGED)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def digests(database: Path) -> list[str]:
    """Of all clips that a database knows."""
    with closing(sqlite3.connect(database)) as db:
        return [digest for (digest,) in db.execute("select digest from clips")]


def prune(folder: Path) -> None:
    """Backups that are not among those to keep go, and what was never finished."""
    found = listed(folder)
    newest = {backup.day: backup for backup in found}
    wanted = {newest[day] for day in kept(newest)}
    for backup in found:
        if backup not in wanted:
            shutil.rmtree(backup.path, ignore_errors=True)
    for path in (folder / FOLDER).glob(PART + "*"):
        if path.stat().st_mtime < time.time() - LEFT_OVER:
            shutil.rmtree(path, ignore_errors=True)


def kept(days: Collection[date]) -> set[date]:
    """Of the days there are backups of, those to keep."""
    ordered = sorted(days, reverse=True)
    weeks: dict[tuple[int, int], date] = {}
    for day in ordered[DAYS:]:
        weeks.setdefault(day.isocalendar()[:2], day)
    return {*ordered[:DAYS], *list(weeks.values())[:WEEKS]}


def is_empty(folder: Path) -> bool:
    """Whether nothing was ever said there: a backup of that would only push out another."""
    if not (folder / DATABASE).exists():
        return True
    with as_sentences(), closing(connect(folder / DATABASE)) as db:
        return db.execute("select 1 from turns limit 1").fetchone() is None


def link(source: Path, target: Path) -> bool:
    """Whether a second name could be given to a file: not to one that is gone, nor on a disk that
    knows no such names."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return True
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        return False
    return True


@contextmanager
def part(folder: Path) -> Iterator[Path]:
    """A new folder within, to be renamed once it is whole; else it goes."""
    folder.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=PART, dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
