"""Everything that is remembered as one ZIP, for another disk or machine, and such a ZIP as a folder
again. Nothing in it is ever unpacked by its name."""

import os
import re
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sessions import backup
from sessions.archive import UNREADABLE
from sessions.backup import CLIPS, DATABASE
from sessions.clips import SUFFIX, Clips
from sessions.errors import FULL, BadBundle, StoreTrouble, as_sentences
from sessions.zip_names import files_beside

CLIP = re.compile(rf"{CLIPS}/(?:[0-9a-f]{{2}}/)?([0-9a-f]{{32}}){re.escape(SUFFIX)}")


def write(folder: Path, file: Path) -> None:
    """What a store's folder remembers at this moment. Overwrites nothing."""
    if file.exists():
        raise StoreTrouble(f"{file} is there already: give another name.")
    part = file.with_name(file.name + ".part")
    try:
        with as_sentences(), backup.part(folder / backup.FOLDER) as scratch, part.open("wb") as out:
            backup.copy(folder / DATABASE, scratch / DATABASE)
            _fill(out, scratch / DATABASE, Clips(folder / CLIPS))
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _fill(out: BinaryIO, database: Path, clips: Clips) -> None:
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        archive.write(database, DATABASE, zipfile.ZIP_DEFLATED)
        for digest in backup.digests(database):
            with suppress(FileNotFoundError):  # known by name only, or deleted meanwhile
                archive.write(clips.path(digest), f"{CLIPS}/{digest}{SUFFIX}")


def unpack(file: Path, folder: Path) -> None:
    """Into an empty folder: the database, and clips where a store looks for them."""
    clips = Clips(folder / CLIPS)
    try:
        with as_sentences(), zipfile.ZipFile(file) as archive:
            files = files_beside(DATABASE, archive.infolist())
            if sum(info.file_size for info in files.values()) > shutil.disk_usage(folder).free:
                raise StoreTrouble(FULL)
            for name, info in files.items():
                path = _place(name, folder, clips)
                path.parent.mkdir(exist_ok=True)
                with archive.open(info) as packed, path.open("xb") as out:
                    shutil.copyfileobj(packed, out)
    except (*UNREADABLE, RuntimeError, FileExistsError) as error:  # encrypted; a name twice
        raise BadBundle(f"{file} is damaged: copy it again.") from error


def settle(folder: Path) -> Path:
    """The folder of a backup within one that was unpacked by hand: itself, or the only one in it
    that has a database."""
    if (folder / DATABASE).exists():
        return folder
    within = [path.parent for path in folder.glob(f"*/{DATABASE}")]
    return within[0] if len(within) == 1 else folder


def clip_in(folder: Path, digest: str) -> Path:
    """Where a backup's folder has a clip: as a store has it, or as `write` packed it."""
    flat = folder / CLIPS / (digest + SUFFIX)
    return flat if flat.exists() else Clips(folder / CLIPS).path(digest)


def _place(name: str, folder: Path, clips: Clips) -> Path:
    if name == DATABASE:
        return folder / DATABASE
    if match := CLIP.fullmatch(name):
        return clips.path(match[1])
    raise BadBundle("This ZIP file holds something that no backup has; nothing was restored.")
