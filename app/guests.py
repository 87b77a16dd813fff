"""Who has come in: each guest a folder, with a note of who it is beside their conversations. Of the
token in their browser only a hash is kept. Opens no store."""

import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from app.chat import Refused
from sessions.errors import as_sentences

NOTE = "guest.json"
NAME_LENGTH = 40  # characters
GONE = ".gone-"  # how the name of a folder begins that is being deleted


@dataclass(frozen=True)
class Guest:
    id: str  # of 32 hexadecimal digits, as the folder is named
    name: str
    since: float  # when they first came …
    seen: float  # … and were last seen, in seconds since 1970
    token: str = ""  # a hash of it; empty: they left
    password: str = ""  # the mark of the one they came in by


class Guests:
    """All of them, by what their notes say. Safe from several threads of one process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()
        self._all = {guest.id: guest for guest in map(_read, _folders(folder))}
        self._noted = {id: guest.seen for id, guest in self._all.items()}  # seen, by the disk
        for left in folder.glob(GONE + "*"):
            shutil.rmtree(left, ignore_errors=True)

    def all(self) -> list[Guest]:
        """The latest first."""
        with self._lock:
            return sorted(self._all.values(), key=lambda guest: -guest.seen)

    def find(self, token: str, password: str) -> Guest | None:
        """Who has this token, and came in by the password with this mark."""
        hashed, now = _hashed(token), time.time()
        with self._lock:
            found = self._by_token(hashed) if token else None
            if found is None or found.password != password:
                return None
            found = self._all[found.id] = replace(found, seen=now)
        return found

    def note(self) -> None:
        """Write down who was seen since the last time: to be called now and then."""
        for guest in self.all():
            if guest.seen != self._noted.get(guest.id, guest.seen):
                with suppress(OSError):  # a full disk, or they were sent away meanwhile
                    self._write(guest)

    def enter(self, password: str, name: str, token: str, most: int) -> tuple[Guest, str]:
        """Somebody who knew the password, and the token their browser will show from now on. Who
        has been here before, by their earlier token, is the same guest."""
        fresh, now = secrets.token_urlsafe(32), time.time()
        name = " ".join(name.split())[:NAME_LENGTH]
        with self._lock:
            found = self._by_token(_hashed(token)) if token else None
            if found is None:
                if len(self._all) >= most:
                    raise Refused(
                        f"There are {most} guests already: ask the owner to let one more in."
                    )
                found = Guest(uuid4().hex, name, now, now)
            found = replace(found, name=name or found.name, seen=now)
            found = replace(found, token=_hashed(fresh), password=password)
            with as_sentences():
                (self.folder / found.id).mkdir(parents=True, exist_ok=True, mode=0o700)
                self._write(found)
            self._all[found.id] = found
        return found, fresh

    def knows(self, id: str) -> bool:
        return id in self._all

    def expel(self, id: str) -> None:
        """Their token opens nothing any more."""
        with self._lock:
            self._all.pop(id, None)
            self._noted.pop(id, None)

    def delete(self, id: str) -> None:
        """Everything that somebody left who was expelled, and whose place is closed."""
        assert not self.knows(id), id
        folder = self.folder / id
        gone = folder.with_name(GONE + id)  # at once; a crash in between leaves nothing in use
        with as_sentences(), suppress(FileNotFoundError):  # another thread may have done it
            os.replace(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

    def stale(self, days: float) -> list[str]:
        """Ids of those who were not seen for so many days."""
        before = time.time() - days * 24 * 3600
        return [guest.id for guest in self.all() if guest.seen < before]

    def _by_token(self, hashed: str) -> Guest | None:
        return next((one for one in self._all.values() if one.token == hashed), None)

    def _write(self, guest: Guest) -> None:
        folder = self.folder / guest.id
        part = folder / f"{NOTE}.{uuid4().hex}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(asdict(guest), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / NOTE)
        self._noted[guest.id] = guest.seen


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.glob("?" * 32) if path.is_dir()]


def _read(folder: Path) -> Guest:
    """A note that cannot be read is of somebody who left: what they left can be deleted."""
    try:
        guest = Guest(**json.loads((folder / NOTE).read_text(encoding="utf-8")))
        if guest.id == folder.name:
            return guest
    except (OSError, ValueError, TypeError):
        pass
    at = folder.stat().st_mtime
    return Guest(folder.name, "", at, at)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
