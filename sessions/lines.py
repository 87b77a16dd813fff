"""Lines through the tree of a conversation's turns. Given an open database.

A turn's parent is the turn it follows. Two children make a branch, and a line is what leads from a
turn up to the first question.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from sqlite_utils import Database

from sessions.errors import Gone
from sessions.records import ClipRef, Turn, Versions
from sessions.rows import batches, marks

LEAF = -1  # stands for the last turn of the line that is shown; None for no turn at all

UP = """
    with recursive line(id, parent, up) as (
        select id, parent, 0 from turns where id = :leaf and conversation = :conversation
        union all
        select t.id, t.parent, up + 1 from line join turns t on t.id = line.parent
        where up + 1 < :limit
    )
"""
DOWN = """
    with recursive under(id) as (
        select :turn union all select t.id from under join turns t on t.parent = under.id
    )
"""
EVERYTHING = 2**60  # turns


def at(db: Database, conversation: str, turn: int | None) -> int | None:
    """The turn itself, the leaf for `LEAF`. Refuses turns of other conversations."""
    if turn == LEAF:
        found = db.execute(
            "select leaf from conversations where id = ? and deleted is null", [conversation]
        ).fetchone()
    elif turn is None:
        found = (None,)
    else:
        found = db.execute(
            "select id from turns where id = ? and conversation = ?", [turn, conversation]
        ).fetchone()
    if found is None:
        raise Gone("This place in the conversation is no longer stored: open it again.")
    return found[0]


def up(db: Database, conversation: str, leaf: int | None, limit: int | None) -> list[dict]:
    """The rows of the last turns up to one, the earliest first."""
    limit = EVERYTHING if limit is None else limit
    found = db.query(
        UP + "select t.* from line join turns t on t.id = line.id order by up desc",
        {"leaf": leaf, "conversation": conversation, "limit": limit},
    )
    return list(found) if limit > 0 else []


def count(db: Database, conversation: str, leaf: int | None) -> tuple[int, int]:
    """How many turns and clips there are up to one turn, itself included."""
    asked = {"leaf": leaf, "conversation": conversation, "limit": EVERYTHING}
    (turns,) = db.execute(UP + "select count(*) from line", asked).fetchone()
    (clips,) = db.execute(
        UP + "select count(clip) from line join parts on turn = line.id", asked
    ).fetchone()
    return turns, clips


def clips(db: Database, conversation: str, leaf: int | None) -> list[list[ClipRef]]:
    """The clips of each turn up to one that has any, the earliest first."""
    asked = {"leaf": leaf, "conversation": conversation, "limit": EVERYTHING}
    found = db.execute(
        UP + "select line.id, clip, name, seconds from line join parts on turn = line.id"
        " join clips on digest = clip order by up desc, position",
        asked,
    )
    groups = groupby(found, key=itemgetter(0))
    return [[ClipRef(*row[1:]) for row in group] for _, group in groups]


def newest_under(db: Database, turn: int) -> int:
    """The newest turn that follows one, however far: always the end of a line, since children are
    newer than their parents. The turn itself if none does."""
    (newest,) = db.execute(DOWN + "select max(id) from under", {"turn": turn}).fetchone()
    return newest


def versions(db: Database, turns: Sequence[Turn]) -> dict[int, Versions]:
    """Of turns of one conversation: those that have other versions, with them."""
    parents = list({turn.parent for turn in turns if turn.parent is not None})
    rows: list[tuple] = []
    for some in batches(parents):
        of = f"select id, parent, role from turns where parent in ({marks(some)})"
        rows += db.execute(of, some)
    if any(turn.parent is None for turn in turns):
        rows += db.execute(  # the plus: by conversation, for beginnings are many
            "select id, null, role from turns where conversation = ? and +parent is null",
            [turns[0].conversation],
        )
    found: dict[tuple, list[int]] = {}
    for id, parent, role in sorted(rows, key=itemgetter(0)):
        found.setdefault((parent, role), []).append(id)
    places = ((turn.id, found.get((turn.parent, turn.role), [])) for turn in turns)
    return {id: Versions(tuple(ids), ids.index(id)) for id, ids in places if len(ids) > 1}
