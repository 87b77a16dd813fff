"""Stored turns as HTML, in the person's language. Display is made here and never stored."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt

from app import examples, marks, note_display, offers, regenerate, tools
from app.examples import Example
from app.i18n import ENGLISH, LANGUAGES, Language
from app.labels import ENDINGS, labels
from model.engine import About
from sessions.records import (
    DAMAGED,
    FAILED,
    GONE,
    WRITING,
    ClipRef,
    Conversation,
    Turn,
    Unheard,
    Versions,
    WindowNotes,
)
from sessions.timestamps import NOTHING, Following, Sources
from sessions.transcript import damaged, length, names_of, rests_on, stretches_of

# Raw HTML stays text, and a picture becomes a link: an answer can run and load nothing.
_markdown = MarkdownIt("js-default", {"html": False, "breaks": True})
LOST = {GONE: "transcript.missing", DAMAGED: "clip.damaged"}  # why a clip cannot be played
Lost = frozenset[tuple[str, str]]  # digests, and why
AWAY = 'target="_blank" rel="noopener noreferrer nofollow"'


def _link(self, tokens, i, options, env):
    return f'<a href="{escape(tokens[i].attrs["href"])}" {AWAY}>'


def _picture(self, tokens, i, options, env):
    name = escape(tokens[i].content or tokens[i].attrs["src"])
    return f'<a href="{escape(tokens[i].attrs["src"])}" {AWAY}>{name}</a>'


_markdown.add_render_rule("link_open", _link)
_markdown.add_render_rule("image", _picture)


@dataclass(frozen=True)
class Line:
    """A stretch of a conversation's line, with what is known of what stands around it."""

    turns: Sequence[Turn]
    versions: Mapping[int, Versions] = field(default_factory=dict)
    before: Sequence[Sequence[ClipRef]] = ()  # the clips of each turn before these
    firsts: Mapping[int, Turn] = field(default_factory=dict)  # version 1, of answers that are not
    gone: Collection[str] = ()  # digests of clips without a file
    notes: Mapping[str, tuple[WindowNotes, ...]] = field(default_factory=dict)  # of its clips

    def sources(self) -> list[Sources]:
        """For each turn what its time marks may be about."""
        following = Following(self.before)
        return [following.of(turn) for turn in self.turns]

    def lost(self) -> Lost:
        """Clips that cannot be played, and why."""
        lost = dict.fromkeys(damaged(self.turns), DAMAGED) | dict.fromkeys(self.gone, GONE)
        return frozenset(lost.items())

    def heard(self, turn: Turn) -> tuple[WindowNotes, ...]:
        """What was heard of the clips of a turn."""
        digests = dict.fromkeys(clip.digest for clip in turn.clips)
        return tuple(one for digest in digests for one in self.notes.get(digest, ()))


@dataclass(frozen=True)
class Beside:
    """What an answer is shown with, besides its own words."""

    about: Sources = NOTHING  # what its time marks may be about
    unheard: str = ""  # what it does not rest on
    sampled: str = ""  # how, where that is not as version 1 was
    versions: Versions | None = None
    is_newest: bool = False


@dataclass(frozen=True)
class Progress:
    """What happens before an answer's first word."""

    ahead: int = 0  # answers that come before this one
    seconds: float | None = None  # for which one still waits, as far as anybody knows
    doing: str = "listening"
    is_noted: bool = False  # notes were taken for it, which the page may show


def words(
    text: str, about: Sources | ClipRef | None = None, language: Language = LANGUAGES[ENGLISH]
) -> str:
    """An answer's Markdown as HTML, its time marks as chips that play what they are about."""
    sources = about if isinstance(about, Sources) else Sources.of(about)
    html = _markdown.render(marks.held(text))
    return marks.filled(html, marks.read(text, sources), language)


_finished_words = lru_cache(maxsize=1024)(words)


