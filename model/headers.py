"""Headers of uncompressed files that state less or more than is there, as recorders leave that were
cut off: how such a file is to be read to its end, and how long it was meant to be. Knows wav, rf64,
w64, aiff, au, caf and mp4; of other files it has nothing to say.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from model import alac_packets, mp4_boxes

UNKNOWN = 0x7FFF_0000  # a 32-bit length from here on says that it was not known
MARGIN = 0.1  # seconds of sound behind the stated end that are sound, too, and no stray bytes
MOST_CHUNKS = 10_000
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_W64_FORMAT = b"fmt \xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@dataclass(frozen=True)
class Header:
    """What is to be known of a header; the defaults say that it is as it should be."""

    stated: float | None = None  # seconds promised, where more is promised than is there
    options: tuple[str, ...] = ()  # for ffmpeg, with which it reads to the end
    patches: tuple[tuple[int, bytes], ...] = ()  # at these places other bytes do that
    is_cut: bool = False  # less is there than is promised, of a form that tells no seconds


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    at: int  # of its content
    length: int  # of its content, as stated


@dataclass(frozen=True)
class _Form:
    """How chunks are written in a format."""

    start: int  # of the first
    name_bytes: int
    length: str  # of the length's number, for struct
    counts_head: bool = False  # the length counts name and length, too
    align: int = 2

    @property
    def head(self) -> int:
        return self.name_bytes + struct.calcsize(self.length)

    def chunks(self, file: IO[bytes], at: int, size: int) -> Iterator[_Chunk]:
        for _ in range(MOST_CHUNKS):
            file.seek(at)
            head = file.read(self.head)
            if len(head) < self.head:
                return
            length = struct.unpack(self.length, head[self.name_bytes :])[0]
            length -= self.head if self.counts_head else 0
            chunk = _Chunk(head[: self.name_bytes], at + self.head, length)
            yield chunk
            if length < 0 or chunk.at + length > size:
                return
            at = chunk.at + length + -length % self.align

    def is_end(self, file: IO[bytes], at: int, size: int) -> bool:
        """Whether there is nothing but whole chunks from here to the file's end."""
        for begin in {at, at + -at % self.align}:
            rest = list(self.chunks(file, begin, size))
            names = all(32 <= letter < 127 for chunk in rest for letter in chunk.name[:4])
            if names and (not rest or 0 <= rest[-1].length <= size - rest[-1].at + 1):
                return True
        return False


_RIFF = _Form(12, 4, "<I")
_AIFF = _Form(12, 4, ">I")
_CAF = _Form(8, 4, ">q", align=1)
_W64 = _Form(40, 16, "<q", counts_head=True, align=8)


def look(file: IO[bytes], size: int) -> Header:
    """At an open file of so many bytes; its position is anywhere afterwards."""
    file.seek(0)
    head = file.read(64)
    try:
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            return _riff(file, size)
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _aiff(file, size, head)
        if head[:4] == b".snd" and struct.unpack(">I", head[8:12])[0] == 0:
            return Header(patches=((8, b"\xff" * 4),))
        if head[:4] == b"caff":
            return _caf(file, size)
        if head[:4] == b"riff" and head[24:28] == b"wave":
            return _w64(file, size)
        if head[4:8] in mp4_boxes.FIRST:
            return Header(patches=mp4_boxes.patches(file, size))
    except struct.error:  # it ends within its header
        pass
    return Header()


def _states_less(form: _Form, file, data: _Chunk, size: int, rate: float) -> bool:
    """Whether the sound goes on behind the stated end of its chunk."""
    behind = size - data.at - data.length
    if data.length >= 0 and behind <= MARGIN * rate:
        return False
    return data.length < 0 or not form.is_end(file, data.at + data.length, size)


