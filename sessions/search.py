"""Finding turns and titles by their words, and showing where. Given an open database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from sqlite_utils import Database

from sessions import rows
from sessions.records import Conversation
from sessions.words import LONG, SHORTEST_END, Word, ends, expression, folded, plain, terms, words

BEFORE = 32  # characters of a snippet before its first hit …
LENGTH = 160  # … and in all
PIECE, OVERLAP = 20_000, 200  # characters of a long text that are looked through at once
SHOWN_TERMS = 64  # hits marked in one snippet, at most

Marks = tuple[tuple[int, int], ...]  # where the hits begin and end, in characters


@dataclass(frozen=True)
class Hit:
    """A conversation that was found, and what in it: its title, or its newest turn that fits."""

    conversation: Conversation
    title_marks: Marks
    turn: int | None = None  # None: the title was found
    role: str = ""
    snippet: str = ""  # of the turn, or the name of its clip
    marks: Marks = ()


@dataclass(frozen=True)
class Found:
    hits: tuple[Hit, ...]
    more: bool  # whether there is a next page


def register(connection: sqlite3.Connection) -> None:
    """What the triggers that keep the index in step call."""
    connection.create_function("earshot_words", 1, folded, deterministic=True)
    connection.create_function("earshot_ends", 1, ends, deterministic=True)


def search(db: Database, query: str, limit: int, offset: int) -> Found:
    """Conversations whose title has every word of the query, newest first; then those with a turn
    that has. Words match from their beginning, and at the end of what was typed need not be
    whole."""
    asked = expression(query)
    if not asked:
        return Found((), False)
    seen: dict[str, tuple] = {}
    for id, turn in chain(_titles(db, asked), _turns(db, asked)):
        if len(seen) > offset + limit:
            break
        seen.setdefault(id, (id, turn))
    page = list(seen.values())[offset : offset + limit]
    wanted = terms(query)
    return Found(tuple(_hit(db, id, turn, wanted) for id, turn in page), len(seen) > offset + limit)


# The cross joins keep SQLite from beginning with the conversations: the index comes sorted, and
# who wants twenty should not wait for the rest.


def _titles(db: Database, asked: str) -> Iterator[tuple[str, None]]:
    return db.execute(
        "select c.id, null from titles cross join conversations c on c.number = titles.rowid"
        " where titles match ? and c.deleted is null"
        " and exists (select 1 from turns where conversation = c.id) order by titles.rowid desc",
        [asked],
    )


def _turns(db: Database, asked: str) -> Iterator[tuple[str, int]]:
    return db.execute(
        "select t.conversation, t.id from words cross join turns t on t.id = words.rowid"
        " cross join conversations c on c.id = t.conversation"
        " where words match ? and c.deleted is null order by words.rowid desc",
        [asked],
    )


def _hit(db: Database, id: str, turn: int | None, wanted: list[list[str]]) -> Hit:
    conversation = rows.conversation(db, id)
    title_marks = spans(conversation.title, wanted)
    if turn is None:
        return Hit(conversation, title_marks)
    (role,) = db.execute("select role from turns where id = ?", [turn]).fetchone()
    said = db.execute("select text, name from parts where turn = ? order by position", [turn])
    parts = said.fetchall()
    text = plain("\n".join(text for text, _ in parts if text is not None))
    names = (plain(name) for text, name in parts if text is None)
    for one in (*_pieces(text), *names):
        if marks := spans(one, wanted):
            return Hit(conversation, title_marks, turn, role, *snippet(one, marks))
    return Hit(conversation, title_marks, turn, role, *snippet(text, ()))


def _pieces(text: str) -> Iterator[str]:
    """Of a long text, one after the other: it is looked through only as far as the first hit."""
    for start in range(0, len(text), PIECE):
        yield text[max(0, start - OVERLAP) : start + PIECE]


def spans(text: str, wanted: list[list[str]]) -> Marks:
    """Where in a plain text the terms of a query stand."""
    found: list[tuple[int, int]] = []
    at_hand = list(words(text))
    for i, word in enumerate(at_hand):
        for term in wanted:
            span = _span(at_hand, i, term) or (len(term) == 1 and _end_span(word, term[0]))
            if span and (not found or span[0] >= found[-1][1]):
                found.append(span)
        if len(found) >= SHOWN_TERMS:
            break
    return tuple(found)


def _span(at_hand: list[Word], i: int, term: list[str]) -> tuple[int, int] | None:
    """Of a term that begins with a word, the last of its words perhaps unfinished."""
    here = at_hand[i : i + len(term)]
    if len(here) < len(term) or [word.folded for word in here[:-1]] != term[:-1]:
        return None
    if not here[-1].folded.startswith(term[-1]):
        return None
    return here[0].start, _letters(here[-1], 0, len(term[-1]))[1]


def _end_span(word: Word, term: str) -> tuple[int, int] | None:
    """Of a term inside a long word."""
    at = word.folded.find(term, 1)
    if len(word.folded) < LONG or not 0 < at <= len(word.folded) - SHORTEST_END:
        return None
    return _letters(word, at, len(term))


def _letters(word: Word, at: int, length: int) -> tuple[int, int]:
    """Letters of a folded word, as they stand in the text; all of it where folding moved them."""
    if len(word.folded) != word.end - word.start:
        return word.start, word.end
    return word.start + at, word.start + at + length


def snippet(text: str, marks: Marks) -> tuple[str, Marks]:
    """A line around the first hit, and where its hits are now."""
    start = max(0, marks[0][0] - BEFORE) if marks else 0
    if start:  # not in the middle of a word
        start = max(text.rfind(" ", 0, start + 1), text.rfind("\n", 0, start + 1), start - 12) + 1
    end = min(len(text), start + LENGTH)
    before, after = ("…" if start else ""), ("…" if end < len(text) else "")
    line = before + "".join(" " if c.isspace() else c for c in text[start:end]) + after
    moved = len(before) - start
    return line, tuple((a + moved, min(b, end) + moved) for a, b in marks if a < end)
