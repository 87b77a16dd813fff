"""The password of guests: checked slowly, at equal speed, and not often. Where it comes from is not
decided here."""

import hashlib
import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from pathlib import Path

from app.chat import Refused

COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}  # scrypt: 16 MB and about 50 ms a guess
LONGEST = 256  # characters that are looked at
FREE = 5  # wrong ones of an address that cost nothing; then 1, 2, 4 … seconds …
MOST_SECONDS = 60.0  # … up to this
FORGIVEN = 15 * 60  # seconds after which an address has made no mistake
FREE_OF_ALL = 60  # the same for all addresses together: a link's guests all have the tunnel's
MOST_OF_ALL = 2.0
REMEMBERED = 10_000  # addresses
SALT = "salt"  # a file: with it a password has the same mark after a restart


class Password:
    """One, as nobody could read it."""

    def __init__(self, text: str, salt: bytes):
        self._salt, self._key = salt, _slow(text, salt)
        self.mark = hashlib.sha256(self._key).hexdigest()  # stored with who came in by it

    def is_right(self, text: str) -> bool:
        return secrets.compare_digest(_slow(text, self._salt), self._key)


def _slow(text: str, salt: bytes) -> bytes:
    clean = unicodedata.normalize("NFC", text[:LONGEST]).strip()
    return hashlib.scrypt(clean.encode("utf-8", "replace"), salt=salt, **COST)


def salt(folder: Path | None) -> bytes:
    """That of a folder, made when it is first asked for."""
    if folder is None:
        return secrets.token_bytes(16)
    path = folder / SALT
    if not path.exists() or not path.stat().st_size:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(16))
    return path.read_bytes()


class Patience:
    """How long must be waited after wrong guesses: by who guesses, and by everybody."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, until when
        self._lock = threading.Lock()

    def ask(self, address: str) -> None:
        """Before a guess is looked at; it counts as wrong until `forgive`, so that many at once are
        as many. Refuses with the seconds that are left."""
        with self._lock:
            now = self._clock()
            left = max(self._until(name) for name in (address, "")) - now
            if left > 0:
                raise Refused(f"Too many wrong passwords: try again in {int(left) + 1} seconds.")
            self._count(address, now, FREE, MOST_SECONDS)
            self._count("", now, FREE_OF_ALL, MOST_OF_ALL)

    def forgive(self, address: str) -> None:
        """The guess was right."""
        with self._lock:
            self._wrong.pop(address, None)
            if "" in self._wrong:
                many, until = self._wrong[""]
                self._wrong[""] = max(0, many - 1), until

    def _until(self, name: str) -> float:
        many, until = self._wrong.get(name, (0, 0.0))
        if many and self._clock() > until + FORGIVEN:
            del self._wrong[name]
        return until

    def _count(self, name: str, now: float, free: int, most: float) -> None:
        many = self._wrong.get(name, (0, 0.0))[0] + 1
        wait = min(most, 2.0 ** min(many - free - 1, 10)) if many > free else 0.0
        self._wrong[name] = many, now + wait
        self._wrong.move_to_end(name)
        while len(self._wrong) > REMEMBERED:
            oldest = next(one for one in self._wrong if one)
            del self._wrong[oldest]
