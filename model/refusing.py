"""Files that cannot be heard: the sentence for each kind, which says what it is and what to do."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from model import mp4_boxes
from model.errors import Empty, Mislabelled, TooLarge, Truncated, Unreadable
from model.ffmpeg_log import Log
from model.formats import BARE, HEADERLESS
from model.track import Source

SHORTEST = 0.1  # seconds
CONTENTS = {  # first bytes of what people drop by mistake
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a rar archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"MThd": "a MIDI file, notes without sound",
    b"MZ": "a Windows program",
    b"\x7fELF": "a program",
    b"SQLite format 3": "a database",
}
IMAGES = {b"WEBP": "a WebP image", b"heic": "a HEIC image", b"avif": "an AVIF image"}
PLAYLIST = re.compile(r"\s*(#EXTM3U|#EXTINF|ffconcat|\[playlist\]|<asx|<smil|<MPD|file ')", re.I)
MOSTLY_ASCII = 0.7  # of the characters of a text whose encoding nothing tells
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # never in text


def refuse_nothing(name: str, log: Log, seconds: float) -> None:
    """Raise where nothing came that can be heard."""
    if log.is_overdue:
        raise TooLarge(
            f"{name} takes longer to read than any recording of its size. "
            "Convert it to wav or mp3, and give that."
        )
    if seconds >= SHORTEST:
        return
    if log.is_protected:
        raise _protected(name)
    if log.refused_codec:
        raise Unreadable(
            f"The sound of {name} is coded as {log.refused_codec}, which Earshot does not decode. "
            "Convert it to wav or mp3."
        )
    if seconds == 0 and (log.status or log.has_lost):
        raise _damaged(name)
    if seconds == 0:
        raise Empty(f"{name} holds no sound: its audio track is empty. Record again.")
    raise Empty(
        f"{name} lasts {seconds:.3f} s; nothing can be heard in less than {SHORTEST} s. "
        "Record again."
    )


def refuse_other_content(head: bytes, name: str) -> None:
    """By its first bytes: extensions lie, and an mp3 named .wav is welcome."""
    what = next((what for first, what in CONTENTS.items() if head.startswith(first)), None)
    what = what or IMAGES.get(head[8:12])
    is_sound = head.startswith((b"#!AMR", b"!LAMR")) or suffix(name) in HEADERLESS
    if what is None and not is_sound and (text := _as_text(head)) is not None:
        what = "a playlist, a list of names" if PLAYLIST.match(text) else "text"
    if what:
        raise Mislabelled(f"{name} is not sound but {what}. Give the recording itself.")


def _as_text(head: bytes) -> str | None:
    """In UTF-8, in UTF-16 or UTF-32 with its mark, in UTF-16 without it if most of it is ASCII, or
    in Latin-1; None where that would be no text."""
    for encoding in _encodings(head):
        for n_cut in range(4):  # the last character may be only begun
            try:
                text = head[: len(head) - n_cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            if not CONTROLS.search(text):
                return text
            break
    return None


def _encodings(head: bytes) -> Iterator[str]:
    yield "utf-8-sig"
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        yield "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield "utf-16"
    for encoding, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if high.count(0) > MOSTLY_ASCII * len(high):
            yield encoding
    if sum(byte < 128 for byte in head) > MOSTLY_ASCII * len(head):
        yield "latin-1"


def refuse_trackless(source: Source, log: Log) -> NoReturn:
    """Why there is no track to hear."""
    name = source.name
    if log.is_overdue:
        raise TooLarge(
            f"{name} takes longer to read than any recording of its size. "
            "Convert it to wav or mp3, and give that."
        )
    if log.is_protected:
        raise _protected(name)
    is_mp4 = "mp4" in log.format.split(",")
    is_cut = is_mp4 and mp4_boxes.is_index_cut(source.file, source.size)
    if "moov atom not found" in log.text or is_cut:
        raise Truncated(
            f"{name} was cut off while being copied or recorded: its index, which stands at the "
            "end, is missing or incomplete, and without it nothing of it can be read. "
            "Copy it again."
        )
    if log.is_known:
        raise Empty(f"{name} has no audio track. Give a recording that has sound.")
    details = source.log(details=True)
    if details.refused_format:
        raise Unreadable(
            f"{name} is of the format {details.refused_format}, which Earshot does not read. "
            "Convert it to wav or mp3."
        )
    if details.likely_format:
        raise Unreadable(
            f"{name} begins like {details.likely_format}, but is damaged or cut off there. "
            "Copy it again or record again."
        )
    if suffix(name) in BARE:
        raise Unreadable(
            f"{name} holds samples without a header: nothing tells their rate and form. "
            "Convert it to wav, where that is known."
        )
    raise _damaged(name)


def _damaged(name: str) -> Unreadable:
    return Unreadable(
        f"{name} is damaged, or in a format that ffmpeg does not know. "
        "Copy it again, or convert it to wav or mp3."
    )


def _protected(name: str) -> Unreadable:
    return Unreadable(
        f"{name} is protected against copying: only the shop's own program can play it. "
        "Give a recording that is not."
    )


def suffix(name: str) -> str:
    return Path(name).suffix.lower()