def player(
    clip: ClipRef,
    number: int | None,
    language: Language,
    lost: str = "",
    notes: Sequence[WindowNotes] = (),
) -> str:
    """A recording, numbered where its turn has several: in each turn the model counts from 1, and
    what was heard of it. `lost` is why it cannot be played. The page's scripts make the same form
    (js/player.js)."""
    name = escape(clip.name)
    numbered = language.say("clip.label", n=number) if number else ""
    label = escape(numbered or clip.name)
    said = {
        what: language.say(f"clip.{what}", label=label)
        for what in ("play", "position", "tasks", "spectrum", "reuse")
    }
    caption = f"<b>{numbered}</b> " if numbered else ""
    why = f'<p class="note lost">{language.say(LOST[lost])}</p>' if lost else ""
    menu = 'aria-haspopup="menu" ' if not lost else "hidden "
    tools = f'<button type="button" class="tool task" {menu}aria-label="{said["tasks"]}" '
    tools += f'title="{said["tasks"]}"></button>'
    tools += "".join(
        f'<button type="button" class="tool {what}" aria-label="{said[what]}" '
        f'title="{said[what]}"></button>'
        for what in ("spectrum", "reuse")
    )
    heard = note_display.folded(notes, language, plays=not lost)
    return (
        f'<figure class="clip" data-digest="{clip.digest}" data-name="{name}" '
        f'data-seconds="{clip.seconds:g}">'
        f'<button type="button" class="play" aria-label="{said["play"]}"></button>'
        f'<figcaption title="{name}">{caption}<span dir="auto">{name}</span></figcaption>'
        f'<div class="wave"><canvas></canvas><input type="range" min="0" max="1000" value="0" '
        f'aria-label="{said["position"]}"></div>'
        f'<time>{length(clip.seconds)}</time><div class="more">{tools}</div>'
        f'<audio preload="none" src="earshot/clips/{clip.digest}"></audio>'
        f"{why}{heard}</figure>"
    )


@lru_cache(maxsize=2048)
def question(
    turn: Turn,
    language: Language,
    versions: Versions | None = None,
    is_last: bool = False,
    lost: Lost = frozenset(),
    notes: tuple[WindowNotes, ...] = (),
) -> str:
    parts, number, why = [], 1 if len(turn.clips) > 1 else None, dict(lost)
    for part in turn.parts:
        if isinstance(part, ClipRef):
            heard = [one for one in notes if one.digest == part.digest]
            parts.append(player(part, number, language, why.get(part.digest, ""), heard))
            number = number and number + 1
        else:
            parts.append(f'<p dir="auto">{escape(part)}</p>')
    label = language.say("turn.question")
    row = tools.of_question(turn, versions, language, is_last=is_last)
    return (
        f'<article class="question" data-turn="{turn.id}" aria-label="{label}">'
        f"{''.join(parts)}{row}</article>"
    )


def answer(
    turn: Turn,
    language: Language,
    beside: Beside = Beside(),  # noqa: B008 frozen
    progress: Progress = Progress(),  # noqa: B008
) -> str:
    """An answer as far as it has come, and how it ended."""
    is_writing = turn.status == WRITING
    rendered = words if is_writing else _finished_words
    said = ""
    if turn.text:
        html = rendered(turn.text, beside.about, language)
        said = f'<div class="words" dir="auto">{html}</div>'
    elif is_writing:
        said = f'<p class="waiting">{waiting(progress, language)}</p>'
    notes = [f'<p class="note {turn.status}">{escape(_ending(turn, language))}</p>']
    notes = notes if turn.status in (*ENDINGS, FAILED) else []
    notes += [f'<p class="note unheard">{escape(beside.unheard)}</p>'] if beside.unheard else []
    notes += [f'<p class="note sampled">{escape(beside.sampled)}</p>'] if beside.sampled else []
    notes += [f'<p class="note rated" dir="auto">{escape(turn.note)}</p>'] if turn.note else []
    row = tools.of_answer(turn, beside.versions, language, is_newest=beside.is_newest)
    return (
        f'<article class="answer" data-turn="{turn.id}" data-status="{turn.status}" '
        f'aria-label="{language.say("turn.answer")}">{said}{"".join(notes)}'
        f"{'' if is_writing else row}</article>"
    )


def waiting(progress: Progress, language: Language) -> str:
    """What happens before the first word."""
    if not progress.ahead:
        return language.say(f"turn.{progress.doing or 'listening'}")
    said = language.say("turn.ahead", n=progress.ahead)
    if progress.seconds is None:
        return said
    about = max(5, 5 * round(progress.seconds / 5))  # nobody knows to the second
    return f"{said} · {language.say('turn.about', time=length(about))}"


