"""Files that cannot be heard: the sentence for each kind, which says what it is and what to do."""

import re
from pathlib import Path
from typing import NoReturn

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
    for cut_off in range(4):  # the last character may be only begun
        try:
            text = head[: len(head) - cut_off].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        return None if CONTROLS.search(text) else text
    return None


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
    if log.is_known:
        raise Empty(f"{name} has no audio track. Give a recording that has sound.")
    if "moov atom not found" in log.text:
        raise Truncated(
            f"{name} was cut off while being copied or recorded: its index, which stands at the "
            "end, is missing, and without it nothing of it can be read. Copy it again."
        )
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
