"""Over 500 files as somebody with bad intentions would give them, made from small real ones.

The same seed makes the same files. Nothing here runs or sends them: see benchmarks/hostile.py.
"""

import gzip
import io
import random
import struct
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.decoder import ffmpeg

SEED = 6
SECONDS = 1.5  # of each real file
DAY = 24 * 3600
HEADER = 600  # bytes in which most formats state their sizes
LIES = (0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x0FFF_FFF0)
REAL = {  # names of real files, and how they are made; {} of the sound 440 Hz
    "x.wav": "",
    "float.wav": "-c:a pcm_f32le",
    "x.w64": "",
    "x.flac": "",
    "x.mp3": "-b:a 64k",
    "plain.mp3": "-b:a 64k -write_xing 0 -id3v2_version 0",
    "x.ogg": "-c:a libvorbis",
    "x.opus": "-c:a libopus",
    "x.m4a": "",
    "start.m4a": "-movflags +faststart",
    "part.m4a": "-movflags +frag_keyframe+empty_moov",
    "x.webm": "-c:a libopus",
    "x.mka": "-c:a flac",
    "x.aac": "",
    "x.aiff": "",
    "x.caf": "",
    "x.au": "",
    "x.amr": "-ar 8000 -ac 1 -c:a libopencore_amrnb",
    "x.wma": "",
    "x.ac3": "",
    "x.wv": "",
    "x.tta": "",
    "x.g722": "-ar 16000 -ac 1",
    "x.mp4": "-f lavfi -i testsrc=s=64x64:r=5:d=1.5 -c:v mpeg4",
    "x.avi": "-f lavfi -i testsrc=s=64x64:r=5:d=1.5 -c:v mpeg4 -c:a mp3",
    "x.ts": "-c:a mp2",
}


@dataclass(frozen=True)
class Hostile:
    kind: str
    name: str  # as the browser would give it
    content: bytes


def corpus(seed: int = SEED) -> list[Hostile]:
    """All of them, some 120 MB."""
    real = made()
    spoilt = [one for make in SPOILERS for one in make(real, random.Random(seed))]
    return [*spoilt, *wrong_types(seed), *playlists(), *polyglots(real), *bombs(), *names(real)]


