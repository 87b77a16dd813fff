"""The lines of `Flight of the Amazon Queen`, out of the one file that is the whole game.

As read from the file itself, numbers big-endian, u16 and u32 unsigned, i16 signed:

    queen.1c    "QTBL", 9 bytes of version and compression, u16 n, and n entries of 21 bytes: name
                (12, padded with zeros), a byte, u32 offset, u32 size. Voices (.SB) are MP3.
    *.DOG       a conversation: 20 bytes, then a body. Body: i16 levels, u16, i16 key, i16 lines of
                Joe, i16 lines of the other; at 22, i16 offset of the other's lines. Joe's begin
                behind the levels, 96 bytes each, and a head of 32. A line: u16, u16 number, string.
    *.CUT       a scene: 20 bytes, then a body. Body: i16, i16, i16, i16, i16 offset of its strings,
                i16 offset of what comes after them.
    QUEEN2.JAS  texts, one a line: what Joe says of things, a few verbs, then his 40 refusals.

A string is a byte with its length, and its characters; where there are any, it is padded, to 4
bytes in a conversation and to 2 in a scene. Inside of it, marks like *FL or *24 order gestures and
pauses. The text between two marks is a segment, and each segment has a voice file of its own:

    KKNNNNJS.SB, KKNNNNPS.SB  line NNNN (hexadecimal), segment S, of Joe and of the other in the
                              conversation with key KK
    SSSS_NNG.SB               string NN, segment G, of the scene SSSS.CUT
    JOENNNNG.SB               refusals are lines 1 to 40 here, what is said of things comes after
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from model.training.games import Line

PACKAGE = "flight-of-the-amazon-queen"
_FILE = f"usr/share/scummvm/{PACKAGE}/queen.1c"
_HEAD = 20  # bytes before the body of a conversation or scene
_REFUSALS, _FIRST_REFUSAL = 40, "It doesn't seem to open*03"
_MARK = re.compile(r"\*(?:XY.\d+,\d+|XY.{9}|[A-Z]{2}|\d\d?)")
_HISS = 200
_GENDERS = {  # where the pitch of the voice leaves no doubt: median below 155 Hz, or above 195 Hz
    "m": "joe bob bud death frank henry ian jim john klunk".split(),
    "f": "faye lola naomi prin sec showeram tam".split(),
}
# What apes say, and those who try to talk to them
_GRUNTS = re.compile(r"\b(unga|ook|oop|grbbl|mrt)\b", re.I)


def lines(folder: Path) -> Iterator[Line]:
    """The lines of the unpacked package that have a voice."""
    files = unpacked((folder / _FILE).read_bytes())
    genders = {name: gender for gender, names in _GENDERS.items() for name in names}
    for voice, (speaker, text) in sorted(script(files).items()):
        if voice in files and speaker != "ape" and not _GRUNTS.search(text):
            named = f"queen-{speaker}" if speaker else None
            yield Line(text, files[voice], _HISS, named, genders.get(speaker))


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files inside of queen.1c."""
    assert data[:4] == b"QTBL", data[:4]
    (n,) = struct.unpack_from(">H", data, 13)
    entries = struct.iter_unpack(">12sBII", data[15 : 15 + 21 * n])
    return {
        name.split(b"\0")[0].decode("latin-1"): data[at : at + size]
        for name, _, at, size in entries
    }


def script(files: dict[str, bytes]) -> dict[str, tuple[str | None, str]]:
    """Of each voice file that may be there, who speaks (None: not known) and what."""
    spoken = {}
    for name, data in files.items():
        said = _SPOKEN.get(name.rpartition(".")[2], lambda *_: ())(name, data[_HEAD:])
        spoken |= _segments(said)
    return spoken | _segments(_remarks(files["QUEEN2.JAS"]))


# Each of these gives (a voice file's name up to its segment, speaker, string)


def _conversation(name: str, body: bytes) -> Iterator[tuple[str, str, str]]:
    levels, _, key, of_joe, of_other = struct.unpack_from(">5h", body)
    (others,) = struct.unpack_from(">h", body, 22)
    other = re.sub(r"\d*\.DOG", "", name).lower()
    for who, at, n in (("joe", 32 + 96 * abs(levels), of_joe), (other, others, of_other)):
        for _ in range(n):
            (number,) = struct.unpack_from(">H", body, at + 2)
            text, at = _string(body, at + 4, 4)
            if text:
                yield f"{key:02d}{number:04X}{'J' if who == 'joe' else 'P'}", who, text


def _scene(name: str, body: bytes) -> Iterator[tuple[str, None, str]]:
    at, end = struct.unpack_from(">2h", body, 8)
    for number in range(100):
        if at >= min(end, len(body)):
            break
        text, at = _string(body, at, 2)
        yield f"{name.removesuffix('.CUT'):_<5}{number:02d}", None, text


def _remarks(data: bytes) -> Iterator[tuple[str, str, str]]:
    texts = data.decode("latin-1").split("\r\n")
    first = texts.index(_FIRST_REFUSAL)
    said = texts[first : first + _REFUSALS] + texts[:first]
    for number, text in enumerate(said, 1):
        yield f"JOE{number:04d}", "joe", text


_SPOKEN = {"DOG": _conversation, "CUT": _scene}


def _string(body: bytes, at: int, align: int) -> tuple[str, int]:
    """The string at an offset, and the offset of what comes after it."""
    end = at + 1 + body[at]
    text = body[at + 1 : end].decode("latin-1")
    return text, end + -end % align if text else end


def _segments(said: Iterator[tuple[str, str | None, str]]) -> dict[str, tuple[str | None, str]]:
    return {
        f"{name}{number:X}.SB": (who, text)
        for name, who, string in said
        for number, text in enumerate(_MARK.split(string), 1)
        if text.strip()
    }
