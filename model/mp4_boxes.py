"""Boxes of mp4, mov and 3gp files whose lengths are wrong, as recorders and copies leave them:
which bytes to put where, so that ffmpeg finds the index (moov) and reads it. Decodes nothing.
"""

import struct
from typing import IO

FIRST = {b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip"}  # boxes such a file begins with
_FILLERS = {b"mdat", b"wide", b"free", b"skip"}  # whose lengths may be mended
_OTHERS = FIRST | {b"moof", b"uuid", b"udta", b"meta", b"sidx", b"mfra", b"pnot", b"styp"}
MOST_BOXES = 10_000
MOST_ADDED = 1 << 20  # bytes at the end of an index that was cut off
_BLOCK = 1 << 20

Patches = tuple[tuple[int, bytes], ...]  # (place, bytes) each


def patches(file: IO[bytes], size: int) -> Patches:
    """None where all is well, where the index stands before the sound, or where there is none."""
    at = 0
    for _ in range(MOST_BOXES):
        kind, length, n_head = _box(file, at)
        if kind == b"moov":
            return _padded(file, at, length, size)
        if kind in _FILLERS and not _is_followed(file, at, length, size):
            index = _find_index(file, at + 8, size)
            if index is None or index - at > 0xFFFF_FFFF:
                return ()
            # a length of 32 bits will do where one of 64 stood: the sound's places are absolute
            right = (at, struct.pack(">I", index - at))
            return (right, *_padded(file, index, _box(file, index)[1], size))
        if length < n_head:
            return ()
        at += length
    return ()


def is_index_cut(file: IO[bytes], size: int) -> bool:
    """Whether the file ends within its index."""
    at = _find_index(file, 0, size)
    return at is not None and at + _box(file, at)[1] > size


def _box(file: IO[bytes], at: int) -> tuple[bytes, int, int]:
    """Kind, stated length, and length of the head. Raises struct.error at the file's end."""
    file.seek(at)
    head = file.read(16)
    length, kind = struct.unpack(">I4s", head[:8])
    if length == 1:
        return kind, struct.unpack(">Q", head[8:].ljust(8, b"\0"))[0], 16
    return kind, length, 8


def _is_followed(file: IO[bytes], at: int, length: int, size: int) -> bool:
    """Whether another box begins where this one is said to end."""
    if length < 8 or at + length > size - 8:
        return False
    return _box(file, at + length)[0] in _OTHERS


def _padded(file: IO[bytes], index: int, length: int, size: int) -> Patches:
    """Zeros for what is missing at the end of an index, where that is names and the like: not where
    the tables of a track were cut off."""
    n_missing = index + length - size
    if not 0 < n_missing <= MOST_ADDED:
        return ()
    at, has_track = index + 8, False
    while at < size - 8:
        kind, inner, n_head = _box(file, at)
        if at + inner > size and (kind in (b"trak", b"mvhd", b"mvex") or not has_track):
            return ()
        if inner < n_head:
            return ()
        has_track |= kind == b"trak"
        at += inner
    return ((size, bytes(n_missing)),) if has_track else ()


def _find_index(file: IO[bytes], at: int, size: int) -> int | None:
    """Where an index begins: its head, and that of its first box."""
    while at < size:
        file.seek(at)
        block = file.read(_BLOCK + 16)
        found = block.find(b"moov")
        while found >= 0:
            if found >= 4 and block[found + 8 : found + 12] == b"mvhd":
                return at + found - 4
            found = block.find(b"moov", found + 1)
        at += _BLOCK
    return None
