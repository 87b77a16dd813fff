"""Times in answers, as the model writes them (<|2.33|>), tied to the clip they are about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from app.i18n import Language
from sessions.records import ClipRef

MARK = re.compile(r"<\|(\d+\.\d\d)\|>")
OPEN, CLOSE = "\ue000", "\ue001"  # stand for a mark while Markdown is read: no text has them
HELD = re.compile(f"{OPEN}(\\d+){CLOSE}")


@dataclass(frozen=True)
class Mark:
    """A time, and the end of the stretch that it begins or ends, if it does."""

    at: float  # seconds
    start: float
    end: float | None  # None: a moment


def read(text: str) -> list[Mark]:
    """The marks of an answer. Two with words between them hold a stretch, and each belongs to one
    stretch at most."""
    found = list(MARK.finditer(text))
    marks, i = [], 0
    while i < len(found):
        one, other = found[i], found[i + 1] if i + 1 < len(found) else None
        start = float(one[1])
        if other is not None and _are_pair(start, text[one.end() : other.start()], float(other[1])):
            end = float(other[1])
            marks += [Mark(start, start, end), Mark(end, start, end)]
            i += 2
        else:
            marks.append(Mark(start, start, None))
            i += 1
    return marks


def _are_pair(start: float, between: str, end: float) -> bool:
    return end > start and "\n\n" not in between and re.search(r"\w", between) is not None


def held(text: str) -> str:
    """The text with numbered places where its marks are."""
    numbers: Iterator[int] = iter(range(len(text)))
    text = text.replace(OPEN, "").replace(CLOSE, "")
    return MARK.sub(lambda _: f"{OPEN}{next(numbers)}{CLOSE}", text)


def filled(html: str, marks: list[Mark], clip: ClipRef | None, language: Language) -> str:
    """Chips in those places: pressed, they play what they are about."""
    return HELD.sub(lambda place: _chip(marks[int(place[1])], clip, language), html)


def plain(text: str) -> str:
    """The marks as people write times."""
    return MARK.sub(r"[\1 s]", text)


def _chip(mark: Mark, clip: ClipRef | None, language: Language) -> str:
    shown = f"{mark.at:.2f} s"
    if clip is None or mark.start >= clip.seconds:
        return f'<span class="mark">{shown}</span>'
    stretch = f"{mark.start:.2f} s" + (f" – {mark.end:.2f} s" if mark.end else "")
    label = escape(language.say("mark.play", stretch=stretch, name=clip.name))
    end = f' data-end="{mark.end:.2f}"' if mark.end else ""
    return (
        f'<button type="button" class="mark" data-digest="{clip.digest}" '
        f'data-name="{escape(clip.name)}" data-seconds="{clip.seconds:g}" '
        f'data-start="{mark.start:.2f}"{end} aria-label="{label}" title="{label}">{shown}</button>'
    )