def made() -> dict[str, bytes]:
    """Small files as people have them, by name."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in REAL.items():
            path = Path(folder, name)
            sound = ["-f", "lavfi", "-i", f"sine=440:d={SECONDS}", *options.split()]
            plain = ["-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"]
            subprocess.run([ffmpeg(), "-v", "error", *sound, *plain, str(path)], check=True)
            files[name] = path.read_bytes()
    return files


# Spoilt: real files that were cut or changed


def truncated(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    for name, content in real.items():
        for length in (1, 13, 64, *(chance.randrange(65, len(content)) for _ in range(3))):
            yield Hostile("truncated", name, content[:length])


def flipped(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    for name, content in real.items():
        for share in (0.0005, 0.002, 0.01, 0.1):
            for most in (HEADER, len(content)):
                changed = bytearray(content)
                for _ in range(max(2, int(min(most, len(content)) * share))):
                    changed[chance.randrange(min(most, len(content)))] ^= 1 << chance.randrange(8)
                yield Hostile("bits flipped", name, bytes(changed))


def inserted(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    for name, content in real.items():
        for length in (1, 7, 5000):
            at = chance.randrange(len(content))
            yield Hostile(
                "bytes inserted", name, content[:at] + chance.randbytes(length) + content[at:]
            )


def zeroed(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    for name, content in real.items():
        for start in (4, chance.randrange(len(content))):
            length = chance.randrange(8, 2000)
            kept = content[:start] + bytes(length) + content[start + length :]
            yield Hostile("zeroed", name, kept[: len(content)])


def lying(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    """Sizes, counts, rates and lengths that are not so."""
    for name, content in real.items():
        for lie in LIES:
            changed = bytearray(content)
            at = chance.randrange(4, min(HEADER, len(content) - 4))
            struct.pack_into(chance.choice("<>") + "I", changed, at, lie)
            yield Hostile("lying header", name, bytes(changed))


def shuffled(real: dict[str, bytes], chance: random.Random) -> Iterator[Hostile]:
    """The beginning of one, the rest of another."""
    names = list(real)
    for name in names:
        other = real[chance.choice(names)]
        at = chance.randrange(8, 300)
        yield Hostile("two in one", name, real[name][:at] + other[at:])


SPOILERS = (truncated, flipped, inserted, zeroed, lying, shuffled)


# Others


def wrong_types(seed: int) -> Iterator[Hostile]:
    chance = random.Random(seed)
    html = b"<!doctype html><script>alert(1)</script><audio src=file:///etc/passwd>"
    elf = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + chance.randbytes(4000)
    svg = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;'
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12)
    )
    things = {
        "page.html": html,
        "page.wav": html,
        "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</JS(app.alert(1))>>endobj",
        "program.mp3": elf,
        "program.exe": b"MZ" + chance.randbytes(3000),
        "picture.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000),
        "picture.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF" + chance.randbytes(900),
        "picture.gif": b"GIF89a\xff\xff\xff\xff" + chance.randbytes(400),
        "picture.tif": b"II*\0\x08\0\0\0" + chance.randbytes(400),
        "picture.svg": svg,
        "laughs.xml": laughs + b"]><l>&a11;</l>",
        "base.sqlite": b"SQLite format 3\0" + chance.randbytes(4080),
        "list.json": b'{"audio": "file:///etc/passwd", "a": '
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}",
        "code.py": b"import os; os.system('id')\n",
        "shell.wav": b"#!/bin/sh\nid\n",
        "empty.wav": b"",
        "one.wav": b"R",
        "zeros.wav": bytes(100_000),
        "ones.mp3": b"\xff" * 100_000,
        "noise.wav": chance.randbytes(100_000),
        "noise.m4a": b"\0\0\0\x18ftypM4A " + chance.randbytes(50_000),
        "noise.ogg": b"OggS" + chance.randbytes(50_000),
        "noise.flac": b"fLaC" + chance.randbytes(50_000),
        "noise.mka": b"\x1a\x45\xdf\xa3" + chance.randbytes(50_000),
        "noise.wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + chance.randbytes(50_000),
        "noise.avi": b"RIFF\xff\xff\xff\xffAVI LIST" + chance.randbytes(50_000),
        "noise.aiff": b"FORM\x7f\xff\xff\xffAIFFCOMM" + chance.randbytes(50_000),
        "noise.amr": b"#!AMR\n" + chance.randbytes(50_000),
        "noise.g722": chance.randbytes(50_000),
        "notes.mid": b"MThd\0\0\0\6\0\1\xff\xff\0\x60" + chance.randbytes(900),
        "pickle.wav": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
        "tune.mod": chance.randbytes(1080) + b"M.K." + chance.randbytes(9000),
    }
    yield from (Hostile("wrong type", name, content) for name, content in things.items())


TARGETS = (
    "file:///etc/passwd",
    "/etc/passwd",
    "http://127.0.0.1:7860/earshot/export",
    "http://169.254.169.254/latest/meta-data/",
    "concat:/etc/passwd|/etc/hosts",
    "subfile,,start,0,end,99,,:/etc/passwd",
    "data:audio/wav;base64,UklGRg==",
    "fd:0",
    "pipe:0",
)
LISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
    "key.m3u8": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:2,\nx\n',
    "list.ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1"><BaseURL>{}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "songs.pls": "[playlist]\nFile1={}\nNumberOfEntries=1\n",
    "songs.asx": '<asx version="3.0"><entry><ref href="{}"/></entry></asx>',
}


def playlists() -> Iterator[Hostile]:
    for name, text in LISTS.items():
        for target in TARGETS[:4] if name != "hls.m3u8" else TARGETS:
            content = text.format(target).encode()
            yield Hostile("playlist", name, content)
        yield Hostile("playlist", f"hidden {name}.wav", content + b"\0")


def polyglots(real: dict[str, bytes]) -> Iterator[Hostile]:
    """Files that are two things at once."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("../../evil.py", "import os")
    script = b"<script>alert(1)</script>"
    title = b"TIT2" + struct.pack(">IH", len(script) + 1, 0) + b"\0" + script
    tagged = b"ID3\3\0\0" + bytes((0, 0, 0, len(title))) + title + real["plain.mp3"]
    playlist = LISTS["hls.m3u8"].format("file:///etc/passwd").encode()
    both = {
        "pdf.mp3": b"%PDF-1.4\n" + real["plain.mp3"],
        "zip.wav": real["x.wav"] + zipped.getvalue(),
        "zip.mp3": zipped.getvalue() + real["plain.mp3"],
        "html.mp3": tagged,
        "html.wav": real["x.wav"] + b"<html>" + script,
        "jpeg.mp3": b"\xff\xd8\xff\xe0\0\x10JFIF" + real["plain.mp3"],
        "gif.wav": b"GIF89a" + real["x.wav"],
        "elf.flac": real["x.flac"] + b"\x7fELF" + bytes(100),
        "list.mp3": playlist + real["plain.mp3"],
        "list.aac": real["x.aac"] + playlist,
        "wav.mp4": real["x.wav"][:44] + real["x.m4a"],
        "ogg.ogg": real["x.ogg"] + real["x.opus"],
        "many.ogg": real["x.ogg"] * 50,
        "many.mp3": real["x.mp3"] * 50,
    }
    yield from (Hostile("polyglot", name, content) for name, content in both.items())


