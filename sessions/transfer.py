"""Conversations out into a file, and in from one that anybody may have made."""

import base64
import binascii
import io
import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from typing import BinaryIO

from sessions import archive, bundle, transcript, webpage
from sessions.errors import BadBundle, as_sentences
from sessions.records import Conversation, Whole
from sessions.store import Store
from sessions.webpage import EMBEDDED, Looks

SUFFIXES = {"markdown": ".md", "json": ".json", "zip": ".zip", "html": ".html"}
LARGEST_PAGE = 2 * 10**9  # bytes of an HTML file: its sound is in it
LARGEST_TAG = archive.LARGEST_CLIP // 3 * 4 + 1000  # a clip in base64
FLAC = b"fLaC"  # how its files begin
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how texts in it begin

CLIP = re.compile(rb'\bid="clip-([0-9a-f]{32})"')
SOUND = re.compile(rb'\bsrc="data:audio/flac;base64,([A-Za-z0-9+/=]*)"')
DOCUMENT = f'id="{EMBEDDED}"'.encode()

Check = Callable[[bytes], tuple[str, float]]  # a sound's true digest and seconds; refuses others


@dataclass(frozen=True)
class Taken:
    """What was imported."""

    conversations: tuple[Conversation, ...]
    missing: tuple[str, ...]  # digests of clips whose sound is neither in the file nor stored


def export(
    store: Store,
    given: Iterable[str | Whole],
    file: BinaryIO,
    kind: str,
    looks: Looks = Looks(),  # noqa: B008 (it is frozen)
) -> None:
    """Write conversations, by their ids or as they are given, as `markdown`, `json`, `zip` or
    `html`. All but Markdown, which is for reading, come back without loss; of JSON's clips only the
    names."""
    wholes = [one if isinstance(one, Whole) else store.whole(one) for one in given]
    with as_sentences():
        if kind == "markdown":
            gone = {d for d in _digests(wholes) if not store.clips.path(d).exists()}
            heard = looks.heard_as_markdown
            texts = (transcript.markdown(whole, looks.labels, gone, heard) for whole in wholes)
            file.write("\n".join(texts).encode())
        elif kind == "json":
            file.write(bundle.written(wholes).encode())
        elif kind == "zip":
            lost = {digest for whole in wholes for digest in transcript.damaged(whole.turns)}
            digests = [digest for digest in _digests(wholes) if digest not in lost]
            archive.write(bundle.written(wholes), digests, store.clips, file)
        else:
            assert kind == "html", kind
            webpage.write(wholes, bundle.written(wholes), store.clips, file, looks)


def _digests(wholes: Iterable[Whole]) -> list[str]:
    return list(dict.fromkeys(c.digest for one in wholes for t in one.turns for c in t.clips))


def take(store: Store, source: str | PathLike | bytes, check: Check) -> Taken:
    """Store the conversations of an exported file, under new ids. `check` says what a sound truly
    is, and what it raises passes through. Nothing but clips, which are forgotten when no turn uses
    them, is stored unless all of it is right."""
    with as_sentences(), _opened(source) as file:
        start = file.read(512)
        file.seek(0)
        if start.startswith(b"PK"):
            with archive.reading(file) as found:
                return _stored(store, found.document(), found.sounds(), check)
        if start.startswith(UTF_16):  # as PowerShell writes files
            return _stored(store, _as_utf_8(_read(file, bundle.LARGEST)), (), check)
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"{"):
            return _stored(store, _read(file, bundle.LARGEST), (), check)
        if text.startswith(b"<"):
            with _mapped(file) as page:
                return _stored(store, _document(page), _sounds(page), check)
    raise BadBundle(
        "This is no export of Earshot: choose a ZIP, HTML or JSON file. Markdown is for reading."
    )


