"""The list of conversations: its order, pages, tags and counts. Given an open database."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from sessions import rows
from sessions.records import Conversation

TAG_LENGTH = 40  # characters
MOST_TAGS = 20  # of one conversation

# In which something was asked, and that are not being deleted. An index has them in their order.
LISTED = (  # the leaf is looked at first: it is at hand, and only who took back everything has none
    "c.deleted is null"
    " and (c.leaf is not null or exists (select 1 from turns where conversation = c.id))"
)
ORDER = "c.pinned, c.updated, c.id"


@dataclass(frozen=True)
class Counts:
    conversations: int
    pinned: int
    tags: dict[str, int]  # conversations under each, in the order of their names


def page(db: Database, limit: int, after: Conversation | None, tag: str) -> list[Conversation]:
    """Pinned ones first, then the newest first, those that come after one."""
    where, values = LISTED, []
    if tag:
        where += " and exists (select 1 from tags where conversation = c.id and tag = ?)"
        values.append(tag)
    if after is not None:
        where += f" and ({ORDER}) < (?, ?, ?)"
        values += [after.pinned, after.updated, after.id]
    order = ORDER.replace(",", " desc,") + " desc"
    return list(rows.conversations(db, f"{where} order by {order} limit ?", [*values, limit]))


def counts(db: Database) -> Counts:
    total = f"select count(*), coalesce(sum(c.pinned), 0) from conversations c where {LISTED}"
    tagged = (
        "select tag, count(*) from tags t join conversations c on c.id = t.conversation"
        f" where {LISTED} group by tag order by tag collate nocase"
    )
    return Counts(*db.execute(total).fetchone(), dict(db.execute(tagged).fetchall()))


def tidy(tags: Iterable[str]) -> list[str]:
    """Tags as they are stored: without stray spaces, each once whatever its case."""
    clean = (rows.whole(" ".join(tag.split())[:TAG_LENGTH]) for tag in tags)
    return list({tag.casefold(): tag for tag in clean if tag}.values())[:MOST_TAGS]


def put_tags(db: Database, conversation: str, tags: Iterable[str]) -> None:
    db.execute("delete from tags where conversation = ?", [conversation])
    db["tags"].insert_all({"conversation": conversation, "tag": tag} for tag in tidy(tags))
