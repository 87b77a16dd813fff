"""How a person likes to be heard on this machine: which microphone, how a question begins and ends.
Kept in a file beside the conversations, for the page and the terminal alike.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.utterance import Hearing
from model.errors import EarshotError

FILE = "microphone.json"
SPEAK, HOLD, TOGGLE = MODES = ("speak", "hold", "toggle")


class Senseless(EarshotError):
    """A setting that cannot be meant."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    device: str = ""  # its name; empty: as the system has chosen
    mode: str = SPEAK  # a question begins and ends with speech, while a key is held, or by a key …
    mode_on_page: str = TOGGLE  # … or a button
    sensitivity: float = 0.5
    silence: float = 0.8  # seconds that end a question

    def __post_init__(self):
        for mode in (self.mode, self.mode_on_page):
            if mode not in MODES:
                raise Senseless(f"The mode is one of {', '.join(MODES)}; got {mode}.")
        try:
            Hearing(sensitivity=self.sensitivity, silence=self.silence)
        except ValueError as error:
            raise Senseless(str(error)) from None

    def hearing(self, mode: str) -> Hearing | None:
        """What ends a question by itself; None where a key does."""
        told = Hearing(sensitivity=self.sensitivity, silence=self.silence)
        return told if mode == SPEAK else None


def load(data_folder: Path) -> Settings:
    """What was kept, as far as it makes sense."""
    try:
        kept = json.loads((Path(data_folder) / FILE).read_text(encoding="utf-8"))
        return Settings(**kept)
    except (OSError, TypeError, ValueError, Senseless):
        return Settings()


def save(data_folder: Path, settings: Settings) -> None:
    """A disk that refuses forgets the settings, and nothing else."""
    path = Path(data_folder) / FILE
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(asdict(settings)), encoding="utf-8")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)


def changed(settings: Settings, name: str, value: str) -> Settings:
    """With one setting as a person wrote it. Raises Senseless."""
    if name in ("sensitivity", "silence"):
        try:
            return replace(settings, **{name: float(value)})
        except ValueError:
            raise Senseless(f"{name} is a number; got {value}.") from None
    return replace(settings, **{name: value})
