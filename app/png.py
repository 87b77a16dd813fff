"""Shades as a PNG file. One colour over nothing, so that it is seen on any ground."""

import struct
import zlib

COLOUR = (47, 143, 127)  # a green that can be seen on light and on dark
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE, DEPTH = 3, 8  # colours by number, of 8 bits


def png(rows: list[bytes], colour: tuple[int, int, int] = COLOUR) -> bytes:
    """Rows of shades, the upper first: 0 lets the ground through, 255 is the colour."""
    size = struct.pack(">IIBBBBB", len(rows[0]), len(rows), DEPTH, PALETTE, 0, 0, 0)
    shades = zlib.compress(b"".join(b"\0" + row for row in rows), 9)  # each row: no filter
    chunks = [(b"IHDR", size), (b"PLTE", bytes(colour) * 256), (b"tRNS", bytes(range(256)))]
    return SIGNATURE + b"".join(
        _chunk(*one) for one in (*chunks, (b"IDAT", shades), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
