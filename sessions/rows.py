"""Rows of the database as records, and back."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple
from itertools import groupby
from operator import itemgetter

from sqlite_utils import Database

from sessions.errors import Gone
from sessions.records import ClipRef, Conversation, Heard, Part, Turn, Unheard

CONVERSATION = (
    "c.id, c.title, c.named, c.system, c.sampling, c.model, c.language, c.answer_language,"
    " c.pinned, c.leaf, c.created, c.updated,"
    " (select json_group_array(tag) from tags where conversation = c.id) as tags"
)
HIDDEN = {"writer"}  # columns of a turn that are the store's own
LONGEST_NAME = 300  # characters of a clip's; a file's has at most 255
UNNAMED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")  # hides or turns text
AT_ONCE = 500  # variables in one statement: some SQLite builds take 999


def conversation(db: Database, id: str) -> Conversation:
    for found in conversations(db, "c.id = ?", [id]):
        return found
    raise Gone("This conversation is not stored here; it may have been deleted.")


def conversations(db: Database, where: str, values: Sequence) -> Iterator[Conversation]:
    """Those that are not deleted, `where` with all that may follow it."""
    found = db.query(
        f"select {CONVERSATION} from conversations c where c.deleted is null and {where}", values
    )
    for row in found:
        flags = {"named": bool(row["named"]), "pinned": bool(row["pinned"])}
        yield Conversation(**row | flags | {"tags": tuple(json.loads(row["tags"]))})


def turn(row: dict, parts: Iterable[Part]) -> Turn:
    row = {key: value for key, value in row.items() if key not in HIDDEN}
    unheard = tuple(Unheard(**stretch) for stretch in json.loads(row["unheard"]))
    heard = tuple(Heard(*window) for window in json.loads(row["heard"]))
    good = None if row["good"] is None else bool(row["good"])
    read = {"unheard": unheard, "heard": heard, "good": good, "parts": tuple(parts)}
    return Turn(**row | read)


def turns(db: Database, found: Sequence[dict]) -> list[Turn]:
    """Rows of turns with their parts, in the order in which they come."""
    said = parts(db, [row["id"] for row in found])
    return [turn(row, said.get(row["id"], ())) for row in found]


def parts(db: Database, ids: Sequence[int]) -> dict[int, tuple[Part, ...]]:
    said: dict[int, tuple[Part, ...]] = {}
    for some in batches(ids):
        found = db.query(
            "select turn, text, clip, name, seconds from parts left join clips on digest = clip"
            f" where turn in ({marks(some)}) order by turn, position",
            some,
        )
        for id, group in groupby(found, itemgetter("turn")):
            said[id] = tuple(map(_part, group))
    return said


def batches(ids: Sequence) -> Iterator[Sequence]:
    return (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE))


def marks(values: Sequence) -> str:
    """As many question marks as there are values."""
    return ", ".join("?" * len(values))


def part_row(turn: int, position: int, part: Part) -> dict:
    row = {"turn": turn, "position": position, "text": None, "clip": None, "name": ""}
    if isinstance(part, str):
        return row | {"text": whole(part)}
    return row | {"clip": part.digest, "name": name(part.name)}


def _part(row: dict) -> Part:
    if row["clip"] is None:
        return row["text"]
    return ClipRef(row["clip"], row["name"], row["seconds"])


def whole(text: str) -> str:
    """Half a surrogate pair, as a browser may send it, is no text that could be stored."""
    return text.encode("utf-8", "replace").decode()


def name(given: str) -> str:
    """What a clip is called: on one line, not for ever, and read in the direction it is written."""
    return whole(UNNAMED.sub(" ", given[:LONGEST_NAME]))


def rests_on(unheard: Iterable[Unheard], left_out: int, heard: Iterable[Heard]) -> dict:
    """The columns of what an answer rests on."""
    return {
        "unheard": json.dumps([asdict(stretch) for stretch in unheard]),
        "left_out": left_out,
        "heard": json.dumps([astuple(window) for window in heard]),
    }
