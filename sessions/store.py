"""What is remembered, in one SQLite file: conversations, their turns, and which clips they use.

A connection for each operation (it costs 0.2 ms, and handles may not cross threads); write-ahead
logging, so that reading never waits for writing. Safe from several threads and processes.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from uuid import uuid4

from sqlite_utils import Database

from sessions.clips import Clips
from sessions.migrations import migration
from sessions.presence import Presence
from sessions.records import (
    DONE,
    INTERRUPTED,
    WRITING,
    ClipRef,
    Conversation,
    Part,
    Turn,
    Unheard,
    title_from,
)

BUSY_SECONDS = 15  # how long an operation waits for another process's write
UNSENT_SECONDS = 24 * 3600  # how long a clip waits for a turn that uses it


class Gone(KeyError):
    """What was asked for is no longer stored."""

    def __str__(self) -> str:
        return str(self.args[0])


def default_folder() -> Path:
    return Path(os.environ.get("EARSHOT_DATA") or Path(__file__).parent / "data")


class Store:
    """One folder of conversations. Close it to give up this process's mark on it."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder) if folder else default_folder()
        self.clips = Clips(self.folder / "clips")
        self._path = self.folder / "earshot.db"
        self._presence = Presence(self.folder / "writers")
        self._announcing = threading.Lock()
        with self._migrating() as db:
            migration.apply(db)
        with self._writing() as db:
            self._settle(db)
            self._forget_unused(db, time.time() - UNSENT_SECONDS)
            self._forget_unsaid(db, time.time() - UNSENT_SECONDS)

    def close(self) -> None:
        self._presence.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # Conversations

    def start(self, system: str = "") -> Conversation:
        """A new conversation; its title comes with its first question."""
        now = time.time()
        conversation = Conversation(
            id=uuid4().hex, title="", system=system, created=now, updated=now
        )
        with self._writing() as db:
            db["conversations"].insert(asdict(conversation))
        return conversation

    def conversation(self, id: str) -> Conversation:
        with self._reading() as db:
            rows = list(db["conversations"].rows_where("id = ?", [id]))
        if not rows:
            raise Gone("This conversation is not stored here; it may have been deleted.")
        return Conversation(**rows[0])

    def conversations(self, limit: int = 50, offset: int = 0) -> list[Conversation]:
        """Those with at least one turn, newest first, a page at a time."""
        with self._reading() as db:
            rows = db.query(
                "select * from conversations c"
                " where exists (select 1 from turns where conversation = c.id)"
                " order by updated desc, id limit ? offset ?",
                [limit, offset],
            )
            return [Conversation(**row) for row in rows]

    def delete(self, id: str) -> None:
        """Forget a conversation, and every clip that no other turn uses."""
        with self._writing() as db:
            used = "select clip from parts join turns on turns.id = turn where conversation = ?"
            clips = [row["clip"] for row in db.query(used, [id]) if row["clip"]]
            db.execute("delete from conversations where id = ?", [id])
            self._forget_unused(db, time.time(), clips)

    # Turns

    def ask(self, conversation: str, parts: Iterable[Part]) -> Turn:
        """Store a question after the newest turn."""
        parts = tuple(parts)
        with self._writing() as db:
            turn = self._insert(db, conversation, "user", DONE, parts)
            db.execute(
                "update conversations set title = ? where id = ? and title = ''",
                [title_from(parts), conversation],
            )
        return turn

    def begin(self, conversation: str, **told: str) -> Turn:
        """Store an answer before its first word. `told` is what it was given besides the turns
        before it: system, sampling (JSON) and model."""
        with self._announcing:
            writer = self._presence.announce()
        with self._writing() as db:
            return self._insert(db, conversation, "assistant", WRITING, (), writer=writer, **told)

    def say(self, answer: int, text: str) -> None:
        """Store what has been said so far."""
        with self._writing() as db:
            self._say(db, answer, text)

    def mark_unheard(self, answer: int, unheard: Iterable[Unheard]) -> None:
        with self._writing() as db:
            stretches = json.dumps([asdict(stretch) for stretch in unheard])
            db.execute("update turns set unheard = ? where id = ?", [stretches, answer])

    def finish(self, answer: int, text: str, status: str, sentence: str = "") -> None:
        """Store the last word, and how it came to be the last."""
        with self._writing() as db:
            self._say(db, answer, text)
            db.execute(
                "update turns set status = ?, sentence = ? where id = ?",
                [status, sentence, answer],
            )

    def turns(self, conversation: str) -> list[Turn]:
        """From the first question to the newest turn, along one line of parents."""
        rows, parts = self._rows(conversation)
        if any(row["status"] == WRITING and self._is_dead(row["writer"]) for row in rows):
            with self._writing() as db:
                self._settle(db)
            rows, parts = self._rows(conversation)
        by_id = {row["id"]: row for row in rows}
        line, at = [], max(by_id, default=None)
        while at is not None:
            line.append(_turn(by_id[at], parts.get(at, ())))
            at = by_id[at]["parent"]
        return line[::-1]

    # Clips

    def keep(self, digest: str, seconds: float, sound: bytes) -> None:
        """Store a sound. A turn that uses it should come within a day."""
        with self._writing() as db:  # under the lock, so that nobody forgets it meanwhile
            self.clips.write(digest, sound)
            db["clips"].upsert({"digest": digest, "seconds": seconds, "created": time.time()})

    def clip(self, digest: str, name: str = "") -> ClipRef:
        """A reference to a stored sound, under this name."""
        with self._reading() as db:
            rows = list(db["clips"].rows_where("digest = ?", [digest]))
        if not rows or not self.clips.path(digest).exists():
            raise Gone(f"The recording {name or digest} is no longer stored: attach it again.")
        return ClipRef(digest, name, rows[0]["seconds"])

    # Below the surface

    def _insert(self, db, conversation, role, status, parts, **told) -> Turn:
        now = time.time()
        rows = list(
            db.query("select max(id) as id from turns where conversation = ?", [conversation])
        )
        row = dict(conversation=conversation, parent=rows[0]["id"], role=role, status=status)
        try:
            id = db["turns"].insert(row | told | dict(created=now, updated=now)).last_pk
        except sqlite3.IntegrityError:
            raise Gone("This conversation was deleted meanwhile; nothing was stored.") from None
        db["parts"].insert_all(_part_row(id, i, part) for i, part in enumerate(parts))
        db.execute("update conversations set updated = ? where id = ?", [now, conversation])
        return _turn(next(db["turns"].rows_where("id = ?", [id])), parts)

    def _say(self, db, answer: int, text: str) -> None:
        # the turn may have been deleted while it was being said
        if not db.execute("select 1 from turns where id = ?", [answer]).fetchone():
            return
        if text:
            db["parts"].upsert(
                {"turn": answer, "position": 0, "text": text}, pk=("turn", "position")
            )
        db.execute("update turns set updated = ? where id = ?", [time.time(), answer])

    def _rows(self, conversation: str) -> tuple[list[dict], dict[int, tuple[Part, ...]]]:
        with self._reading() as db:
            rows = list(db["turns"].rows_where("conversation = ?", [conversation]))
            parts = db.query(
                "select turn, text, clip, name, seconds from parts"
                " left join clips on digest = clip where turn in"
                " (select id from turns where conversation = ?) order by turn, position",
                [conversation],
            )
            grouped = groupby(parts, itemgetter("turn"))
            return rows, {turn: tuple(map(_part, group)) for turn, group in grouped}

    def _is_dead(self, writer: str) -> bool:
        return not self._presence.is_alive(writer)

    def _settle(self, db) -> None:
        """Answers whose process is gone say so."""
        writing = db.query("select distinct writer from turns where status = ?", [WRITING])
        for writer in [row["writer"] for row in writing if self._is_dead(row["writer"])]:
            db.execute(
                "update turns set status = ? where status = ? and writer = ?",
                [INTERRUPTED, WRITING, writer],
            )

    def _forget_unsaid(self, db, before: float) -> None:
        """Remove conversations in which nothing was ever asked."""
        db.execute(
            "delete from conversations where created <= ?"
            " and not exists (select 1 from turns where conversation = conversations.id)",
            [before],
        )

    def _forget_unused(self, db, before: float, among: Sequence[str] | None = None) -> None:
        """Remove clips that no turn uses: those created before a time, among some or all.

        The files go while the write lock is held, so that `keep` cannot bring one back in between.
        A crash here leaves a clip without a turn, or a file without a clip, for the next start.
        """
        unused = (
            "select digest from clips where created <= ?"
            " and not exists (select 1 from parts where clip = digest)"
        )
        digests = {row["digest"] for row in db.query(unused, [before])}
        if among is None:
            known = {row["digest"] for row in db.query("select digest from clips")}
            digests |= set(self.clips.digests()) - known
        else:
            digests &= set(among)
        for digest in digests:
            db.execute("delete from clips where digest = ?", [digest])
            self.clips.remove(digest)

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("pragma foreign_keys = on")
            yield Database(connection)
        finally:
            connection.close()

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        """Takes the write lock at once: one that is upgraded later can fail without waiting."""
        with self._reading() as db:
            db.execute("begin immediate")
            with _all_or_nothing(db):
                yield db

    @contextmanager
    def _migrating(self) -> Iterator[Database]:
        """As writing, but references are not enforced: a table that is rebuilt is dropped first."""
        with self._reading() as db:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma foreign_keys = off")
            db.execute("begin immediate")
            with _all_or_nothing(db):
                yield db


@contextmanager
def _all_or_nothing(db: Database) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.conn.execute("rollback")
        raise
    db.conn.execute("commit")


def _part_row(turn: int, position: int, part: Part) -> dict:
    row = {"turn": turn, "position": position, "text": None, "clip": None, "name": ""}
    if isinstance(part, str):
        return row | {"text": part}
    return row | {"clip": part.digest, "name": part.name}


def _part(row: dict) -> Part:
    if row["clip"] is None:
        return row["text"]
    return ClipRef(row["clip"], row["name"], row["seconds"])


def _turn(row: dict, parts: Sequence[Part]) -> Turn:
    row = {key: value for key, value in row.items() if key != "writer"}
    unheard = tuple(Unheard(**stretch) for stretch in json.loads(row["unheard"]))
    return Turn(**row | {"unheard": unheard, "parts": tuple(parts)})
