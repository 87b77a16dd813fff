"""Recordings of phones that were never finished: mp4, m4a and 3gp files without their index (moov).

Without it nothing tells where a frame of sound begins, nor its rate. Frames of AAC follow one
another in a file that holds sound alone, and ffmpeg's decoder finds the next by itself where all of
them are one packet; frames of AMR state their lengths. What holds pictures too is not rescued.
"""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from model import decoder

RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
LIKELY = (44100, 22050, 16000, 8000)  # one of each group that ffmpeg cannot tell apart
MOST = 200_000_000  # bytes of sound, in one packet
TRIED = 60_000  # bytes on which rates are tried
AMR = {  # bytes of a frame by its kind
    b"#!AMR\n": (13, 14, 16, 18, 20, 21, 27, 32, 6),
    b"#!AMR-WB\n": (18, 24, 33, 37, 41, 47, 51, 59, 61, 6),
}
LEAST = 8_000  # bytes of 16-bit samples at 16 kHz: chance decodes less
CHECKED = 20  # frames of AMR


@contextmanager
def rescue(file: IO[bytes], size: int) -> Iterator[IO[bytes] | None]:
    """Another file that can be read, with the sound of this one; None where none can be found."""
    place = _sound(file, size)
    if place is None:
        yield None
        return
    file.seek(place[0])
    sound = file.read(min(place[1] - place[0], MOST))
    content = _as_amr(sound) or _as_aac(sound, _stated_rate(file, place[1], size))
    if content is None:
        yield None
        return
    with tempfile.TemporaryFile(buffering=0) as copy:
        copy.write(content)
        yield copy


def _sound(file: IO[bytes], size: int) -> tuple[int, int] | None:
    """Where the sound lies of a file that has no whole index, in bytes."""
    at, found = 0, None
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            length, head = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0], 16
        if at == 0 and kind not in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
            return None
        if kind == b"moov" and at + length <= size:
            return None
        if kind == b"mdat":
            end = at + length if head < length and at + length <= size else size
            found = found or (at + head, end)
        if length < head:
            break
        at += length
    return found


def _as_amr(sound: bytes) -> bytes | None:
    for head, lengths in AMR.items():
        at = 0
        for _ in range(CHECKED):
            kind = sound[at] >> 3 & 15 if at < len(sound) else 15
            if kind >= len(lengths) or sound[at] & 0x83:
                break
            at += lengths[kind]
        else:
            return head + sound
    return None


def _as_aac(sound: bytes, stated: int | None) -> bytes | None:
    """With the rate at which most of it can be decoded."""
    rates = [stated] if stated in RATES else LIKELY
    forms = [(rate, n_channels) for rate in rates for n_channels in (1, 2)]
    decoded = {form: _n_decoded(_matroska(sound[:TRIED], *form)) for form in forms}
    best = max(decoded, key=decoded.get)
    return _matroska(sound, *best) if decoded[best] >= LEAST else None


def _n_decoded(content: bytes) -> int:
    """Bytes of samples."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        file.seek(0)
        with decoder.started(file, len(content), decoder.mono(0)) as program:
            return sum(map(len, program.data()))


def _stated_rate(file: IO[bytes], start: int, size: int) -> int | None:
    """What is left of an index may state it."""
    file.seek(start)
    rest = file.read(min(size - start, 1 << 20))
    at = rest.find(b"mp4a")
    if at < 0 or at + 32 > len(rest):
        return None
    return struct.unpack(">H", rest[at + 28 : at + 30])[0]


def _matroska(sound: bytes, rate: int, n_channels: int) -> bytes:
    """A file of one track of AAC with one packet."""
    setup = struct.pack(">H", 2 << 11 | RATES.index(rate) << 7 | n_channels << 3)
    about = _element("b5", struct.pack(">d", rate)) + _element("9f", bytes([n_channels]))
    track = _element("d7", b"\1") + _element("73c5", b"\1") + _element("83", b"\2")
    track += _element("86", b"A_AAC") + _element("63a2", setup) + _element("e1", about)
    packet = _element("e7", b"\0") + _element("a3", b"\x81\0\0\x80" + sound)
    scale = _element("1549a966", _element("2ad7b1", struct.pack(">I", 1_000_000)))
    tracks = _element("1654ae6b", _element("ae", track))
    segment = _element("18538067", scale + tracks + _element("1f43b675", packet))
    return _element("1a45dfa3", _element("4282", b"matroska")) + segment


def _element(id: str, content: bytes) -> bytes:
    return bytes.fromhex(id) + (1 << 56 | len(content)).to_bytes(8, "big") + content
