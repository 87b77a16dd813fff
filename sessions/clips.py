"""Sound files by digest, beside the database. Given bytes; never decodes them.

Which of them are still wanted is the store's knowledge: it counts the turns that use each.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".flac"
DIGEST = re.compile(r"[0-9a-f]{32}")


class Clips:
    """A folder of sounds. A file is there whole or not at all."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):  # a digest may come from an address: it names no path
            raise ValueError(f"a digest is 32 hexadecimal digits; got {digest!r}")
        return self.folder / digest[:2] / (digest + SUFFIX)

    def write(self, digest: str, sound: bytes) -> None:
        """Put the sound on the disk, then give it its name: a crash leaves no half file."""
        path = self.path(digest)
        if path.exists():  # same digest, same sound
            return
        path.parent.mkdir(exist_ok=True)
        handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(sound)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        return (path.stem for path in self.folder.glob("??/*" + SUFFIX))
