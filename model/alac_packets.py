"""Where packets of Apple Lossless begin in a file that was cut off before it said so (caf keeps the
table of their lengths at its end). Decodes nothing.

A packet begins with the head of a channel element on a whole byte, and the one before it ends with
the three bits of an end tag and zeros up to the byte.
"""

import mmap
import re
import struct
from dataclasses import dataclass
from itertools import pairwise

LEAST = 12  # bytes of a packet
_HEAD = 12  # bytes that are looked at
_PATTERNS = {True: re.compile(rb" \0[\0-\x1f]"), False: re.compile(rb"\0\0[\0-\x1f]")}


def lengths(content: mmap.mmap, start: int, end: int, n_channels: int) -> list[int]:
    """Bytes of each packet from `start` to `end`. Empty where none begins there."""
    pattern = _PATTERNS[n_channels == 2]
    if not pattern.match(content, start, end):
        return []
    begins = [start]
    for found in pattern.finditer(content, start + LEAST, end):
        at = found.start()
        is_head = _is_head(content[at : at + _HEAD], content[start : start + _HEAD])
        if is_head and at - begins[-1] >= LEAST and _is_end(content[at - 2 : at]):
            begins.append(at)
    return [b - a for a, b in pairwise([*begins, end])]


def _is_head(head: bytes, first: bytes) -> bool:
    """Whether these bytes go on as a packet does whose first packet begins with those."""
    bits, known = (_Bits(int.from_bytes(one.ljust(_HEAD, b"\0"), "big")) for one in (head, first))
    if bits.has_no_compression:
        return bits.at(20, 2) == 0 and all(head[4:])  # noise, with no low bits kept apart
    is_alike = known.has_no_compression or (
        bits.at(20, 2) == known.at(20, 2) and bits.model(8, 3) == known.model(8, 3)
    )
    most = 16 if head[0] else 1  # of the two numbers by which channels are mixed
    return is_alike and max(bits.model(-16, 8), bits.model(-8, 8)) < most and not bits.model(0, 4)


@dataclass(frozen=True)
class _Bits:
    """The head of a packet as a number."""

    value: int

    def at(self, place: int, n: int) -> int:
        return self.value >> (8 * _HEAD - place - n) & ((1 << n) - 1)

    @property
    def has_no_compression(self) -> bool:
        return bool(self.at(22, 1))

    def model(self, place: int, n: int) -> int:
        """From where the predictor of the first channel is described."""
        return self.at((71 if self.at(19, 1) else 39) + place, n)  # 32 bits may state a length


def table(lengths: list[int], n_frames: int) -> bytes:
    """A caf file's chunk "pakt" of packets of these lengths, each of so many frames."""
    about = struct.pack(">qqii", len(lengths), len(lengths) * n_frames, 0, 0)
    body = about + b"".join(map(_number, lengths))
    return b"pakt" + struct.pack(">q", len(body)) + body


def _is_end(last: bytes) -> bool:
    bits = int.from_bytes(last, "big")
    n_zeros = (bits & -bits).bit_length() - 1
    return bits > 0 and n_zeros < 8 and bits >> n_zeros & 7 == 7


def _number(value: int) -> bytes:
    """Seven bits a byte; all but the last byte have the eighth."""
    parts = [value & 127]
    while value := value >> 7:
        parts.append(value & 127 | 128)
    return bytes(reversed(parts))
