"""Puts a backup in the place of what is remembered now, which is set aside before: a folder of its
own, which a store can open. Overwrites nothing, and does nothing beside a running Earshot."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from sessions import backup, parcel
from sessions.backup import CLIPS, DATABASE
from sessions.clips import Clips
from sessions.database import connect, is_sound, refuse_newer
from sessions.errors import Gone, StoreTrouble, as_sentences
from sessions.presence import Presence

RUNNING = "Earshot is running on {folder}: end it first, so that nothing it writes is lost."
NO_BACKUP = "There is no backup in {folder}. To begin anew, give earshot.db another name there."
NO_SUCH = "There is no backup of {word} in {folder}; there are: {days}."
NOT_ONE = "{path} is no backup of Earshot, or is damaged; nothing was changed."


@dataclass(frozen=True)
class Restored:
    """What was done."""

    source: Path
    aside: Path | None  # where what was remembered until now is
    conversations: int
    lost: tuple[str, ...]  # names of recordings whose sound is nowhere


def find(folder: Path, word: str = "") -> Path:
    """A backup by its day, or by its path; without a word, the newest."""
    found = backup.listed(folder)
    if not word and not found:
        raise Gone(NO_BACKUP.format(folder=folder))
    if not word:
        return found[-1].path
    for one in reversed(found):
        if word in (one.path.name, str(one.day)):
            return one.path
    if Path(word).exists():
        return Path(word)
    days = ", ".join(str(one.day) for one in found) or "none"
    raise Gone(NO_SUCH.format(word=word, folder=folder, days=days))


def restore(folder: Path, source: Path) -> Restored:
    """A backup (a folder, its database or a ZIP) takes the place of a store's folder. Links by
    which others may read are revoked: some were, perhaps, since then."""
    with as_sentences(), _free(folder), _opened(source, folder) as found:
        made = folder / backup.FOLDER
        with backup.part(made) as built:
            new = built / DATABASE
            _refuse_other(found / DATABASE, source)
            backup.copy(found / DATABASE, new)
            _revoke_links(new)
            aside = _set_aside(folder)
            _bring(found, Clips(folder / CLIPS), backup.digests(new))
            # Its log goes first: SQLite would write it into whatever file it finds
            for end in ("-wal", "-shm"):
                (folder / (DATABASE + end)).unlink(missing_ok=True)
            os.replace(new, folder / DATABASE)
        return Restored(source, aside, *_told(folder))


@contextmanager
def _free(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Presence(folder / "writers")) as presence:
        presence.announce()
        if presence.others():
            raise StoreTrouble(RUNNING.format(folder=folder))
        yield


@contextmanager
def _opened(source: Path, folder: Path) -> Iterator[Path]:
    """The backup as a folder."""
    if not source.exists():
        raise StoreTrouble(NOT_ONE.format(path=source))
    if source.is_dir():
        yield parcel.settle(source)
    elif source.name == DATABASE:
        yield source.parent
    else:
        with backup.part(folder / backup.FOLDER) as unpacked:
            if _is_zip(source):
                parcel.unpack(source, unpacked)
            else:
                shutil.copyfile(source, unpacked / DATABASE)
            yield unpacked


def _is_zip(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(2) == b"PK" or source.suffix.lower() == ".zip"


def _refuse_other(database: Path, source: Path) -> None:
    """What is no database of ours, is damaged, or comes from a newer Earshot."""
    trouble = StoreTrouble(NOT_ONE.format(path=source))
    if not database.exists():
        raise trouble
    try:
        with closing(connect(database)) as db:
            db.execute("select 1 from conversations, turns, clips limit 0")
            is_whole = is_sound(db, thoroughly=True)
            refuse_newer(Database(db))
    except sqlite3.DatabaseError as error:
        raise trouble from error
    if not is_whole:
        raise trouble


def _revoke_links(database: Path) -> None:
    with closing(connect(database)) as db:
        if db.execute("select 1 from sqlite_master where name = 'shares'").fetchone():
            db.execute("update shares set revoked = ? where revoked is null", [time.time()])


def _set_aside(folder: Path) -> Path | None:
    """What is remembered now, byte for byte, with all its clips. Returns where."""
    if not (folder / DATABASE).exists():
        return None
    with backup.part(folder / backup.FOLDER) as built:
        for end in ("", "-wal"):
            if (folder / (DATABASE + end)).exists():
                _same(folder / (DATABASE + end), built / (DATABASE + end))
        now, held = Clips(folder / CLIPS), Clips(built / CLIPS)
        for digest in now.digests():
            _same(now.path(digest), held.path(digest))
        aside = folder / backup.FOLDER / f"set-aside-{datetime.now():%Y-%m-%d-%H%M%S-%f}"
        os.rename(built, aside)
    return aside


def _bring(source: Path, target: Clips, digests: list[str]) -> None:
    for digest in digests:
        clip = parcel.clip_in(source, digest)
        if clip.exists() and not target.path(digest).exists():
            _same(clip, target.path(digest))


def _same(source: Path, target: Path) -> None:
    """Another name for a file, or where the disk knows none, a copy that is there whole or not."""
    if not backup.link(source, target):
        part = target.with_name(target.name + ".part")
        shutil.copyfile(source, part)
        os.replace(part, target)


def _told(folder: Path) -> tuple[int, tuple[str, ...]]:
    """How many conversations there are, and which recordings in them have no sound."""
    clips = Clips(folder / CLIPS)
    with closing(connect(folder / DATABASE)) as db:
        (count,) = db.execute("select count(*) from conversations where deleted is null").fetchone()
        named = db.execute("select distinct clip, name from parts where clip is not null")
        lost = {name or digest for digest, name in named if not clips.path(digest).exists()}
    return count, tuple(sorted(lost))
