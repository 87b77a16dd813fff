"""A ZIP of conversations with their sound. Nothing in it is ever unpacked by its name."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from sessions import bundle
from sessions.clips import DIGEST, SUFFIX, Clips
from sessions.errors import BadBundle
from sessions.zip_names import files_beside

DOCUMENT, FOLDER = "conversations.json", "clips/"
LARGEST_CLIP = 500 * 10**6  # bytes; three hours of FLAC at 16 kHz are 200 MB
LARGEST = 16 * 10**9  # bytes of all
LARGEST_INDEX = 8 * 10**6  # bytes: 20,000 names with what is said about each
RATIO = 200  # by which a file may have been compressed; text of people shrinks to a fifth
SMALL = 10**6  # bytes that may be anything
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (  # what the reader raises, having believed what it read
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(ValueError, OverflowError),
)
ENCRYPTED = 1  # a flag of a file in it
TIME = (1980, 1, 1, 0, 0, 0)  # the same conversations make the same file


def write(text: str, digests: Iterable[str], clips: Clips, file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        about = zipfile.ZipInfo(DOCUMENT, TIME)
        about.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(about, text)
        for digest in digests:  # FLAC is small already
            if clips.path(digest).exists():
                name = FOLDER + digest + SUFFIX
                archive.writestr(zipfile.ZipInfo(name, TIME), clips.path(digest).read_bytes())


@contextmanager
def reading(file: BinaryIO) -> Iterator["Archive"]:
    with _damaged():
        if _index_size(file) > LARGEST_INDEX:
            raise BadBundle("This ZIP file lists more files than any export has.")
        archive = zipfile.ZipFile(file)
    with archive:
        yield Archive(archive)


@contextmanager
def _damaged() -> Iterator[None]:
    try:
        yield
    except (*UNREADABLE, OSError) as error:
        raise BadBundle("This ZIP file is damaged: download or export it again.") from error


class Archive:
    """One that was looked through, and holds what ours hold and nothing else."""

    def __init__(self, archive: zipfile.ZipFile):
        self._archive = archive
        if sum(info.file_size for info in archive.infolist()) > LARGEST:
            raise BadBundle(f"This ZIP file unpacks to more than {LARGEST // 10**9} GB.")
        self._files = files_beside(DOCUMENT, archive.infolist())
        for name, info in self._files.items():
            _check(name, info)
        if DOCUMENT not in self._files:
            raise BadBundle(f"This ZIP file holds no conversations: {DOCUMENT} is missing.")

    def document(self) -> bytes:
        return self._read(self._files[DOCUMENT])

    def sounds(self) -> Iterator[tuple[str, bytes]]:
        """Digest and sound of each clip, as the archive has them."""
        for name, info in self._files.items():
            if name != DOCUMENT:
                yield _digest(name), self._read(info)

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """No more than the size that was looked at: the reader stops there."""
        with _damaged():
            return self._archive.read(info)


def _index_size(file: BinaryIO) -> int:
    """Bytes of the list of files, as the end of the archive states it: it is read all at once."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - 22 - 76))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it has no end")
    large = tail[max(0, at - 76) : at]  # of archives with large numbers, this comes before
    if len(large) == 76 and large.startswith(b"PK\6\6"):
        return struct.unpack_from("<Q", large, 40)[0]
    return struct.unpack_from("<L", tail, at + 12)[0]


def _check(name: str, info: zipfile.ZipInfo) -> None:
    if name != DOCUMENT and not DIGEST.fullmatch(_digest(name)):
        shown = name.encode("ascii", "replace").decode()[:80]
        raise BadBundle(f"This ZIP file holds something that no export has: {shown!r}.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise BadBundle(f"In this ZIP file {name} is a link to elsewhere; it was not followed.")
    if info.flag_bits & ENCRYPTED:
        raise BadBundle("This ZIP file is locked with a password: unlock it first.")
    if info.compress_type not in METHODS:
        raise BadBundle("This ZIP file is compressed in a way Earshot does not read.")
    most = bundle.LARGEST if name == DOCUMENT else LARGEST_CLIP
    if info.file_size > max(SMALL, info.compress_size * RATIO) or info.file_size > most:
        raise BadBundle(f"In this ZIP file {name} unpacks to more than it should.")


def _digest(name: str) -> str:
    """Of a clip's name in an archive; empty for any other name."""
    is_clip = name.startswith(FOLDER) and name.endswith(SUFFIX)
    return name[len(FOLDER) : -len(SUFFIX)] if is_clip else ""
