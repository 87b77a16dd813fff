"""New conversations and turns, as rows. Given an open database, inside a write."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from uuid import uuid4

from sqlite_utils import Database

from sessions import lines, listing, notes, rows
from sessions.errors import Gone
from sessions.records import INTERRUPTED, WRITING, Conversation, Part, Turn, Whole, title_from


def conversation(db: Database, new: Conversation) -> None:
    row = asdict(new)
    row.pop("tags")
    (number,) = db.execute("select coalesce(max(number), 0) + 1 from conversations").fetchone()
    db["conversations"].insert(row | {"number": number})


def turn(
    db: Database,
    conversation: str,
    after: int | None,
    role: str,
    status: str,
    parts: Sequence[Part],
    **told: str,
) -> Turn:
    """A turn after another, from now on the last of the line that is shown."""
    try:
        rows.conversation(db, conversation)
    except Gone:
        raise Gone("This conversation was deleted meanwhile; nothing was stored.") from None
    now, parent = time.time(), lines.at(db, conversation, after)
    row = dict(conversation=conversation, parent=parent, role=role, status=status)
    id = db["turns"].insert(row | told | dict(created=now, updated=now)).last_pk
    db["parts"].insert_all(rows.part_row(id, i, part) for i, part in enumerate(parts))
    db.execute(
        "update conversations set updated = ?, leaf = ? where id = ?", [now, id, conversation]
    )
    return found(db, id)


def found(db: Database, id: int) -> Turn:
    row = list(db["turns"].rows_where("id = ?", [id]))
    if not row:
        raise Gone("This turn is no longer stored; its conversation may have been deleted.")
    return rows.turns(db, row)[0]


def say(db: Database, answer: int, text: str) -> None:
    # the turn may have been deleted while it was being said
    if not db.execute("select 1 from turns where id = ?", [answer]).fetchone():
        return
    if text:
        db.execute(  # not Table.upsert: on a full disk it takes another way, and loses the text
            "insert into parts (turn, position, text) values (?, 0, ?)"
            " on conflict (turn, position) do update set text = excluded.text",
            [answer, rows.whole(text)],
        )
    db.execute("update turns set updated = ? where id = ?", [time.time(), answer])


def title_of_first_question(db: Database, conversation: str) -> str:
    first = db.execute(
        "select min(id) from turns where conversation = ? and role = 'user'", [conversation]
    ).fetchone()
    return title(rows.parts(db, first).get(first[0], ()))


def title(parts: Sequence[Part]) -> str:
    return rows.whole(title_from(tuple(parts)))


def whole(db: Database, given: Whole) -> str:
    """A conversation with all its turns, under new ids. Returns its own."""
    about, new_ids = given.conversation, {}
    id, leaf = uuid4().hex, about.leaf
    conversation(db, Conversation(**asdict(about) | {"id": id, "leaf": None}))
    listing.put_tags(db, id, about.tags)
    for one in given.turns:
        parent = None if one.parent is None else new_ids[one.parent]
        new_ids[one.id] = _copied_turn(db, one, id, parent)
    notes.put(db, given.notes, replacing=False)
    if leaf is not None:
        db.execute("update conversations set leaf = ? where id = ?", [new_ids[leaf], id])
    return id


def _copied_turn(db: Database, one: Turn, conversation: str, parent: int | None) -> int:
    status = INTERRUPTED if one.status == WRITING else one.status  # it goes on elsewhere
    kept = ("role", "sentence", "system", "sampling", "model", "task", "good", "note")
    kept = (*kept, "created", "updated")
    row = {name: getattr(one, name) for name in kept}
    row |= {"conversation": conversation, "parent": parent, "status": status}
    row |= rows.rests_on(one.unheard, one.left_out, one.heard)
    id = db["turns"].insert(row).last_pk
    for position, part in enumerate(one.parts):
        if not isinstance(part, str):
            db.execute(
                "insert or ignore into clips (digest, seconds, created) values (?, ?, ?)",
                [part.digest, part.seconds, time.time()],
            )
        db["parts"].insert(rows.part_row(id, position, part))
    return id
