"""Recordings to begin with: each is one click, with a question that shows what Earshot is for."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app import assets


@dataclass(frozen=True)
class Example:
    key: str  # of its words in assets/i18n: example.KEY, and example.KEY.ask
    path: Path
    tasks: tuple[str, ...]  # rows of model/tasks.py: a model that was taught one can answer

    @property
    def is_here(self) -> bool:
        return self.path.exists()


SHOWN = 3  # at once
_SAMPLE = assets.FOLDER / "sample"
_ALL = (  # where they come from: assets/NOTICE.md
    Example("speech", _SAMPLE / "queue-youarenext.g722", ("transcribe",)),
    Example("animal", _SAMPLE / "cat.ogg", ("event",)),
    Example("instrument", _SAMPLE / "violin.ogg", ("instrument", "event")),
    Example("announcement", _SAMPLE / "ss-noservice.g722", ("transcribe",)),
    Example("conference", _SAMPLE / "confbridge-begin-glorious-a.g722", ("transcribe",)),
)
EXAMPLES = tuple(example for example in _ALL if example.is_here)


def fitting(tasks: Collection[str]) -> list[Example]:
    """The first of those that a model taught these tasks can say something about."""
    return [one for one in EXAMPLES if not set(tasks).isdisjoint(one.tasks)][:SHOWN]


def find(key: str) -> Example | None:
    return next((example for example in EXAMPLES if example.key == key), None)
