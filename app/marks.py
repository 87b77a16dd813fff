"""Times in answers as chips that play what they are about (sessions/timestamps.py)."""

import re
from collections.abc import Iterator
from html import escape

from app.i18n import Language
from sessions.timestamps import MARK, Mark, has_loose, read, written

__all__ = ["MARK", "Mark", "filled", "has_loose", "held", "read", "written"]

OPEN, CLOSE = "\ue000", "\ue001"  # stand for a mark while Markdown is read: no text has them
HELD = re.compile(f"{OPEN}(\\d+){CLOSE}")


def held(text: str) -> str:
    """The text with numbered places where its marks are."""
    numbers: Iterator[int] = iter(range(len(text)))
    text = text.replace(OPEN, "").replace(CLOSE, "")
    return MARK.sub(lambda _: f"{OPEN}{next(numbers)}{CLOSE}", text)


def filled(html: str, marks: list[Mark], language: Language) -> str:
    """Chips in those places: pressed, they play what they are about."""
    return HELD.sub(lambda place: _chip(marks[int(place[1])], language), html)


def _chip(mark: Mark, language: Language) -> str:
    shown, clip = f"{mark.at:.2f} s", mark.clip
    if not mark.is_tied:
        loose = escape(language.say("mark.loose.one"))
        return f'<span class="mark loose" title="{loose}">{shown}</span>'
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
