"""Recordings of phones that were never finished: mp4 files without their index (moov)."""

from typing import IO


def rescue(file: IO[bytes], size: int) -> IO[bytes] | None:
    """What can be found of such a file, as another that can be read; None where nothing can."""
    return None
