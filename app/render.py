"""Stored turns as HTML: the only place where display is made. It is never stored."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt

from model.engine import About
from sessions.records import (
    FAILED,
    INTERRUPTED,
    LENGTH,
    STOPPED,
    WRITING,
    ClipRef,
    Conversation,
    Turn,
)

MARK = re.compile(r"<\|(\d+\.\d\d)\|>")  # a time in an answer, as the model writes it
OPEN, CLOSE = "\ue000", "\ue001"  # stand for a mark while Markdown is read: no text has them

ENDINGS = {
    STOPPED: "Stopped.",
    LENGTH: "This is as long as one answer may be.",
    INTERRUPTED: "Interrupted: Earshot was closed in the middle of this answer.",
}
# Raw HTML stays text, and a picture becomes a link: an answer can run and load nothing.
_markdown = MarkdownIt("js-default", {"html": False, "breaks": True})
AWAY = 'target="_blank" rel="noopener noreferrer nofollow"'


def _link(self, tokens, i, options, env):
    return f'<a href="{escape(tokens[i].attrs["href"])}" {AWAY}>'


def _picture(self, tokens, i, options, env):
    name = escape(tokens[i].content or "picture")
    return f'<a href="{escape(tokens[i].attrs["src"])}" {AWAY}>{name}</a>'


_markdown.add_render_rule("link_open", _link)
_markdown.add_render_rule("image", _picture)


def words(text: str) -> str:
    """An answer's Markdown as HTML, its time marks as people write them."""
    text = text.replace(OPEN, "").replace(CLOSE, "")
    html = _markdown.render(MARK.sub(rf"{OPEN}\1{CLOSE}", text))
    return re.sub(f"{OPEN}(.*?){CLOSE}", r'<span class="mark">[\1 s]</span>', html)


def length(seconds: float) -> str:
    """3 s is 0:03, an hour 1:00:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def numbered(turns: Iterable[Turn]) -> dict[int, int]:
    """The number of each turn's first clip: Audio 1 is the first clip of the conversation."""
    first, numbers = 1, {}
    for turn in turns:
        numbers[turn.id] = first
        first += len(turn.clips)
    return numbers


def player(clip: ClipRef, number: int) -> str:
    name, label = escape(clip.name), f"Audio {number}"
    return (
        f'<figure class="clip" title="{name}">'
        f'<button type="button" class="play" aria-label="Play {label}"></button>'
        f"<figcaption><b>{label}</b> <span>{name}</span></figcaption>"
        f'<input type="range" min="0" max="1000" value="0" aria-label="Position in {label}">'
        f"<time>{length(clip.seconds)}</time>"
        f'<audio preload="none" src="earshot/clips/{clip.digest}"></audio>'
        "</figure>"
    )


@lru_cache(maxsize=2048)
def question(turn: Turn, first: int) -> str:
    parts, number = [], first
    for part in turn.parts:
        if isinstance(part, ClipRef):
            parts.append(player(part, number))
            number += 1
        else:
            parts.append(f'<p dir="auto">{escape(part)}</p>')
    return f'<article class="question" aria-label="You asked">{"".join(parts)}</article>'


def answer(turn: Turn, unheard: str = "", ahead: int = 0) -> str:
    """An answer as far as it has come, and how it ended."""
    said = f'<div class="words" dir="auto">{words(turn.text)}</div>' if turn.text else ""
    if turn.status == WRITING and not said:
        said = f'<p class="waiting">{_waiting(ahead)}</p>'
    ending = turn.sentence if turn.status == FAILED else ENDINGS.get(turn.status, "")
    notes = [f'<p class="note {turn.status}">{escape(ending)}</p>'] if ending else []
    if unheard:
        notes.append(f'<p class="note unheard">{escape(unheard)}</p>')
    return (
        f'<article class="answer" data-status="{turn.status}" aria-label="Answer">'
        f"{said}{''.join(notes)}</article>"
    )


def _waiting(ahead: int) -> str:
    if ahead:
        return f"Waiting: {ahead} {'question is' if ahead == 1 else 'questions are'} ahead"
    return "Listening"


def unheard(turn: Turn, turns: Sequence[Turn]) -> str:
    """What of the recordings did not fit in, as a sentence."""
    if not turn.unheard:
        return ""
    clips = [clip.digest for t in turns for clip in t.clips]
    stretches = [
        f"{length(u.start)}–{length(u.end)} of Audio {clips.index(u.digest) + 1}"
        for u in turn.unheard
        if u.digest in clips
    ]
    return f"Not heard, for lack of room: {', '.join(stretches)}."


def conversation(id: str, turns: Sequence[Turn]) -> str:
    """All but the newest answer, which changes while it is given and has its own place."""
    numbers = numbered(turns)
    if turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    shown = (
        question(turn, numbers[turn.id])
        if turn.role == "user"
        else answer(turn, unheard(turn, turns))
        for turn in turns
    )
    return f'<div class="turns" data-conversation="{escape(id)}">{"".join(shown)}</div>'


def empty(about: About, notice: str = "") -> str:
    """Before the first question: what this is, honestly, and what one may ask."""
    told = f'<p class="note" role="status">{escape(notice)}</p>' if notice else ""
    asks = "".join(
        f'<button type="button" class="example">{escape(asked)}</button>'
        for asked in about.questions
    )
    return (
        f'<div class="turns empty" data-conversation="">{told}<h2>What would you like to hear '
        "about?</h2><p>Record something, or drop a file here, and ask. "
        f"{escape(about.note)}</p>"
        f'<div class="examples">{asks}</div></div>'
    )


def bar(about: About) -> str:
    """The line above the conversation: what answers here."""
    size = f"{about.memory_bytes / 1e9:.1f} GB" if about.memory_bytes else ""
    facts = (about.name, f"{about.bits} bit", about.device, size)
    line = " · ".join(escape(fact) for fact in facts if fact)
    return (
        '<button type="button" class="menu" aria-label="Conversations" aria-expanded="false">'
        f'</button><p class="about" title="{escape(about.note)}">{line}</p>'
    )


def listing(conversations: Sequence[Conversation], current: str, more: bool) -> str:
    """Conversations by day, newest first."""
    items, heading = [], ""
    for one in conversations:
        if (day := _day(one.updated)) != heading:
            heading = day
            items.append(f"<li><h3>{day}</h3></li>")
        items.append(_item(one, one.id == current))
    if more:
        items.append('<li><button type="button" class="older">Show older</button></li>')
    return f'<ul data-shown="{len(conversations)}">{"".join(items)}</ul>'


def _item(one: Conversation, is_current: bool) -> str:
    title, here = escape(one.title or "Untitled"), ' aria-current="page"' if is_current else ""
    return (
        f'<li class="item"><a href="?c={one.id}" dir="auto" title="{title}"{here}>{title}</a>'
        f'<button type="button" class="forget" aria-label="Delete “{title}”"></button></li>'
    )


def _day(when: float) -> str:
    day = datetime.fromtimestamp(when).date()
    days_ago = (date.today() - day).days
    if days_ago < 2:
        return "Yesterday" if days_ago == 1 else "Today"
    return f"{day:%B} {day.day}" if day.year == date.today().year else f"{day:%B %Y}"
