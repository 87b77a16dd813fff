"""What is remembered, in one folder: conversations, their turns, and the clips they use.

The one door to memory. Every operation is whole or has not been, and is safe from several threads
and processes. What it cannot do it says in a sentence (`errors.StoreError`).
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from sqlite_utils import Database

from sessions import lines, listing, notes, putting, rows, search, unused
from sessions.clips import Clips
from sessions.database import File
from sessions.errors import Gone, StillWriting, StoreTrouble, as_sentences
from sessions.lines import LEAF
from sessions.listing import Counts
from sessions.notes import Notes
from sessions.presence import Presence
from sessions.records import (
    DONE,
    INTERRUPTED,
    SETTINGS,
    WRITING,
    ClipRef,
    Conversation,
    Deleted,
    Heard,
    Part,
    Turn,
    Unheard,
    Versions,
    Whole,
)
from sessions.search import Found
from sessions.shares import Shares

UNSENT_SECONDS = 30 * 24 * 3600  # how long a clip waits for a turn that uses it: drafts are kept
UNDO_SECONDS = 60  # how long a deleted conversation can be restored, at least
NAME_LENGTH = 200  # characters of a title that a person gives


def default_folder() -> Path:
    """EARSHOT_DATA, or the folder beside this file."""
    return Path(os.environ.get("EARSHOT_DATA") or Path(__file__).parent / "data").expanduser()


class Store:
    """One folder of conversations. Close it to give up this process's mark on it."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder) if folder else default_folder()
        with as_sentences():
            self.clips = Clips(self.folder / "clips")
        self._presence = Presence(self.folder / "writers")
        with as_sentences():
            was_killed = self._presence.bury()
        self._file = File(self.folder / "earshot.db", thoroughly=was_killed)
        self.shares = Shares(self._file, self.folder / "links.key")
        self.notes = Notes(self._file)
        self._announcing = threading.Lock()
        self._owed: dict[int, tuple[str, str, str]] = {}  # last words the disk did not take
        self._signature()  # whoever would put a backup in our place sees that we are here
        with self._writing() as db:
            now = time.time()
            self._settle(db)
            self._forget_deleted(db, now)
            unused.forget_clips(db, self.clips, now - UNSENT_SECONDS)
            unused.forget_unsaid(db, now - UNSENT_SECONDS)

    def is_writable(self) -> bool:
        """Whether the disk would take something now."""
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(bytes(4096))
                file.flush()
        except OSError:
            return False
        return True

    def close(self) -> None:
        with suppress(StoreTrouble):
            self._pay()
        self._file.close()
        self._presence.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # Conversations

    def start(self, system: str = "", **settings: str) -> Conversation:
        """A new conversation; its title comes with its first question."""
        now = time.time()
        new = Conversation(
            id=uuid4().hex, title="", system=system, created=now, updated=now, **settings
        )
        with self._writing() as db:
            self._forget_deleted(db, now)
            putting.conversation(db, new)
        return new

    def conversation(self, id: str) -> Conversation:
        with self._reading() as db:
            return rows.conversation(db, id)

    def conversations(
        self, limit: int = 50, after: Conversation | None = None, tag: str = ""
    ) -> list[Conversation]:
        """Those with at least one turn: pinned ones, then the newest, a page at a time. `after` is
        the last of the page before."""
        with self._reading() as db:
            return listing.page(db, limit, after, tag)

    def counts(self) -> Counts:
        with self._reading() as db:
            return listing.counts(db)

    def search(self, query: str, limit: int = 20, offset: int = 0) -> Found:
        """Conversations by the words of their titles, turns (on every line) and clips' names."""
        with self._reading() as db:
            return search.search(db, query, limit, offset)

    def rename(self, id: str, title: str) -> Conversation:
        """A person's own title is kept; an empty one is made from the first question again."""
        title = rows.whole(" ".join(title.split())[:NAME_LENGTH])
        with self._changing(id) as db:
            made = title or putting.title_of_first_question(db, id)
            db.execute(
                "update conversations set title = ?, named = ? where id = ?",
                [made, bool(title), id],
            )
            return rows.conversation(db, id)

    def pin(self, id: str, pinned: bool = True) -> None:
        with self._changing(id) as db:
            db.execute("update conversations set pinned = ? where id = ?", [bool(pinned), id])

    def tag(self, id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Give a conversation these tags and no others."""
        with self._changing(id) as db:
            listing.put_tags(db, id, tags)
            return rows.conversation(db, id).tags

    def change(self, id: str, **settings: str) -> Conversation:
        """Of what the next answers are given and how the page speaks: `records.SETTINGS`."""
        assert set(settings) <= set(SETTINGS), settings
        values = {name: rows.whole(value) for name, value in settings.items()}
        with self._changing(id) as db:
            if values:
                db["conversations"].update(id, values)
            return rows.conversation(db, id)

    def delete(self, id: str) -> None:
        """Hide a conversation at once. It is forgotten a while later, with every clip that no
        other turn uses, unless it is restored."""
        now = time.time()
        with self._writing() as db:
            self._forget_deleted(db, now)
            db.execute(
                "update conversations set deleted = ? where id = ? and deleted is null", [now, id]
            )

    def restore(self, id: str) -> Conversation:
        with self._writing() as db:
            db.execute("update conversations set deleted = null where id = ?", [id])
            return rows.conversation(db, id)

    def deleted(self, limit: int = 200) -> list[Deleted]:
        """Those that can still be restored, the latest first."""
        with self._reading() as db:
            return unused.deleted(db, limit)

    def kept_days(self) -> int:
        """For how many days a deleted conversation can be restored; 0 for a minute."""
        with self._reading() as db:
            return unused.kept_days(db)

    def keep_deleted(self, days: int) -> None:
        """Choose that; what is older goes now."""
        with self._writing() as db:
            unused.keep_days(db, days)
            self._forget_deleted(db, time.time())

    def purge(self, seconds: float | None = None, id: str = "") -> None:
        """Forget what was deleted so long ago, or as long as deleted ones are kept; or only one of
        these. Also done by each start, deletion and opening."""
        with self._writing() as db:
            now = time.time()
            if seconds is None:
                self._forget_deleted(db, now)
            else:
                unused.forget_deleted(db, self.clips, now - seconds, id)

    def whole(self, id: str) -> Whole:
        """Everything in a conversation, on every line."""
        with self._reading() as db:
            db.execute("begin")  # one moment, though it is read in parts
            about = rows.conversation(db, id)
            found = list(db["turns"].rows_where("conversation = ?", [id], order_by="id"))
            turns = tuple(map(self._as_owed, rows.turns(db, found)))
            heard = notes.of(db, (clip.digest for turn in turns for clip in turn.clips))
            return Whole(about, turns, tuple(one for some in heard.values() for one in some))

    def put(self, wholes: Iterable[Whole]) -> list[Conversation]:
        """Store conversations under new ids, all or none of them. Clips that are not stored are
        known by their length only, until someone brings them."""
        with self._writing() as db:
            return [rows.conversation(db, putting.whole(db, whole)) for whole in wholes]

    def duplicate(self, id: str) -> Conversation:
        """A second one with the same turns and clips, the newest in the list."""
        whole, now = self.whole(id), time.time()
        about = replace(whole.conversation, created=now, updated=now, pinned=False)
        return self.put([replace(whole, conversation=about)])[0]

    # Turns

    def ask(
        self, conversation: str, parts: Iterable[Part], after: int | None = LEAF, task: str = ""
    ) -> Turn:
        """Store a question after a turn, None for the beginning. After the parent of an earlier
        question it is that question edited: a branch, whose other line stays. `task` is the row of
        model/tasks.py that it puts in words."""
        parts = tuple(parts)
        with self._writing() as db:
            turn = putting.turn(db, conversation, after, "user", DONE, parts, task=task)
            db.execute(
                "update conversations set title = ? where id = ? and title = '' and not named",
                [putting.title(parts), conversation],
            )
        return turn

    def begin(self, conversation: str, after: int | None = LEAF, **told: str) -> Turn:
        """Store an answer before its first word. `told` is what it was given besides the turns
        before it: system, sampling (JSON) and model. After a question that has an answer it is
        another one, a branch."""
        writer = self._signature()
        with self._writing() as db:
            return putting.turn(
                db, conversation, after, "assistant", WRITING, (), writer=writer, **told
            )

    def resume(self, answer: int, **told: str) -> Turn:
        """Go on with an answer that ended: what is said from now on must begin with what it said,
        and replaces it. The same turn, since to the model it is one answer; `told` as it is now."""
        writer = self._signature()
        with self._writing() as db:
            turn = putting.found(db, answer)
            if turn.status == WRITING:
                raise StillWriting("This answer is not finished: wait for it, or stop it first.")
            if turn.role != "assistant":
                raise Gone("This answer is no longer stored: ask again.")
            self._owed.pop(answer, None)
            changes = told | {"status": WRITING, "sentence": "", "writer": writer}
            db["turns"].update(answer, changes)
            return putting.found(db, answer)

    def say(self, answer: int, text: str) -> None:
        """Store what has been said so far."""
        with self._writing() as db:
            putting.say(db, answer, text)

    def mark_unheard(
        self,
        answer: int,
        unheard: Iterable[Unheard],
        left_out: int = 0,
        heard: Iterable[Heard] = (),
    ) -> None:
        """Store what an answer rests on: sound that was not heard, how many of the turns before it
        were not read, and the windows that were heard."""
        with self._writing() as db:
            if db.execute("select 1 from turns where id = ?", [answer]).fetchone():
                db["turns"].update(answer, rows.rests_on(unheard, left_out, heard))

    def finish(self, answer: int, text: str, status: str, sentence: str = "") -> None:
        """Store the last word, and how it came to be the last. Where the disk refuses, it is kept
        in memory and stored with the next thing that can be."""
        self._owed[answer] = (text, status, sentence)
        self._pay()

    def turn(self, id: int) -> Turn:
        with self._reading() as db:
            return self._as_owed(putting.found(db, id))

    def turns(
        self,
        conversation: str,
        leaf: int | None = LEAF,
        *,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Turn]:
        """From the first question to a turn, along one line of parents: the last `limit` of them,
        or of those before one of them. Without a leaf: the line that is shown."""
        found = self._line(conversation, leaf, before, limit)
        if any(turn.status == WRITING for turn in found) and self._settle_the_dead():
            found = self._line(conversation, leaf, before, limit)
        return found

    def count(self, conversation: str, before: int | None = None) -> tuple[int, int]:
        """How many turns and clips the line has that is shown, or has before a turn."""
        with self._reading() as db:
            leaf = LEAF if before is None else putting.found(db, before).parent
            return lines.count(db, conversation, lines.at(db, conversation, leaf))

    def clips_before(self, turn: int) -> list[list[ClipRef]]:
        """The clips of each turn before one, on its line, that has any."""
        with self._reading() as db:
            found = putting.found(db, turn)
            return lines.clips(db, found.conversation, found.parent)

    def siblings(self, turn: int) -> Versions:
        """The versions of a turn, itself among them."""
        with self._reading() as db:
            alone = Versions((turn,), 0)
            return lines.versions(db, [putting.found(db, turn)]).get(turn, alone)

    def versions(self, turns: Sequence[Turn]) -> dict[int, Versions]:
        """Of turns of one conversation, those that have other versions: a page's worth at once."""
        with self._reading() as db:
            return lines.versions(db, turns)

    def answers(self, question: int) -> list[Turn]:
        """Every answer to a question, in the order in which they were given."""
        with self._reading() as db:
            answers = "parent = ? and role = 'assistant'"
            return rows.turns(db, list(db["turns"].rows_where(answers, [question], order_by="id")))

    def choose(self, conversation: str, turn: int) -> int:
        """Show the newest line that goes through a turn. Returns its last turn."""
        with self._changing(conversation) as db:
            leaf = lines.newest_under(db, lines.at(db, conversation, turn))
            db.execute("update conversations set leaf = ? where id = ?", [leaf, conversation])
            return leaf

    def undo(self, conversation: str) -> Turn | None:
        """Take back the last exchange: its question, which `choose` would bring back. None if
        there is nothing to take back."""
        with self._changing(conversation) as db:
            line = lines.up(db, conversation, lines.at(db, conversation, LEAF), None)
            asked = next((row for row in reversed(line) if row["role"] == "user"), None)
            taken = asked or (line[0] if line else None)
            if taken is None:
                return None
            db.execute(
                "update conversations set leaf = ? where id = ?", [taken["parent"], conversation]
            )
            return rows.turns(db, [taken])[0]

    def rate(self, turn: int, good: bool | None, note: str = "") -> None:
        """The person's verdict on an answer; None takes it back, with its note."""
        note = "" if good is None else rows.whole(note)
        with self._writing() as db:
            putting.found(db, turn)
            db.execute("update turns set good = ?, note = ? where id = ?", [good, note, turn])

    # Clips

    def keep(self, digest: str, seconds: float, sound: bytes) -> None:
        """Store a sound. A turn that uses it should come within 30 days."""
        with self._writing() as db:  # under the lock, so that nobody forgets it meanwhile
            self.clips.write(digest, sound)
            db.execute(
                "insert into clips (digest, seconds, created) values (?, ?, ?) on conflict (digest)"
                " do update set seconds = excluded.seconds, created = excluded.created",
                [digest, seconds, time.time()],
            )

    def clip(self, digest: str, name: str = "") -> ClipRef:
        """A reference to a stored sound, under this name."""
        with self._reading() as db:
            found = list(db["clips"].rows_where("digest = ?", [digest]))
        if not found or not self.clips.path(digest).exists():
            raise Gone(f"The recording {name or digest} is no longer stored: attach it again.")
        return ClipRef(digest, name, found[0]["seconds"])

    # Below the surface

    def _line(self, conversation, leaf, before, limit) -> list[Turn]:
        with self._reading() as db:
            try:
                rows.conversation(db, conversation)
                at = lines.at(db, conversation, leaf if before is None else before)
                if before is not None:
                    at = putting.found(db, before).parent
            except Gone:
                return []
            return list(map(self._as_owed, rows.turns(db, lines.up(db, conversation, at, limit))))

    def _forget_deleted(self, db: Database, now: float) -> None:
        kept = max(UNDO_SECONDS, unused.kept_days(db) * unused.DAY)
        unused.forget_deleted(db, self.clips, now - kept)

    def _signature(self) -> str:
        with self._announcing, as_sentences():
            return self._presence.announce()

    def _pay(self) -> None:
        """Store the last words that are owed."""
        with self._file.writing() as db:
            paid = list(self._owed.items())
            for answer, (text, status, sentence) in paid:
                putting.say(db, answer, text)
                db.execute(
                    "update turns set status = ?, sentence = ? where id = ?",
                    [status, sentence, answer],
                )
        for answer, words in paid:
            if self._owed.get(answer) == words:
                del self._owed[answer]

    def _as_owed(self, turn: Turn) -> Turn:
        if turn.id not in self._owed:
            return turn
        text, status, sentence = self._owed[turn.id]
        parts = (text,) if text else turn.parts
        return replace(turn, parts=parts, status=status, sentence=sentence)

    def _is_dead(self, writer: str) -> bool:
        return not self._presence.is_alive(writer)

    def _settle_the_dead(self) -> bool:
        """Whether answers were found whose process is gone."""
        with self._reading() as db:
            if not any(map(self._is_dead, _writers(db))):
                return False
        with self._writing() as db:
            self._settle(db)
        return True

    def _settle(self, db: Database) -> None:
        """Answers whose process is gone say so."""
        for writer in filter(self._is_dead, _writers(db)):
            db.execute(
                "update turns set status = ? where status = ? and writer = ?",
                [INTERRUPTED, WRITING, writer],
            )

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        with self._file.reading() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        with self._file.writing() as db:
            yield db
        if self._owed:
            with suppress(StoreTrouble):
                self._pay()

    @contextmanager
    def _changing(self, id: str) -> Iterator[Database]:
        """Writing to a conversation that must be there."""
        with self._writing() as db:
            rows.conversation(db, id)
            yield db


def _writers(db: Database) -> list[str]:
    found = db.execute("select distinct writer from turns where status = ?", [WRITING])
    return [writer for (writer,) in found]