def bombs() -> Iterator[Hostile]:
    """Small files that are days of sound, or gigabytes."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.wav", bytes(50_000_000))
    things: dict[str, Callable[[], bytes]] = {
        "days.flac": lambda: flac(3 * DAY, is_stated=True),
        "unstated.flac": lambda: flac(3 * DAY, is_stated=False),
        "wide.flac": lambda: flac(4 * 3600, is_stated=False, channels=8, rate=192_000),
        "days.opus": lambda: opus(DAY),
        "days.amr": lambda: b"#!AMR\n" + b"\x7c" * (50 * DAY),  # frames without data, of 20 ms
        "days.mp3": lambda: mp3(6 * 3600),
        "x.zip": zipped.getvalue,
        "x.wav": zipped.getvalue,
        "x.gz": lambda: gzip.compress(bytes(50_000_000), mtime=0),
        "zlib.mka": lambda: matroska(zlib.compress(bytes(50_000_000))),
        "rate.wav": lambda: wav(rate=0xFFFF_FFFF, channels=1),
        "slow.wav": lambda: wav(rate=1, channels=1),
        "channels.wav": lambda: wav(rate=8000, channels=0xFFFF),
        "silence.wav": lambda: wav(rate=8000, channels=1, length=50_000_000),
        "tags.mp3": lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(1_000_000),
    }
    yield from (Hostile("bomb", name, make()) for name, make in things.items())


DEVICES = ("CON", "NUL.wav", "COM1.mp3", "aux.flac")
NAMES = (
    "nul\0.wav",
    "line\nbreak.wav",
    "\r\nset-cookie: a=b.wav",
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "C:\\autoexec.bat",
    "file:///etc/passwd",
    "http://127.0.0.1/x.wav",
    "concat:a|b.wav",
    "-i",
    "-y.wav",
    "--help",
    "%00.wav",
    "%2e%2e%2fx.wav",
    "%s%n%d.wav",
    "{name}{0}.wav",
    "\u202egnp.wav",
    "\ufeff\u200b.wav",
    "a" * 10_000 + ".wav",
    "狗" * 3_000,
    "\ud83d.wav".encode("utf-8", "surrogatepass").decode("latin-1"),
    "<img src=x onerror=alert(1)>.wav",
    '"><script>alert(1)</script>.wav',
    "[x](javascript:alert(1)).wav",
    "'; drop table turns; --.wav",
    "$(id).wav",
    "`id`.wav",
    "|id",
    "",
    " ",
    ".",
    "..",
    *DEVICES,
)


def names(real: dict[str, bytes]) -> Iterator[Hostile]:
    yield from (Hostile("name", name, real["x.flac"]) for name in NAMES)


# By hand, since no program would write them


def flac(seconds: int, *, is_stated: bool, channels: int = 1, rate: int = 16_000) -> bytes:
    """Silence in frames of 65,535 samples, of 12 bytes and 3 for each channel."""
    block = 65_535
    count = seconds * rate // block
    total = count * block if is_stated else 0
    about = struct.pack(">HH", block, block) + bytes(6)
    about += (rate << 44 | (channels - 1) << 41 | 15 << 36 | total).to_bytes(8, "big") + bytes(16)
    kind = bytes((0x70 | {16_000: 5, 192_000: 3}[rate], (channels - 1) << 4 | 8))
    frames = (_frame(i, block, kind, channels) for i in range(count))
    return b"fLaC\x80\0\0\x22" + about + b"".join(frames)


def _frame(number: int, block: int, kind: bytes, channels: int) -> bytes:
    head = b"\xff\xf8" + kind + _utf8(number) + struct.pack(">H", block - 1)
    head += bytes((_crc(head, 0x07, 8),))
    body = head + bytes(3 * channels)  # subframes of one constant value, 0
    return body + struct.pack(">H", _crc(body, 0x8005, 16))


def _utf8(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x11_0000 else b"\0"


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value, top, mask = 0, 1 << (bits - 1), (1 << bits) - 1
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
    return value


def opus(seconds: int) -> bytes:
    """Packets of 2 bytes that stand for 120 ms without a sound. The pages' checksums are right."""
    head = b"OpusHead\1\1" + struct.pack("<HIhB", 0, 48_000, 0, 0)
    tags = b"OpusTags" + bytes(8)
    pages = [_page(0, 2, 0, [head]), _page(1, 0, 0, [tags])]
    packets = [b"\x1b\x02"] * 255
    for i in range(int(seconds / 0.12) // 255):
        pages.append(_page(i + 2, 0, (i + 1) * 255 * 5760, packets))
    return b"".join(pages)


def _page(number: int, flags: int, granule: int, packets: list[bytes]) -> bytes:
    lacing = bytes(map(len, packets))
    head = struct.pack("<4sBBqII", b"OggS", 0, flags, granule, 7, number)
    tail = bytes((len(lacing),)) + lacing + b"".join(packets)
    value = 0
    for byte in head + bytes(4) + tail:
        value = (value << 8 & 0xFFFF_FFFF) ^ _OGG[(value >> 24) ^ byte]
    return head + struct.pack("<I", value) + tail


def _ogg_entry(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ (0x04C1_1DB7 if value & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return value


_OGG = [_ogg_entry(byte) for byte in range(256)]


def mp3(seconds: int) -> bytes:
    """Frames of 72 ms and 72 bytes at 8 kHz, with no header that states their number."""
    frame = b"\xff\xe3\x18\xc4" + bytes(68)
    return frame * (seconds * 1000 // 72)


def wav(rate: int, channels: int, length: int = 64_000) -> bytes:
    width = channels * 2 & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * width & 0xFFFF_FFFF, width, 16)
    about = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", len(about) + length) + about + bytes(length)


def matroska(packed: bytes) -> bytes:
    """One block of samples that the file itself compresses."""

    def element(id: str, content: bytes) -> bytes:
        return bytes.fromhex(id) + (len(content) | 1 << 56).to_bytes(8, "big") + content

    compression = element("5034", element("4254", b"\0"))
    encoding = element("6d80", element("6240", compression))
    sound = element("e1", element("b5", struct.pack(">f", 8000)) + element("6264", b"\x10"))
    track = element("d7", b"\1") + element("73c5", b"\1") + element("83", b"\2")
    track += element("86", b"A_PCM/INT/LIT") + encoding + sound
    block = element("a3", b"\x81\0\0\x80" + packed)
    cluster = element("1f43b675", element("e7", b"\0") + block)
    segment = element("18538067", element("1654ae6b", element("ae", track)) + cluster)
    return element("1a45dfa3", element("4282", b"matroska")) + segment
