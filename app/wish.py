"""How the page is to be shared, as the command line and the page ask for it. Shares nothing."""

import re
from dataclasses import dataclass, field

NONE, LAN, LINK = WAYS = "none", "lan", "link"
PASSWORD = "EARSHOT_PASSWORD"  # in the environment, where no list of processes shows it
SHORTEST = 8  # characters of a password
LASTS = re.compile(r"(\d+(?:\.\d+)?)\s*([mhd])")
UNITS = {"m": 60, "h": 3600, "d": 86400}  # seconds
LONGEST = 365 * UNITS["d"]
SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/]+):(\d{1,5})")


@dataclass(frozen=True)
class Server:
    """Where tunnels end in the internet."""

    host: str
    port: int
    authority: str = ""  # PEM of who vouches for it, where it speaks TLS

    @classmethod
    def of(cls, words: str) -> "Server":
        """From HOST:PORT."""
        found = SERVER.fullmatch(words)
        if not found or not 0 < int(found[2]) < 65536:
            raise ValueError(f"a share server is HOST:PORT, as in example.org:7000; got {words!r}")
        return cls(found[1].strip("[]"), int(found[2]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How to share. Without a password one is made."""

    how: str = NONE
    server: str = ""  # HOST:PORT of an FRP server of one's own
    seconds: float | None = None  # until it ends by itself
    password: str = field(default="", repr=False)
    https: bool = False  # with a certificate of our own

    def __post_init__(self):
        if self.how not in WAYS:
            raise ValueError(f"sharing is one of {', '.join(WAYS)}; got {self.how!r}")
        if self.password and len(self.password) < SHORTEST:
            raise ValueError(f"a password has at least {SHORTEST} characters")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST:
            raise ValueError(f"sharing lasts up to a year; got {self.seconds:g} seconds")
        if self.server:
            Server.of(self.server)


def seconds_of(words: str) -> float:
    """Of 90m, 2h or 1d."""
    found = LASTS.fullmatch(words.strip().lower())
    if not found:
        raise ValueError(f"how long is 90m, 2h or 1d; got {words!r}")
    return float(found[1]) * UNITS[found[2]]
