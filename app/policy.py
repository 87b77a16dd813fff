"""What guests may do, and how much of it: read from a small file, refused with a sentence. The
owner may everything."""

import math
import threading
import time
import tomllib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from app.chat import Refused
from model.audio import Limits
from model.errors import EarshotError
from model.text_files import read_text
from sessions.records import Conversation, Whole
from sessions.store import Store

FILE = "guests.toml"  # in the data folder
HOUR, MINUTE, MB = 3600.0, 60.0, 10**6
RECORDED = 2 * 48_000  # bytes a second of what a browser records: 16 bits, at most at 48 kHz
WRITTEN = """\
# What guests may do here. Read when Earshot starts; what is left out is as shown.

upload = {upload}              # attach files, and take in exported conversations
microphone = {microphone}          # record with the microphone of their own browser
sampling = {sampling}            # change how words are chosen
model = {model}              # change the model that answers, for everybody
minutes_a_clip = {minutes_a_clip}        # of sound in one recording
minutes_of_sound = {minutes_of_sound}      # in all that a guest keeps
messages_an_hour = {messages_an_hour}      # of one guest
disk_mb = {disk_mb}              # of one guest
keep_days = {keep_days}              # after a guest was last seen, all that is theirs is deleted
owner_first = {owner_first}         # the owner's questions go before those of guests
most_guests = {most_guests}
"""


class BadPolicy(EarshotError):
    """The file is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one guest may do."""

    upload: bool = True
    microphone: bool = True
    sampling: bool = True
    model: bool = False
    minutes_a_clip: float = 10
    minutes_of_sound: float = 60
    messages_an_hour: float = 60
    disk_mb: float = 200
    keep_days: float = 7
    owner_first: bool = True
    most_guests: float = 50

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) != (field.type is bool) or not isinstance(
                value, bool | int | float
            ):
                raise BadPolicy(f"{FILE}: {field.name} cannot be {value!r}.")
            if not isinstance(value, bool) and not value > 0:
                raise BadPolicy(f"{FILE}: {field.name} is more than 0; got {value}.")

    @property
    def denied(self) -> tuple[str, ...]:
        """Names of what is not allowed at all, for the page to hide."""
        names = ("upload", "microphone", "sampling", "model")
        return tuple(name for name in names if not getattr(self, name))

    @property
    def longest_recording(self) -> float:
        """Seconds that a guest's browser may record at a time, for the page to end it there."""
        minutes = min(self.minutes_a_clip, self.minutes_of_sound)
        return min(minutes * MINUTE, self.disk_mb * MB / RECORDED)


UNLIMITED = Policy(
    model=True,
    minutes_a_clip=math.inf,
    minutes_of_sound=math.inf,
    messages_an_hour=math.inf,
    disk_mb=math.inf,
    keep_days=math.inf,
)


def load(folder: Path) -> Policy:
    """That of a data folder; the usual one where it has none."""
    path = folder / FILE
    if not path.exists():
        return Policy()
    try:
        told = tomllib.loads(read_text(path).replace("\r\n", "\n"))
    except (OSError, ValueError) as error:
        raise BadPolicy(f"{FILE} cannot be read: {error}.") from error
    if unknown := set(told) - {field.name for field in fields(Policy)}:
        raise BadPolicy(f"{FILE}: nothing is called {', '.join(sorted(unknown))}.")
    return Policy(**told)


def write(folder: Path) -> Path:
    """The usual one into a file that can be changed, unless there is one."""
    path = folder / FILE
    if not path.exists():
        usual = {field.name: _toml(field.default) for field in fields(Policy)}
        path.write_text(WRITTEN.format(**usual), encoding="utf-8")
    return path


def _toml(value: bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


class Allowance:
    """What one visitor has used of what they may."""

    def __init__(self, policy: Policy, clock=time.time):
        self.policy = policy
        self._clock = clock
        self._asked: deque[float] = deque()  # when, within the last hour
        self._lock = threading.Lock()

    def limits(self, usual: Limits) -> Limits:
        """Of one recording that comes in."""
        seconds = min(usual.seconds, self.policy.minutes_a_clip * MINUTE)
        return Limits(seconds=seconds, size=int(min(usual.size, self.policy.disk_mb * MB)))

    def attach(self, is_recorded: bool) -> None:
        """Before a recording comes in, as a file or from the microphone. Only the browser knows
        which it is: what may come neither way is refused whatever it says."""
        if not (self.policy.microphone if is_recorded else self.policy.upload):
            if self.policy.upload:
                raise Refused("Guests may not record here: attach a file instead.")
            if self.policy.microphone:
                raise Refused("Guests may not attach files here: record something instead.")
            raise Refused("Guests may not attach recordings here: ask the owner of this Earshot.")

    def tune(self) -> None:
        """Before sampling is changed."""
        if not self.policy.sampling:
            raise Refused("Guests may not change how words are chosen here.")

    def change_model(self) -> None:
        if not self.policy.model:
            raise Refused("Only who runs Earshot on this machine may change its model.")

    def ask(self) -> None:
        """Before an answer begins, which counts."""
        now, most = self._clock(), self.policy.messages_an_hour
        with self._lock:
            while self._asked and self._asked[0] <= now - HOUR:
                self._asked.popleft()
            if len(self._asked) >= most:
                minutes = math.ceil((self._asked[0] + HOUR - now) / MINUTE)
                raise Refused(
                    f"Guests may send {most:g} messages an hour here: go on in {minutes} minutes."
                )
            if most < math.inf:
                self._asked.append(now)

    def keep(self, seconds: float, size: int) -> None:
        """Before a sound is stored, which would make so many seconds and bytes in all."""
        if seconds > self.policy.minutes_of_sound * MINUTE:
            raise Refused(
                f"Guests may keep {self.policy.minutes_of_sound:g} minutes of sound here, and this "
                "would be more: delete some of your conversations for good, in the settings."
            )
        if size > self.policy.disk_mb * MB:
            raise Refused(
                f"Guests may use {self.policy.disk_mb:g} MB here, and this would be more: delete "
                "some of your conversations for good, in the settings."
            )


class GuestStore(Store):
    """A store that takes no more than a guest may keep, whichever way it comes. What makes it
    smaller is always taken."""

    def __init__(self, folder: Path, allowance: Allowance):
        self._allowance = allowance
        self._keeping = threading.Lock()
        super().__init__(folder)

    def keep(self, digest: str, seconds: float, sound: bytes) -> None:
        with self._keeping:
            if not self.clips.path(digest).exists():
                self._allowance.keep(self.seconds() + seconds, self.size() + len(sound))
            super().keep(digest, seconds, sound)

    def may_ask(self) -> None:
        """Refuses an answer that is not to begin."""
        self._fits()
        self._allowance.ask()

    def start(self, *told, **settings) -> Conversation:
        self._fits()
        return super().start(*told, **settings)

    def change(self, id: str, **settings) -> Conversation:
        self._fits()
        return super().change(id, **settings)

    def put(self, wholes: Iterable[Whole]) -> list[Conversation]:
        self._fits()
        return super().put(wholes)

    def _fits(self) -> None:
        self._allowance.keep(0.0, self.size())

    def seconds(self) -> float:
        """Of sound that is stored."""
        with self._reading() as db:
            return db.execute("select total(seconds) from clips").fetchone()[0]

    def size(self) -> int:
        """Bytes of the folder."""
        return size(self.folder)


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(_size(file) for file in folder.rglob("*"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # gone meanwhile
        return 0