def _ending(turn: Turn, language: Language) -> str:
    if turn.status == FAILED:
        return language.heard(turn.sentence)
    return language.say(ENDINGS[turn.status]) if turn.status in ENDINGS else ""


def unheard(stretches: Iterable[Unheard], turns: Sequence[Turn], language: Language) -> str:
    """What of the recordings did not fit in, as a sentence."""
    words = labels(language)
    missed = stretches_of(stretches, names_of(turns), words)
    return words.unheard.format(stretches=words.and_.join(missed)) if missed else ""


def besides(line: Line, language: Language, is_whole: bool = True) -> list[Beside]:
    """What each turn of a line is shown with."""
    last = line.turns[-1].id if line.turns and is_whole else None
    words, names = labels(language), names_of(line.turns)
    names = {clip.digest: clip.name for clips in line.before for clip in clips} | names
    return [
        Beside(
            about=about,
            unheard=" ".join(rests_on(turn, names, words, about)),
            sampled=regenerate.said(turn, line.firsts.get(turn.id, turn), language),
            versions=line.versions.get(turn.id),
            is_newest=turn.id == last,
        )
        for turn, about in zip(line.turns, line.sources(), strict=True)
    ]


def conversation(about: Conversation, line: Line, language: Language) -> str:
    """All but the newest answer, which changes while it is given and has its own place."""
    is_answered = bool(line.turns) and line.turns[-1].role == "assistant"
    shown = stretch(line, language, without_last=is_answered)
    earlier = line.turns[0].id if line.turns and line.turns[0].parent is not None else ""
    return (
        f'<div class="turns" data-conversation="{escape(about.id)}" '
        f'data-title="{escape(about.title)}" data-answers="{escape(about.answer_language)}" '
        f'data-earlier="{earlier}">{shown}</div>'
    )


def stretch(
    line: Line, language: Language, *, without_last: bool = False, is_whole: bool = True
) -> str:
    """Turns one after the other. One that is not whole is followed by others."""
    pairs = list(zip(line.turns, besides(line, language, is_whole), strict=True))
    lost = line.lost()
    return "".join(
        question(turn, language, beside.versions, beside.is_newest, lost, line.heard(turn))
        if turn.role == "user"
        else answer(turn, language, beside)
        for turn, beside in (pairs[:-1] if without_last else pairs)
    )


def empty(
    about: About, language: Language, kept: Conversation | None = None, notice: str = ""
) -> str:
    """Before the first question: what this is, honestly, and what one may ask."""
    id = escape(kept.id if kept else "")
    notice = escape(language.heard(notice))
    told = f'<p class="note" role="status">{notice}</p>' if notice else ""
    putting = offers.asked_in(about, language)
    tries = "".join(
        _example(
            example, language.say(f"example.{example.key}"), putting.say(example.ask(about.tasks))
        )
        for example in examples.fitting(about.tasks)
    )
    asks = "".join(
        f'<button type="button" class="ask">{escape(putting.heard(asked))}</button>'
        for asked in about.questions
    )
    return (
        f'<div class="turns empty" data-conversation="{id}">{told}'
        f"<h1>{language.say('empty.title')}</h1>"
        f"<p>{language.say('empty.how')}</p><p>{escape(language.heard(about.note))}</p>"
        f'<div class="examples">{tries}</div><div class="asks">{asks}</div></div>'
    )


def _example(example: Example, kind: str, asked: str) -> str:
    return (
        f'<button type="button" class="example" data-example="{example.key}">'
        f'<i class="{example.key}"></i><b>{escape(kind)}</b><span>{escape(asked)}</span></button>'
    )


def bar() -> str:
    """The line above the conversation: what answers here. Its words are filled in on the page."""
    return (
        '<button type="button" class="menu" data-t-aria-label="list.label" aria-expanded="false" '
        'aria-controls="side"></button><h2 class="title" dir="auto"></h2>'
        '<button type="button" class="about" aria-haspopup="dialog" data-t-title="model.title">'
        "<span></span><small></small></button>"
        '<button type="button" class="room" aria-haspopup="dialog" hidden><i></i><span></span>'
        "</button>"
        '<button type="button" class="tune" data-t-aria-label="tune.title" '
        'data-t-title="tune.title"></button>'
    )
