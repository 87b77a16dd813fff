"""Conversations as one HTML page that is read alone: in a file with its sound in it, or given by a
server. Knows no server, and makes no pictures: what it looks like is handed in (`Looks`).

Nothing in it loads anything from elsewhere, and no script runs but the one that was handed in: the
page's policy names it by its hash. Without it, the browser's own players are there.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import BinaryIO, Protocol

from sessions import notes
from sessions.clips import Clips
from sessions.records import ClipRef, Turn, Whole, WindowNotes
from sessions.timestamps import NOTHING, Following, Sources, written
from sessions.transcript import Labels, damaged, length, line, names_of, notes_of, when

EMBEDDED = "earshot-conversations"  # the id of the document in the page
STYLE = """
:root { color-scheme: light dark; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
audio, img { width: 100%; }
""".strip()

Words = Callable[[str, Sources], str]  # an answer's Markdown as HTML; what its times are about
Heard = Callable[[Sequence[WindowNotes], bool], str]  # of a clip, as HTML; whether it can be played


def plain(text: str, about: Sources = NOTHING) -> str:
    """Text as it is, for HTML."""
    return f'<p class="plain">{escape(written(text, about))}</p>'


class Addresses(Protocol):
    """Where a page finds what belongs to a clip: addresses, empty where there is nothing."""

    def sound(self, clip: ClipRef) -> str: ...

    def wave(self, clip: ClipRef) -> str:
        """One byte for each of some stretches of equal length: the loudest is 255."""

    def spectrum(self, clip: ClipRef) -> str:
        """A picture as wide as the clip is long."""


@dataclass(frozen=True)
class Drawn:
    """A clip to look at."""

    wave: bytes = b""
    spectrum: bytes = b""  # PNG


@dataclass(frozen=True)
class Looks:
    """What a page is dressed in."""

    words: Words = plain
    labels: Labels = field(default_factory=Labels)
    style: str = STYLE
    script: str = ""
    drawn: Callable[[ClipRef], Drawn] = lambda clip: Drawn()
    heard: Heard = lambda windows, plays: ""
    heard_as_markdown: Callable[[Sequence[WindowNotes]], str] = lambda windows: ""
    above: str = ""  # HTML before the first conversation

    def policy(self, sources: str = "data:") -> str:
        """What a browser may do with the page, which finds all it needs at `sources`."""
        rules = ["default-src 'none'", f"media-src {sources}", f"img-src {sources}"]
        rules.append(f"style-src '{_hash(self.style)}'")
        if self.script:
            rules += [f"script-src '{_hash(self.script)}'", f"connect-src {sources}"]
        return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Within:
    """Everything is in the page itself."""

    def __init__(self, clips: Clips, drawn: Callable[[ClipRef], Drawn]):
        self._clips, self._drawn = clips, drawn
        self._latest: tuple[str, Drawn] = "", Drawn()

    def sound(self, clip: ClipRef) -> str:
        path = self._clips.path(clip.digest)
        return _data("audio/flac", path.read_bytes()) if path.exists() else ""

    def wave(self, clip: ClipRef) -> str:
        return _data("application/octet-stream", self._of(clip).wave)

    def spectrum(self, clip: ClipRef) -> str:
        return _data("image/png", self._of(clip).spectrum)

    def _of(self, clip: ClipRef) -> Drawn:
        if self._latest[0] != clip.digest:
            self._latest = clip.digest, self._drawn(clip)
        return self._latest[1]


def _data(type: str, content: bytes) -> str:
    return f"data:{type};base64,{base64.b64encode(content).decode()}" if content else ""


def write(
    wholes: Iterable[Whole], document: str, clips: Clips, file: BinaryIO, looks: Looks
) -> None:
    """A file with all its sound, written piece by piece: it may be large. `document` is what it is
    read back from (bundle.py)."""
    # no "<" in it, so nothing in it can end the element
    inside = document.replace("<", "\\u003c")
    kept = f'<script type="application/json" id="{EMBEDDED}">{inside}</script>\n'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{looks.policy()}">\n'
    for piece in pieces(wholes, Within(clips, looks.drawn), looks, head=policy, foot=kept):
        file.write(piece.encode())


def pieces(
    wholes: Iterable[Whole], addresses: Addresses, looks: Looks, head: str = "", foot: str = ""
) -> Iterator[str]:
    """The page. `head` comes before anything that is loaded, `foot` after all that is read."""
    wholes, labels = tuple(wholes), looks.labels
    titles = [whole.conversation.title or labels.untitled for whole in wholes]
    yield (
        f'<!doctype html>\n<html lang="{escape(labels.language)}">\n<head>\n'
        f'<meta charset="utf-8">\n{head}<meta name="viewport" '
        f'content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{escape(titles[0] if titles else '')}</title>\n<style>{looks.style}</style>\n"
        f"</head>\n<body>\n{looks.above}"
    )
    page = _Page(addresses, looks)
    for whole, title in zip(wholes, titles, strict=True):
        yield from page.conversation(whole, title)
    yield foot
    yield f"<script>{looks.script}</script>\n" if looks.script else ""
    yield "</body>\n</html>\n"


class _Page:
    def __init__(self, addresses: Addresses, looks: Looks):
        self._addresses, self._looks, self._labels = addresses, looks, looks.labels
        self._embedded: set[str] = set()
        self._damaged: set[str] = set()
        self._notes: dict[str, tuple[WindowNotes, ...]] = {}

    def conversation(self, whole: Whole, title: str) -> Iterator[str]:
        turns, following = line(whole), Following()
        names, self._damaged = names_of(turns), damaged(whole.turns)
        self._notes = notes.latest(whole.notes)
        yield f'<main>\n<h1 dir="auto">{escape(title)}</h1>\n'
        yield f'<p class="when">{when(whole.conversation.created)}</p>\n'
        for turn in turns:
            yield from self._turn(turn, names, following.of(turn))
        yield from self._rest(whole, turns)
        yield "</main>\n"

    def _turn(self, turn: Turn, names: Mapping[str, str], about: Sources) -> Iterator[str]:
        who = self._labels.you if turn.role == "user" else self._labels.answer
        by = f" <small>{escape(turn.model)}</small>" if turn.model else ""
        yield f'<article class="{turn.role}">\n<h2>{escape(who)}{by}</h2>\n'
        number = 0  # in each turn anew, as the model counts
        for part in turn.parts:
            if isinstance(part, ClipRef):
                number += 1
                yield from self._player(part, self._labels.clip.format(number))
            else:
                said = self._looks.words(part, about) if turn.role == "assistant" else plain(part)
                yield f'<div dir="auto">{said}</div>\n'
        for note in notes_of(turn, names, self._labels, about):
            yield f'<p class="note" dir="auto">{escape(note)}</p>\n'
        yield "</article>\n"

    def _player(self, clip: ClipRef, label: str) -> Iterator[str]:
        """The sound once, whatever a turn calls it; where it comes again, the way to it."""
        caption = f"<b>{escape(label)}</b> <span dir=auto>{escape(clip.name)}</span>"
        caption = f"<figcaption>{caption} <small>{length(clip.seconds)}</small></figcaption>\n"
        if clip.digest in self._embedded:
            again = escape(self._labels.again)
            yield f'<figure>\n{caption}<a href="#clip-{clip.digest}">{again}</a>\n</figure>\n'
            return
        sound = "" if clip.digest in self._damaged else self._addresses.sound(clip)
        if not sound:
            is_damaged = clip.digest in self._damaged
            missing = escape(self._labels.damaged_file if is_damaged else self._labels.missing)
            heard = self._looks.heard(self._notes.pop(clip.digest, ()), False)
            yield f'<figure>\n{caption}<p class="note">{missing}</p>\n{heard}</figure>\n'
            return
        self._embedded.add(clip.digest)
        said = {
            "wave": self._addresses.wave(clip),
            "play": self._labels.play.format(label),
            "position": self._labels.position.format(label),
        }
        data = "".join(f' data-{name}="{escape(value)}"' for name, value in said.items())
        yield f'<figure class="clip" data-seconds="{clip.seconds:g}"{data}>\n{caption}'
        yield (
            f'<audio controls preload="none" id="clip-{clip.digest}" '
            f'aria-label="{escape(label)}" src="{sound}"></audio>\n'
        )
        yield from self._spectrum(clip, label)
        yield self._looks.heard(self._notes.get(clip.digest, ()), True)
        yield "</figure>\n"

    def _spectrum(self, clip: ClipRef, label: str) -> Iterator[str]:
        if address := self._addresses.spectrum(clip):
            said = escape(self._labels.spectrum.format(label))
            yield (
                f"<details>\n<summary>{escape(self._labels.seen)}</summary>\n"
                f'<img loading="lazy" alt="{said}" src="{address}">\n</details>\n'
            )

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
            yield from self._player(replace(clip, name=""), clip.name)
        yield "</footer>\n"
