"""Recordings to begin with: each is one click, with a question that shows what Earshot is for."""

from dataclasses import dataclass
from pathlib import Path

from app import assets


@dataclass(frozen=True)
class Example:
    key: str  # of its words in assets/i18n: example.KEY, and example.KEY.ask
    path: Path

    @property
    def is_here(self) -> bool:
        return self.path.exists()


_ALL = (  # where they come from: assets/NOTICE.md
    Example("speech", assets.FOLDER / "sample" / "queue-youarenext.g722"),
    Example("bell", assets.FOLDER / "examples" / "bell.flac"),
    Example("guitar", assets.FOLDER / "examples" / "guitar.flac"),
)
EXAMPLES = tuple(example for example in _ALL if example.is_here)


def find(key: str) -> Example | None:
    return next((example for example in EXAMPLES if example.key == key), None)
