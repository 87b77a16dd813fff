"""Recordings to begin with: each is one click, with a question that shows what Earshot is for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from app import assets


@dataclass(frozen=True)
class Example:
    key: str  # of its words in assets/i18n: example.KEY
    path: Path
    asks: Mapping[str, str]  # a row of model/tasks.py that a model was taught: the question's key

    @property
    def is_here(self) -> bool:
        return self.path.exists()

    def ask(self, tasks: Collection[str]) -> str:
        """The key of a question for a model that was taught these; "" where none fits."""
        return next((key for task, key in self.asks.items() if task in tasks), "")


SHOWN = 3  # at once
_SAMPLE = assets.FOLDER / "sample"
_KIND = {"kind of sound": "task.kind_of_sound.ask"}
_FAMILY = {"instrument family": "task.instrument_family.ask"}
_ALL = (  # where they come from: assets/NOTICE.md
    Example("speech", _SAMPLE / "ss-noservice.g722", {"transcribe": "example.speech.ask"}),
    Example("animal", _SAMPLE / "cat.ogg", {"event": "example.animal.ask"} | _KIND),
    Example(
        "instrument",
        _SAMPLE / "guitar-chord.flac",
        dict.fromkeys(("instrument", "event"), "example.instrument.ask") | _FAMILY | _KIND,
    ),
    Example(
        "announcement",
        _SAMPLE / "queue-youarenext.g722",
        {"transcribe": "example.announcement.ask"},
    ),
    Example(
        "conference",
        _SAMPLE / "confbridge-begin-glorious-a.g722",
        {"transcribe": "example.conference.ask"},
    ),
)
EXAMPLES = tuple(example for example in _ALL if example.is_here)


def fitting(tasks: Collection[str]) -> list[Example]:
    """The first of those that a model taught these tasks can say something about."""
    return [one for one in EXAMPLES if one.ask(tasks)][:SHOWN]


def find(key: str) -> Example | None:
    return next((example for example in EXAMPLES if example.key == key), None)