def _riff(file: IO[bytes], size: int) -> Header:
    rate, wide, wide_at = 0, 0, 0
    for chunk in _RIFF.chunks(file, _RIFF.start, size):
        if chunk.name == b"fmt ":
            file.seek(chunk.at + 8)
            rate = struct.unpack("<I", file.read(4))[0]  # bytes a second
        elif chunk.name == b"ds64":
            file.seek(chunk.at + 8)
            wide, wide_at = struct.unpack("<Q", file.read(8))[0], chunk.at + 8
        elif chunk.name == b"data":
            there = size - chunk.at
            if wide >= 1 << 62:
                return Header(patches=((wide_at, struct.pack("<Q", there)),))
            length = wide if wide and chunk.length == 0xFFFF_FFFF else chunk.length
            is_unknown = length == 0 or UNKNOWN <= chunk.length and length == chunk.length
            if is_unknown:
                return Header(options=("-ignore_length", "1"))
            if length > there:
                return Header(stated=length / rate if rate else None)
            data = _Chunk(b"data", chunk.at, length)
            if _states_less(_RIFF, file, data, size, rate):
                return Header(options=("-ignore_length", "1"))
    return Header()


def _aiff(file: IO[bytes], size: int, head: bytes) -> Header:
    patches, rate, frame, frames_at, frames = [], 0, 0, 0, 0
    if not size - 10 <= struct.unpack(">I", head[4:8])[0] <= size:
        patches.append((4, struct.pack(">I", min(size - 8, 0xFFFF_FFFF))))
    for chunk in _AIFF.chunks(file, _AIFF.start, size):
        if chunk.name == b"COMM":
            file.seek(chunk.at)
            n_channels, frames, bits, power, top = struct.unpack(">HIHHQ", file.read(18))
            hertz = top / 2**63 * 2.0 ** min(64, (power & 0x7FFF) - 16383)
            frame = n_channels * -(-bits // 8)
            rate, frames_at = hertz * frame, chunk.at + 2
        elif chunk.name == b"SSND":
            there = size - chunk.at
            if chunk.length <= 8 or _states_less(_AIFF, file, chunk, size, rate):
                patches.append((chunk.at - 4, struct.pack(">I", min(there, 0xFFFF_FFFF))))
            if frames >= UNKNOWN and frame:
                patches.append((frames_at, struct.pack(">I", (there - 8) // frame)))
            break
    return Header(patches=tuple(patches))


def _caf(file: IO[bytes], size: int) -> Header:
    rate, coding, frames, channels = 0.0, b"", 0, 0
    data, has_table = None, False
    for chunk in _CAF.chunks(file, _CAF.start, size):
        if chunk.name == b"desc":
            file.seek(chunk.at)
            about = struct.unpack(">d4sIIII", file.read(28))
            hertz, coding, _, packet, frames, channels = about
            rate = hertz * packet / frames if frames else 0.0
        elif chunk.name == b"pakt":
            has_table = chunk.at + chunk.length <= size
        elif chunk.name == b"data":
            data, there = chunk, size - chunk.at
            if rate and _states_less(_CAF, file, chunk, size, rate):
                return Header(patches=((chunk.at - 8, struct.pack(">q", there)),))
            if rate and there < chunk.length < UNKNOWN:
                return Header(stated=(chunk.length - 4) / rate)
    if coding == b"alac" and data is not None and not has_table:
        return _alac_without_table(file, size, data, channels, frames)
    return Header()


def _alac_without_table(
    file: IO[bytes], size: int, data: _Chunk, n_channels: int, n_frames: int
) -> Header:
    is_cut = not 0 <= data.length <= size - data.at
    end = size if is_cut else data.at + data.length
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        lengths = alac_packets.lengths(content, data.at + 4, end, n_channels)
    lengths = lengths[:-1] if is_cut else lengths  # the last is not whole
    if not lengths:
        return Header()
    length = 4 + sum(lengths)
    table = alac_packets.table(lengths, n_frames)
    stated = (data.at - 8, struct.pack(">q", length))
    return Header(patches=(stated, (data.at + length, table)), is_cut=True)


def _w64(file: IO[bytes], size: int) -> Header:
    rate = 0
    for chunk in _W64.chunks(file, _W64.start, size):
        if chunk.name == _W64_FORMAT:
            file.seek(chunk.at + 8)
            rate = struct.unpack("<I", file.read(4))[0]
        elif chunk.name == _W64_DATA:
            there = size - chunk.at
            is_unknown = chunk.length <= 0 or chunk.length >= 1 << 40
            if is_unknown or _states_less(_W64, file, chunk, size, rate):
                return Header(patches=((chunk.at - 8, struct.pack("<q", there + 24)),))
            if rate and there < chunk.length:
                return Header(stated=chunk.length / rate)
    return Header()
