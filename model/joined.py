"""Files that were put one after the other into one, as people join mp3s with cat or copy: where
each lies. Finds their heads alone; decodes nothing.
"""

import mmap
import re
from typing import IO

_ID3 = re.compile(rb"ID3[\x02-\x04][\x00-\x0a].[\x00-\x7f]{4}", re.S)  # before a file's sound …
_TAG = re.compile(rb"TAG[^\x01-\x1f\x7f]{90}", re.S)  # … and after it
_TAG_BYTES = 128
_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")

Places = list[tuple[int, int]]  # (start, end) of each, in bytes


def mp3s(file: IO[bytes], size: int) -> Places:
    """By the tags before or after their sound. Those without are no trouble to a decoder."""
    with _mapped(file) as content:
        starts = [found.start() for found in _ID3.finditer(content) if _is_head(content, found)]
        ends = [found.start() + _TAG_BYTES for found in _TAG.finditer(content)]
        starts += [end for end in ends if _is_frame(content[end : end + 2])]
    return _places(starts, size)


def flacs(file: IO[bytes], size: int) -> Places:
    with _mapped(file) as content:
        starts = [found.start() for found in _FLAC.finditer(content)]
    return _places(starts, size)


def _mapped(file: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _places(starts: list[int], size: int) -> Places:
    starts = sorted({0, *starts})
    return list(zip(starts, [*starts[1:], size], strict=True))


def _is_head(content: mmap.mmap, found: re.Match[bytes]) -> bool:
    """Whether sound follows: padding may stand between."""
    length = 0
    for byte in found[0][6:10]:
        length = length << 7 | byte
    behind = found.end() + length
    return _is_frame(content[behind : behind + 4096].lstrip(b"\0")[:2])


def _is_frame(head: bytes) -> bool:
    return len(head) == 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
