"""Links by which others may read one conversation, or one answer of it. Who may see what; serves
nothing.

What is shared is a line of turns up to one of them, as it stands when the link is made: what is
asked later is on no link. The secret in a link has 168 random bits, and is itself stored nowhere:
the database holds its hash, so that a copy of it opens no link. So that the owner can copy a link
again it is made anew, from a seed in the database and a key in a file of its own.
"""

import hashlib
import hmac
import os
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlite_utils import Database

from sessions import lines, rows
from sessions.database import File
from sessions.errors import Gone, StillWriting, as_sentences
from sessions.records import (
    WRITING,
    ClipRef,
    Conversation,
    Turn,
    Whole,
    WindowNotes,
    title_from,
)

SECRET = 21  # bytes in a link: 28 letters
KEY = 32  # bytes
LONGEST = 10 * 365 * 24 * 3600  # seconds that a link may live, unless it lives for ever
SHOWN = 500  # links in a list
CLOSED = "This link leads nowhere: it was revoked, has expired, or was never right."
NOTHING = "There is nothing to share in this conversation yet: ask something first."
UNFINISHED = "This answer is not finished: share it when it is."
COLUMNS = (
    "s.id, s.conversation, s.turn, s.title, s.alone, s.may_continue, s.created, s.expires,"
    " s.revoked, s.visits, s.visited"
)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A link, without the secret that opens it."""

    id: int
    conversation: str
    turn: int  # the last one that is shown
    title: str  # of the conversation when the link was made; one answer's is from its question
    alone: bool  # only that answer, with its question
    may_continue: bool  # whoever opens it may go on in a copy of their own
    created: float  # seconds since 1970, like the others
    expires: float | None
    revoked: float | None
    visits: int
    visited: float | None  # last

    def is_open(self, now: float) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


class Shares:
    """The links of one folder of conversations."""

    def __init__(self, file: File, key: Path):
        self._file, self._key = file, key
        self._making = threading.Lock()

    def make(
        self,
        conversation: str,
        turn: int = lines.LEAF,
        *,
        alone: bool = False,
        may_continue: bool = False,
        seconds: float | None = None,
    ) -> Share:
        """A link to the line that leads to a turn, or to that answer alone, perhaps for so long."""
        assert seconds is None or 0 < seconds <= LONGEST, seconds
        now, seed = time.time(), secrets.token_hex(SECRET)
        secret = self._secret(seed, self._made_key())
        with self._file.writing() as db:
            about = rows.conversation(db, conversation)
            line = _line(db, conversation, turn, alone)
            row = {
                "conversation": conversation,
                "turn": line[-1],
                "title": _title_of(db, line[-2]) if alone else about.title,
                "seed": seed,
                "hash": _hash(secret),
                "alone": alone,
                "may_continue": may_continue,
                "created": now,
                "expires": None if seconds is None else now + seconds,
            }
            return _found(db, "s.id = ?", db["shares"].insert(row).last_pk)

    def all(self) -> list[Share]:
        """Of conversations that are not deleted, the newest first."""
        with self._file.reading() as db:
            found = db.query(
                f"select {COLUMNS} from shares s join conversations c on c.id = s.conversation"
                " where c.deleted is null order by s.id desc limit ?",
                [SHOWN],
            )
            return list(map(_share, found))

    def secret(self, id: int) -> str:
        """The secret of a link, to be given out again; empty if its key was lost."""
        with self._file.reading() as db:
            found = db.execute("select seed, hash from shares where id = ?", [id]).fetchone()
        if found is None:
            raise Gone(CLOSED)
        key = self._read_key()
        secret = self._secret(found[0], key) if key else ""
        return secret if secret and hmac.compare_digest(_hash(secret), found[1]) else ""

    def revoke(self, id: int) -> None:
        """From now on the link leads nowhere, for good. It stays in the list."""
        with self._file.writing() as db:
            now = time.time()
            db.execute("update shares set revoked = ? where id = ? and revoked is null", [now, id])

    def forget(self, id: int) -> None:
        """Take a link off the list, which closes it too."""
        with self._file.writing() as db:
            db.execute("delete from shares where id = ?", [id])

    def find(self, secret: str) -> Share:
        """What a secret opens. Revoked, expired, wrong: nobody is told which."""
        with self._file.reading() as db:
            share = _found(db, "s.hash = ?", _hash(secret))
        if not share.is_open(time.time()):
            raise Gone(CLOSED)
        return share

    def visit(self, id: int) -> None:
        """Count that somebody has opened it."""
        with self._file.writing() as db:
            now = time.time()
            db.execute("update shares set visits = visits + 1, visited = ? where id = ?", [now, id])

    def _secret(self, seed: str, key: bytes) -> str:
        made = hmac.digest(key, seed.encode(), "sha256")[:SECRET]
        return urlsafe_b64encode(made).decode()

    def _read_key(self) -> bytes:
        with suppress(FileNotFoundError), as_sentences():
            key = self._key.read_bytes()
            return key if len(key) == KEY else b""
        return b""

    def _made_key(self) -> bytes:
        """The key, made when the first link is: for nobody else on this machine to read."""
        with self._making, as_sentences():
            if key := self._read_key():
                return key
            part = self._key.with_suffix(f".{secrets.token_hex(4)}")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(secrets.token_bytes(KEY))
                new.flush()
                os.fsync(new.fileno())
            os.replace(part, self._key)
            return self._read_key()


# What a link shows


@dataclass(frozen=True)
class Shown:
    """What whoever has the link may see, and all of it."""

    share: Share
    turns: tuple[Turn, ...]
    notes: tuple[WindowNotes, ...] = ()  # of its clips

    @property
    def clips(self) -> dict[str, ClipRef]:
        return {clip.digest: clip for turn in self.turns for clip in turn.clips}

    def whole(self, now: float) -> Whole:
        """As a conversation of its own, which began then."""
        about = Conversation(
            id="", title=self.share.title, leaf=self.turns[-1].id, created=now, updated=now
        )
        return Whole(about, self.turns, self.notes)


def shown(store, share: Share) -> Shown:
    """The turns of a link, without what is between the owner and the model: verdicts, notes and
    instructions."""
    store.conversation(share.conversation)  # it may have been deleted
    line = store.turns(share.conversation, share.turn)
    if not line:
        raise Gone(CLOSED)
    first, *others = map(_public, _with_its_recording(line) if share.alone else line)
    turns = (replace(first, parent=None), *others)
    return Shown(share, turns, _notes(store, turns))


def excerpt(store, conversation: str, answer: int) -> Whole:
    """One answer with its question, as a link to it would show them."""
    store.conversation(conversation)
    line = store.turns(conversation, answer)
    if len(line) < 2 or line[-1].role != "assistant":
        raise Gone(NOTHING)
    if line[-1].status == WRITING:
        raise StillWriting(UNFINISHED)
    title, (question, last) = title_from(line[-2].parts), map(_public, _with_its_recording(line))
    about = Conversation(
        id="", title=title, leaf=last.id, created=question.created, updated=last.updated
    )
    turns = (replace(question, parent=None), last)
    return Whole(about, turns, _notes(store, turns))


def copied(store, given: Shown, other) -> Conversation:
    """What a link shows as a new conversation of another store, with its sound."""
    now = time.time()
    for clip in given.clips.values():
        path = store.clips.path(clip.digest)
        if path.exists():
            other.keep(clip.digest, clip.seconds, path.read_bytes())
    return other.put([given.whole(now)])[0]


def _with_its_recording(line: list[Turn]) -> list[Turn]:
    """The last exchange of a line. A question without a recording is about those
    of the newest one before that has any: all of them, since an answer may name them by number."""
    *before, question, answer = line
    if not question.clips:
        clips = next((turn.clips for turn in reversed(before) if turn.clips), [])
        question = replace(question, parts=(*clips, *question.parts))
    return [question, answer]


def _notes(store, turns: Iterable[Turn]) -> tuple[WindowNotes, ...]:
    """What was heard of the clips of some turns."""
    heard = store.notes.of(clip.digest for turn in turns for clip in turn.clips)
    return tuple(one for some in heard.values() for one in some)


def _public(turn: Turn) -> Turn:
    return replace(turn, good=None, note="", system="", sampling="")


# Rows


def _line(db: Database, conversation: str, turn: int, alone: bool) -> list[int]:
    """The turns up to the one that is shared last."""
    last = lines.at(db, conversation, turn)
    line = lines.up(db, conversation, last, None) if last is not None else []
    if not line or (alone and (len(line) < 2 or line[-1]["role"] != "assistant")):
        raise Gone(NOTHING)
    if line[-1]["status"] == WRITING:
        raise StillWriting(UNFINISHED)
    return [row["id"] for row in line]


def _title_of(db: Database, question: int) -> str:
    """The conversation's would tell what else was asked."""
    return title_from(rows.parts(db, [question]).get(question, ()))


def _found(db: Database, where: str, value: object) -> Share:
    for row in db.query(f"select {COLUMNS} from shares s where {where}", [value]):
        return _share(row)
    raise Gone(CLOSED)


def _share(row: dict) -> Share:
    return Share(**row | {name: bool(row[name]) for name in ("alone", "may_continue")})


def _hash(secret: str) -> str:
    """What is stored of a secret. It is random, and so needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
