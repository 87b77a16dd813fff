"""Conversations for reading: Markdown, and one HTML file that carries its sound and itself.

The HTML needs no network, no script and no server. What is embedded in it is the document that
reads back without loss, and each sound once.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import BinaryIO

from sessions.clips import Clips
from sessions.records import ClipRef, Turn, Whole

MARK = re.compile(r"<\|(\d+\.\d\d)\|>")
EMBEDDED = "earshot-conversations"  # the id of the document in the page
STYLE = """
:root { color-scheme: light dark; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
article { margin: 1.5rem 0; }
.user { background: #8881; border-radius: 1rem; padding: .5rem 1rem; }
h2 { font-size: .85rem; font-weight: 600; opacity: .7; margin: 0; }
.plain { white-space: pre-wrap; }
figure { margin: .5rem 0; }
figcaption, footer, .when, .note { font-size: .85rem; opacity: .7; }
audio { width: 100%; }
""".strip()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; media-src data:; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'"
POLICY += "; form-action 'none'"


@dataclass(frozen=True)
class Labels:
    """The few words a transcript adds, in the reader's language."""

    language: str = "en"
    you: str = "You"
    answer: str = "Earshot"
    clip: str = "Audio {}"
    missing: str = "This recording is no longer stored."
    again: str = "The player is above."
    others: str = "Other recordings"
    versions: str = "This file holds other versions of some turns too: import it to see them."
    untitled: str = "Untitled"


Words = Callable[[str], str]  # an answer's Markdown as HTML


def plain(text: str) -> str:
    """Text as it is, for HTML."""
    return f'<p class="plain">{escape(marked(text))}</p>'


def marked(text: str) -> str:
    """Text with its time marks as people write them."""
    return MARK.sub(r"[\1 s]", text)


def line(whole: Whole) -> list[Turn]:
    """The turns that are shown, the first question first."""
    by_id, found, at = {turn.id: turn for turn in whole.turns}, [], whole.conversation.leaf
    while at is not None:
        found.append(by_id[at])
        at = by_id[at].parent
    return found[::-1]


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _length(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


def markdown(whole: Whole, labels: Labels = Labels()) -> str:  # noqa: B008 (it is frozen)
    about, blocks = whole.conversation, []
    title = " ".join(about.title.split()) or labels.untitled
    blocks += [f"# {title}", f"*{_when(about.created)}*"]
    for turn in line(whole):
        who = labels.you if turn.role == "user" else labels.answer
        blocks.append(f"## {who}" + (f" ({turn.model})" if turn.model else ""))
        number = 0  # in each turn anew, as the model counts
        for part in turn.parts:
            if isinstance(part, ClipRef):
                number += 1
                name = " ".join(part.name.split())
                blocks.append(f"**{labels.clip.format(number)}** {name} ({_length(part.seconds)})")
            else:
                blocks.append(marked(part))
        blocks += [f"*{note}*" for note in (turn.sentence, turn.note) if note]
    return "\n\n".join(blocks) + "\n"


def html(
    wholes: Iterable[Whole],
    document: str,
    clips: Clips,
    file: BinaryIO,
    words: Words = plain,
    labels: Labels = Labels(),  # noqa: B008
) -> None:
    """Write the page, piece by piece: its sound may be large."""
    page = _Page(clips, words, labels)
    wholes = tuple(wholes)
    for piece in page.pieces(wholes, document):
        file.write(piece.encode())


class _Page:
    def __init__(self, clips: Clips, words: Words, labels: Labels):
        self._clips, self._words, self._labels = clips, words, labels
        self._embedded: set[str] = set()

    def pieces(self, wholes: tuple[Whole, ...], document: str) -> Iterator[str]:
        titles = [whole.conversation.title or self._labels.untitled for whole in wholes]
        yield (
            f'<!doctype html>\n<html lang="{escape(self._labels.language)}">\n<head>\n'
            f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" '
            f'content="{POLICY}">\n<meta name="viewport" content="width=device-width">\n'
            f'<meta name="referrer" content="no-referrer">\n'
            f"<title>{escape(titles[0] if titles else '')}</title>\n<style>{STYLE}</style>\n"
            "</head>\n<body>\n"
        )
        for whole, title in zip(wholes, titles, strict=True):
            yield from self._conversation(whole, title)
        # no "<" in it, so nothing in it can end the element; the policy lets no script run
        inside = document.replace("<", "\\u003c")
        yield f'<script type="application/json" id="{EMBEDDED}">{inside}</script>\n'
        yield "</body>\n</html>\n"

    def _conversation(self, whole: Whole, title: str) -> Iterator[str]:
        shown = line(whole)
        when = _when(whole.conversation.created)
        yield f'<main>\n<h1 dir="auto">{escape(title)}</h1>\n<p class="when">{when}</p>\n'
        for turn in shown:
            who = self._labels.you if turn.role == "user" else self._labels.answer
            yield f'<article class="{turn.role}">\n<h2>{escape(who)}</h2>\n'
            number = 0
            for part in turn.parts:
                number += isinstance(part, ClipRef)
                yield from self._part(part, turn.role, number)
            for note in filter(None, (turn.sentence, turn.note)):
                yield f'<p class="note" dir="auto">{escape(note)}</p>\n'
            yield "</article>\n"
        yield from self._rest(whole, shown)
        yield "</main>\n"

    def _part(self, part: str | ClipRef, role: str, number: int) -> Iterator[str]:
        if isinstance(part, ClipRef):
            yield from self._player(part, self._labels.clip.format(number))
        else:
            said = self._words(part) if role == "assistant" else plain(part)
            yield f'<div dir="auto">{said}</div>\n'

    def _player(self, clip: ClipRef, label: str) -> Iterator[str]:
        name = f"{escape(label)} · <span dir=auto>{escape(clip.name)}</span>"
        yield f"<figure>\n<figcaption>{name} · {_length(clip.seconds)}</figcaption>\n"
        path = self._clips.path(clip.digest)
        if clip.digest in self._embedded:
            yield f'<a href="#clip-{clip.digest}">{escape(self._labels.again)}</a>\n'
        elif path.exists():
            self._embedded.add(clip.digest)
            sound = base64.b64encode(path.read_bytes()).decode()
            yield (
                f'<audio controls preload="none" id="clip-{clip.digest}" '
                f'aria-label="{escape(label)}" src="data:audio/flac;base64,{sound}"></audio>\n'
            )
        else:
            yield f'<p class="note">{escape(self._labels.missing)}</p>\n'
        yield "</figure>\n"

    def _rest(self, whole: Whole, shown: list[Turn]) -> Iterator[str]:
        """What other lines hold: their sound here, their words in the document."""
        if len(shown) == len(whole.turns):
            return
        clips = {clip.digest: clip for turn in whole.turns for clip in turn.clips}
        left = [clip for digest, clip in clips.items() if digest not in self._embedded]
        yield f"<footer>\n<p>{escape(self._labels.versions)}</p>\n"
        if left:
            yield f"<h2>{escape(self._labels.others)}</h2>\n"
        for clip in left:
            yield from self._player(clip, clip.name)
        yield "</footer>\n"
