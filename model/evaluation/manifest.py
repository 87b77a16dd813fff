"""Recordings with what is true of them, as JSON lines. Reads no sound.

A line has `audio` (a path from the manifest's folder or from `root`) and `text` (what is true), and
may have `task`, `language`, `question`, and:

* `start`, with `duration`: a cut of that file, in seconds; `duration` alone is a fact about it;
* `clips`: further recordings of the same question, each a path or {"audio", "start", "duration"};
* `before`: questions that were asked first in the same conversation;
* `texts`: further answers that are as true as `text`.

What else it says (split, speaker, gender …) is kept in `told`.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model.errors import EarshotError


class BadManifest(EarshotError):
    """A manifest that cannot be used, with the line that is wrong."""


@dataclass(frozen=True)
class Sound:
    """A recording, or a part of one."""

    file: Path
    start: float | None = None  # seconds; None: the whole file
    duration: float | None = None  # seconds; None: to its end


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question about recordings, and what is true."""

    sounds: tuple[Sound, ...]
    text: str
    also: tuple[str, ...] = ()  # other answers that are as true
    task: str = "asr"
    question: str = ""  # empty: the task's own
    before: tuple[str, ...] = ()  # asked first, and answered by the model itself
    told: dict = field(default_factory=dict)  # the whole line

    @property
    def language(self) -> str:
        """Of what is said, in two letters; empty where it is not known."""
        language = self.told.get("language") or ""
        return "" if language == "unknown" else language[:2]

    @property
    def key(self) -> str:
        """Names the question among those of one evaluation."""
        where = [(str(self.told.get("audio", self.sounds[0].file)), *_times(self.sounds[0]))]
        where += [(sound.file.name, *_times(sound)) for sound in self.sounds[1:]]
        words = [self.task, *self.before, self.question]
        return "|".join([" ".join(filter(None, sound)) for sound in where] + words)


def _times(sound: Sound) -> tuple[str, ...]:
    return tuple("" if at is None else f"{at:.3f}" for at in (sound.start, sound.duration))


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


def some(items: Sequence[Item], n: int, seed: int = 0) -> list[Item]:
    """At most `n` of the items, drawn at random but always the same, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(items))[:n]
    return [items[i] for i in sorted(chosen)]


def _item(line: str, number: int, file: Path, root: Path) -> Item:
    try:
        told = json.loads(line)
        others = [{"audio": one} if isinstance(one, str) else one for one in told.get("clips", ())]
        return Item(
            sounds=tuple(_sound(one, root) for one in [told, *others]),
            text=told["text"],
            also=tuple(told.get("texts", ())),
            task=told.get("task", "asr"),
            question=told.get("question", ""),
            before=tuple(told.get("before", ())),
            told=told,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadManifest(
            f'{file.name}, line {number}: wanted a JSON object with "audio" and "text" ({error}).'
        ) from None


def _sound(told: dict, root: Path) -> Sound:
    if "start" not in told:
        return Sound(root / told["audio"])
    return Sound(root / told["audio"], float(told["start"]), told.get("duration"))