def _stored(store: Store, document: bytes, sounds: Iterable, check: Check) -> Taken:
    wholes, clips = bundle.read(document.removeprefix(b"\xef\xbb\xbf"))
    used = set(_digests(wholes))
    if used != set(clips):
        raise BadBundle("This file is damaged: its list of recordings is not that of its turns.")
    true_seconds = dict(clips)
    brought = set()
    for digest, sound in sounds:
        if digest not in used or digest in brought:
            raise BadBundle("This file is damaged: it holds a recording twice, or without a turn.")
        true_seconds[digest] = _kept(store, digest, sound, check)
        brought.add(digest)
    missing = tuple(digest for digest in used - brought if not store.clips.path(digest).exists())
    return Taken(tuple(store.put(_timed(one, true_seconds) for one in wholes)), missing)


def _kept(store: Store, digest: str, sound: bytes, check: Check) -> float:
    if not sound.startswith(FLAC):
        raise BadBundle("This file is damaged: one of its recordings is no FLAC.")
    found, seconds = check(sound)
    if found != digest:
        raise BadBundle("This file is damaged: one of its recordings is not the one it names.")
    store.keep(digest, seconds, sound)
    return seconds


def _timed(whole: Whole, seconds: dict[str, float]) -> Whole:
    """With the lengths its clips truly have."""

    def of(part):
        return part if isinstance(part, str) else replace(part, seconds=seconds[part.digest])

    turns = (replace(turn, parts=tuple(map(of, turn.parts))) for turn in whole.turns)
    return replace(whole, turns=tuple(turns))


def _as_utf_8(content: bytes) -> bytes:
    try:
        return content.decode("utf-16").encode()
    except UnicodeError:
        raise BadBundle("This file is damaged: what it says cannot be read as JSON.") from None


# HTML


def _document(page: bytes | mmap.mmap) -> bytes:
    """The one script that is data. Read as bytes, not as HTML: a page may have 2 GB, nearly all of
    it in a few attributes, and nothing of it but this and its sounds is wanted."""
    found = [end for tag, end in _tags(page, b"<script") if DOCUMENT in tag]
    if len(found) == 1:
        stop = page.find(b"</script>", found[0])
        if 0 <= stop - found[0] <= bundle.LARGEST:
            return page[found[0] : stop]
    raise BadBundle("This page holds no conversations of Earshot.")


def _sounds(page: bytes | mmap.mmap) -> Iterator[tuple[str, bytes]]:
    for tag, _ in _tags(page, b"<audio"):
        clip, sound = CLIP.search(tag), SOUND.search(tag)
        if not (clip and sound):
            raise BadBundle("This file is damaged: one of its recordings cannot be read.")
        try:
            yield clip[1].decode(), base64.b64decode(sound[1], validate=True)
        except binascii.Error:
            raise BadBundle("This file is damaged: a recording's bytes are cut off.") from None


def _tags(page: bytes | mmap.mmap, name: bytes) -> Iterator[tuple[bytes, int]]:
    """The tags of a name, and where each ends. In ours no "<" stands within one, so that a page
    is gone through once."""
    end = 0
    while (at := page.find(name, end)) >= 0:
        end = page.find(b">", at) + 1
        tag = page[at : min(end or at, at + LARGEST_TAG)]
        if not tag.endswith(b">") or b"<" in tag[1:]:
            raise BadBundle("This file is damaged: one of its recordings cannot be read.")
        yield tag, end


# Files


@contextmanager
def _opened(source: str | PathLike | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield file


def _read(file: BinaryIO, most: int) -> bytes:
    content = file.read(most + 1)
    if len(content) > most:
        raise BadBundle(f"This file is larger than {most / 1e6:,.0f} MB: export fewer at a time.")
    return content


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[bytes | mmap.mmap]:
    """A large page without reading it into memory."""
    if isinstance(file, io.BytesIO):
        yield _read(file, LARGEST_PAGE)
        return
    if file.seek(0, io.SEEK_END) > LARGEST_PAGE:
        raise BadBundle(f"This file is larger than {LARGEST_PAGE / 1e9:.0f} GB.")
    with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as page:
        yield page
