"""Recordings with what is true of them, as JSON lines. Reads no sound.

A line has `audio` (a path from the manifest's folder or from `root`), `text` (what is true), and
may have `task`, `language`, `question`, `split`, `speaker`, `duration` and more, which is kept.
"""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import EarshotError


class BadManifest(EarshotError):
    """A manifest that cannot be used, with the line that is wrong."""


@dataclass(frozen=True)
class Item:
    """One recording and what is true of it."""

    audio: Path
    text: str
    task: str = "asr"
    question: str = ""  # empty: the task's own
    told: dict = field(default_factory=dict)  # the whole line


def read(file: Path, *, root: Path | None = None, **only: str | None) -> list[Item]:
    """The items of a manifest (.jsonl, or .jsonl.gz). `only` names what a line must have to count:
    split="test", language="en"; None lets every line through."""
    opened = gzip.open if file.suffix == ".gz" else open
    items = []
    try:
        with opened(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    items.append(_item(line, number, file, root or file.parent))
    except OSError as error:
        raise BadManifest(f"{file.name} cannot be read: {error.strerror or error}.") from None
    only = {name: value for name, value in only.items() if value is not None}
    items = [item for item in items if only.items() <= item.told.items()]
    if not items:
        which = " and ".join(f"{name} {value!r}" for name, value in only.items())
        raise BadManifest(f"{file.name} holds no recording{which and ' of ' + which}.")
    return items


def _item(line: str, number: int, file: Path, root: Path) -> Item:
    try:
        told = json.loads(line)
        audio, text = told["audio"], told["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadManifest(
            f'{file.name}, line {number}: wanted a JSON object with "audio" and "text" ({error}).'
        ) from None
    return Item(root / audio, text, told.get("task", "asr"), told.get("question", ""), told)
