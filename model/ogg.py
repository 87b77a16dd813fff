"""Ogg files as they come out of streams: several one after the other, or without an end. Reads
pages' heads alone; decodes nothing.
"""

from typing import IO

_HEAD = 27  # bytes of a page before its table of lengths
_BEGINS, _ENDS = 2, 4  # flags of a page
_TAIL = 1 << 17  # bytes in which the last page begins, which has 65 kB at most


def links(file: IO[bytes], size: int) -> list[tuple[int, int]]:
    """(start, end) of each stream of a chain, in bytes. What is no page is stepped over."""
    starts, at, is_beginning = [], 0, False
    while at < size:
        page = _page(file, at)
        if page is None:
            at = _next(file, at + 1, size)
            continue
        flags, length = page
        if flags & _BEGINS and not is_beginning:
            starts.append(at)
        is_beginning = bool(flags & _BEGINS)
        at += length
    return list(zip(starts, [*starts[1:], size], strict=True))


def is_ended(file: IO[bytes], size: int) -> bool:
    """Whether the last page is whole and says that it is the last."""
    begin = max(0, size - _TAIL)
    file.seek(begin)
    tail = file.read(_TAIL)
    at = tail.rfind(b"OggS")
    page = _page(file, begin + at) if at >= 0 else None
    return page is not None and bool(page[0] & _ENDS) and begin + at + page[1] <= size


def _page(file: IO[bytes], at: int) -> tuple[int, int] | None:
    """Flags and length of the page that begins here."""
    file.seek(at)
    head = file.read(_HEAD + 255)
    if len(head) < _HEAD or not head.startswith(b"OggS"):
        return None
    n = head[26]
    return head[5], _HEAD + n + sum(head[_HEAD : _HEAD + n])


def _next(file: IO[bytes], at: int, size: int) -> int:
    while at < size:
        file.seek(at)
        block = file.read(1 << 16)
        found = block.find(b"OggS")
        if found >= 0:
            return at + found
        at += max(1, len(block) - 3)
    return size
