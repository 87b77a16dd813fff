"""Recordings with what is true of them, as JSON lines. Reads no sound.

A line has `audio` (a path from the manifest's folder or from `root`) and `text` (what is true), and
may have `task`, `language`, `question`, and:

* `start`, with `duration`: a cut of that file, in seconds; `duration` alone is a fact about it;
* `clips`: further recordings of the same question, each a path or {"audio", "start", "duration"};
* `before`: questions that were asked first in the same conversation;
* `texts`: further answers that are as true as `text`.

What else it says (split, speaker, gender …) is kept in `told`.
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model import text_files
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
    """The items of a manifest, packed by gzip or not. `only` names what a line must have to count:
    split="test", language="en"; None lets every line through. Raises BadManifest."""
    items = [_item(line, root or file.parent) for line in lines(file)]
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


@dataclass(frozen=True)
class Line:
    """One line of a manifest: values are checked when they are asked for. Raises BadManifest."""

    file: Path
    number: int
    told: dict

    def text(self, name: str, default: str | None = None) -> str:
        """Text; a whole number counts as the digits it is written with."""
        return self._as_text(name, self._value(name, default))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._as_text(name, one) for one in self.several(name))

    def several(self, name: str) -> list:
        value = self._value(name, [])
        if not isinstance(value, list):
            raise self.wrong(f'"{name}" is a list, not {_shown(value)}')
        return value

    def number_of(self, name: str, default: float | None = None) -> float | None:
        """A finite number, 0 or more."""
        value = self.told.get(name)
        if value is None:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 <= value < math.inf):
            raise self.wrong(f'"{name}" is a number of at least 0, not {_shown(value)}')
        return float(value)

    def path(self, root: Path) -> Path:
        """Of the recording, from `root` on; ~ is the home folder."""
        name = self._value("audio")
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise self.wrong(f'"audio" is the path of a recording, not {_shown(name)}')
        return root / os.path.expanduser(name)

    def part(self, told: object) -> "Line":
        """A further recording of the same line."""
        told = {"audio": told} if isinstance(told, str) else told
        if not isinstance(told, dict):
            raise self.wrong(f'"clips" has {_shown(told)}, which is no recording')
        return Line(self.file, self.number, told)

    def wrong(self, why: str) -> BadManifest:
        return BadManifest(f"{self.file.name}, line {self.number}: {why}.")

    def _value(self, name: str, default: object = None) -> object:
        value = self.told.get(name, default)
        if value is None and default is None:
            how = "is null" if name in self.told else "is missing"
            raise self.wrong(f'wanted a JSON object with "audio" and "text", but "{name}" {how}')
        return default if value is None else value

    def _as_text(self, name: str, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            what_to_do = ": put it between quotes" if isinstance(value, bool | float) else ""
            raise self.wrong(f'"{name}" is text, not {_shown(value)}{what_to_do}')
        return value


def lines(file: Path) -> Iterator[Line]:
    """The lines of any file of JSON lines. Raises BadManifest."""
    try:
        for number, text in text_files.numbered_lines(file):
            yield Line(file, number, _parsed(text, number, file))
    except text_files.BadText as error:
        raise BadManifest(str(error)) from None


def _parsed(text: str, number: int, file: Path) -> dict:
    try:
        told = json.loads(text)
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()  # half a pair is no sign
    except (ValueError, RecursionError) as error:
        told = error
    if not isinstance(told, dict):
        why = f" ({told})" if isinstance(told, Exception) else f", not {_shown(told)}"
        raise BadManifest(
            f'{file.name}, line {number}: wanted a JSON object with "audio" and "text"{why}.'
        )
    return told


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _item(line: Line, root: Path) -> Item:
    further = map(line.part, line.several("clips"))
    line.text("language", "")
    return Item(
        sounds=tuple(_sound(one, root) for one in (line, *further)),
        text=line.text("text"),
        also=line.texts("texts"),
        task=line.text("task", "asr"),
        question=line.text("question", ""),
        before=line.texts("before"),
        told=line.told,
    )


def _sound(line: Line, root: Path) -> Sound:
    start, duration = line.number_of("start"), line.number_of("duration")
    file = line.path(root)
    return Sound(file) if start is None else Sound(file, start, duration)
