"""Stored turns as HTML, in the person's language. Display is made here and never stored."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt

from app.examples import EXAMPLES, Example
from app.i18n import Language
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

ENDINGS = {STOPPED: "ended.stopped", LENGTH: "ended.length", INTERRUPTED: "ended.interrupted"}
# Raw HTML stays text, and a picture becomes a link: an answer can run and load nothing.
_markdown = MarkdownIt("js-default", {"html": False, "breaks": True})
AWAY = 'target="_blank" rel="noopener noreferrer nofollow"'


def _link(self, tokens, i, options, env):
    return f'<a href="{escape(tokens[i].attrs["href"])}" {AWAY}>'


def _picture(self, tokens, i, options, env):
    name = escape(tokens[i].content or tokens[i].attrs["src"])
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


def player(clip: ClipRef, number: int, language: Language) -> str:
    name, label = escape(clip.name), language.say("clip.label", n=number)
    play, position = (language.say(f"clip.{what}", label=label) for what in ("play", "position"))
    return (
        f'<figure class="clip" title="{name}">'
        f'<button type="button" class="play" aria-label="{play}"></button>'
        f"<figcaption><b>{label}</b> <span>{name}</span></figcaption>"
        f'<input type="range" min="0" max="1000" value="0" aria-label="{position}">'
        f"<time>{length(clip.seconds)}</time>"
        f'<audio preload="none" src="earshot/clips/{clip.digest}"></audio>'
        "</figure>"
    )


@lru_cache(maxsize=2048)
def question(turn: Turn, first: int, language: Language) -> str:
    parts, number = [], first
    for part in turn.parts:
        if isinstance(part, ClipRef):
            parts.append(player(part, number, language))
            number += 1
        else:
            parts.append(f'<p dir="auto">{escape(part)}</p>')
    label = language.say("turn.question")
    return (
        f'<article class="question" data-turn="{turn.id}" aria-label="{label}">'
        f"{''.join(parts)}</article>"
    )


def answer(turn: Turn, language: Language, unheard: str = "", ahead: int = 0) -> str:
    """An answer as far as it has come, and how it ended."""
    said = f'<div class="words" dir="auto">{words(turn.text)}</div>' if turn.text else ""
    if turn.status == WRITING and not said:
        waiting = language.say("turn.ahead", n=ahead) if ahead else language.say("turn.listening")
        said = f'<p class="waiting">{waiting}</p>'
    notes = [f'<p class="note unheard">{escape(unheard)}</p>'] if unheard else []
    if ending := _ending(turn, language):
        notes.insert(0, f'<p class="note {turn.status}">{escape(ending)}</p>')
    return (
        f'<article class="answer" data-turn="{turn.id}" data-status="{turn.status}" '
        f'aria-label="{language.say("turn.answer")}">{said}{"".join(notes)}</article>'
    )


def _ending(turn: Turn, language: Language) -> str:
    if turn.status == FAILED:
        return language.heard(turn.sentence)
    return language.say(ENDINGS[turn.status]) if turn.status in ENDINGS else ""


def unheard(turn: Turn, turns: Sequence[Turn], language: Language) -> str:
    """What of the recordings did not fit in, as a sentence."""
    if not turn.unheard:
        return ""
    clips = [clip.digest for t in turns for clip in t.clips]
    stretches = [
        language.say(
            "turn.stretch", start=length(u.start), end=length(u.end), n=clips.index(u.digest) + 1
        )
        for u in turn.unheard
        if u.digest in clips
    ]
    return language.say("turn.unheard", stretches=language.say("and").join(stretches))


def conversation(about: Conversation, turns: Sequence[Turn], language: Language) -> str:
    """All but the newest answer, which changes while it is given and has its own place."""
    numbers = numbered(turns)
    if turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    shown = (
        question(turn, numbers[turn.id], language)
        if turn.role == "user"
        else answer(turn, language, unheard(turn, turns, language))
        for turn in turns
    )
    return (
        f'<div class="turns" data-conversation="{escape(about.id)}" '
        f'data-title="{escape(about.title)}">{"".join(shown)}</div>'
    )


def empty(
    about: About, language: Language, kept: Conversation | None = None, notice: str = ""
) -> str:
    """Before the first question: what this is, honestly, and what one may ask."""
    id = escape(kept.id if kept else "")
    notice = escape(language.heard(notice))
    told = f'<p class="note" role="status">{notice}</p>' if notice else ""
    tries = "".join(_example(example, language) for example in EXAMPLES)
    asks = "".join(
        f'<button type="button" class="ask">{escape(language.heard(asked))}</button>'
        for asked in about.questions
    )
    return (
        f'<div class="turns empty" data-conversation="{id}">{told}'
        f"<h1>{language.say('empty.title')}</h1>"
        f"<p>{language.say('empty.how')}</p><p>{escape(language.heard(about.note))}</p>"
        f'<div class="examples">{tries}</div><div class="asks">{asks}</div></div>'
    )


def _example(example: Example, language: Language) -> str:
    kind, asked = (escape(language.say(f"example.{example.key}{end}")) for end in ("", ".ask"))
    return (
        f'<button type="button" class="example" data-example="{example.key}">'
        f'<i class="{example.key}"></i><b>{kind}</b><span>{asked}</span></button>'
    )


def bar(about: About) -> str:
    """The line above the conversation: what answers here. Its words are filled in on the page."""
    size = f"{about.memory_bytes / 1e9:.1f} GB" if about.memory_bytes else ""
    facts = (about.name, f"{about.bits} bit", about.device, size)
    line = " · ".join(escape(fact) for fact in facts if fact)
    return (
        '<button type="button" class="menu" data-t-aria-label="list.label" aria-expanded="false" '
        'aria-controls="side"></button><h2 class="title" dir="auto"></h2>'
        f'<p class="about" title="{escape(about.note)}">{line}</p>'
        '<button type="button" class="tune" data-t-aria-label="tune.title" '
        'data-t-title="tune.title"></button>'
    )
