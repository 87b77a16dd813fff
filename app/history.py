"""The list of conversations as HTML. Days are written as dates: the page names them."""

import json
from collections.abc import Sequence
from datetime import datetime
from html import escape

from app.i18n import Language
from sessions.records import Conversation
from sessions.search import Hit, Marks


def listing(
    conversations: Sequence[Conversation], current: str, language: Language, following: object = ""
) -> str:
    """Pinned ones, then by day, newest first. `following` is where the next page begins, if any."""
    items, heading = [], None
    for one in conversations:
        day = "" if one.pinned else f"{datetime.fromtimestamp(one.updated):%Y-%m-%d}"
        if day != heading:
            heading = day
            items.append(f'<li class="day" data-day="{day}"><h2></h2></li>')
        items.append(_item(one, escape(_title(one, language)), current, language))
    return "".join(items) + _older(following)


def found(hits: Sequence[Hit], current: str, language: Language, following: object = "") -> str:
    """What a search found: titles, and the turns that hold the words."""
    return "".join(_hit(hit, current, language) for hit in hits) + _older(following)


def marked(text: str, marks: Marks) -> str:
    """A text with what was searched for marked in it."""
    pieces, at = [], 0
    for start, end in marks:
        pieces += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    return "".join(pieces) + escape(text[at:])


def _hit(hit: Hit, current: str, language: Language) -> str:
    one = hit.conversation
    title = marked(one.title, hit.title_marks) or escape(_title(one, language))
    if hit.turn is None:
        return _item(one, title, current, language)
    snippet = f'<small dir="auto">{marked(hit.snippet, hit.marks)}</small>'
    return _item(one, title, current, language, turn=str(hit.turn), snippet=snippet)


def _item(
    one: Conversation,
    shown: str,
    current: str,
    language: Language,
    *,
    turn: str = "",
    snippet: str = "",
) -> str:
    title = _title(one, language)
    here = ' aria-current="page"' if one.id == current else ""
    tags = "".join(f"<i>{escape(tag)}</i>" for tag in one.tags)
    return (
        f'<li class="item" data-id="{one.id}" data-pinned="{int(one.pinned)}" '
        f'data-tags="{escape(json.dumps(one.tags))}"><a href="?c={one.id}" data-turn="{turn}" '
        f'title="{escape(title)}"{here}><b dir="auto">{shown}</b>{tags}{snippet}</a>'
        f'<button type="button" class="more" aria-haspopup="menu" '
        f'aria-label="{escape(language.say("list.more", title=title))}"></button></li>'
    )


def _older(following: object) -> str:
    return f'<li class="older" data-following="{following}"></li>' if following else ""


def _title(one: Conversation, language: Language) -> str:
    return one.title or language.say("list.untitled")
