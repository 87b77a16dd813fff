"""Sharing the page: with this network or by a link, with which password, until when. What visitors
may do is not decided here (policy.py), nor who they are (door.py).
"""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from app import certificate, network, tunnel
from app.chat import OURS
from app.door import Entrance, Gate
from app.owner import HOME
from app.porch import Porch
from app.wish import LAN, LINK, Server, Wish
from model.errors import EarshotError

OFF, OPENING, ON = "off", "opening", "on"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
LOOK = 1.0  # seconds between two looks at the time and the tunnel
SEEN = 20.0  # seconds since a guest's last request: their page asks every three while it is seen
GRACE = 60.0  # seconds in which those who were on are told that it is over
BROKEN = "The tunnel is closed: the share server or the network is gone. Share again."

log = logging.getLogger(__name__)


class NotShared(EarshotError):
    """Sharing does not begin; the sentence says why."""


def made_password() -> str:
    """Three groups of four letters and digits: 59 bits, and a person can read them out."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


@dataclass(frozen=True)
class Shared:
    how: str
    address: str
    password: str = field(repr=False)
    until: float | None = None  # seconds since 1970
    fingerprint: str = ""  # of the certificate of our own, where there is one


class Sharing:
    """One way at a time. Begun and ended from the command line and from the page alike."""

    def __init__(self, gate: Gate, folder: Path, port: int, wish: Wish | None = None):
        self.wish = wish or Wish()
        self._gate, self._folder, self._port = gate, folder, port
        self._app: ASGIApp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing = threading.RLock()
        self._open: list[Porch | tunnel.Tunnel] = []  # to be closed, last first
        self._wanted = threading.Event()  # set once this sharing is to end
        self.state, self.trouble = OFF, ""
        self.shared: Shared | None = None

    @property
    def n_on(self) -> int:
        """How many guests are on."""
        if self._gate.guests is None or self.state != ON:
            return 0
        since = time.time() - SEEN
        return sum(guest.seen > since for guest in self._gate.guests.all())

    @property
    def address(self) -> str:
        """By which others reach this page; empty while they do not."""
        shared = self.shared
        return shared.address if shared else ""

    @asynccontextmanager
    async def running(self, app: ASGIApp) -> AsyncIterator[None]:
        """What is shared, for as long as it runs: its lifespan."""
        self._app, self._loop = app, asyncio.get_running_loop()
        yield

    def begin(self, wish: Wish) -> Shared:
        """Returns once visitors can come. What goes wrong is kept as `trouble` and raised."""
        with self._changing:
            if self.state != OFF:
                raise NotShared("Earshot is shared already: end that first.")
            self._close()
            self.state, self.trouble = OPENING, ""
        try:
            shared = self._begun(wish)
            self._gate.share(shared.password)
        except Exception as error:
            self._close()
            self.state = OFF
            self.trouble = str(error) if isinstance(error, EarshotError) else OURS
            raise
        self.shared, self.state, self._wanted = shared, ON, threading.Event()
        threading.Thread(target=self._watch, args=(shared, self._wanted), daemon=True).start()
        return shared

    def begin_soon(self, wish: Wish) -> None:
        """`begin`, which may take a while, without waiting."""
        if self.state != OFF:
            raise NotShared("Earshot is shared already: end that first.")

        def run() -> None:
            try:
                self.begin(wish)
            except EarshotError:  # kept as `trouble`
                pass
            except Exception:
                log.exception("Sharing could not begin")

        threading.Thread(target=run, daemon=True).start()

    def end(self, trouble: str = "") -> None:
        """From now on nobody but the owner; those who are on are told for a minute."""
        with self._changing:
            if self.state != ON:
                return
            self._gate.end()
            self.shared, self.state, self.trouble = None, OFF, trouble
            for one in self._open:
                if isinstance(one, Porch):
                    one.shut()
            self._wanted.set()

    def close(self) -> None:
        self.end()
        self._close()

    def _begun(self, wish: Wish) -> Shared:
        assert self._loop is not None, "nothing to share yet"
        password = wish.password or made_password()
        until = time.time() + wish.seconds if wish.seconds else None
        ways = {LAN: self._on_lan, LINK: self._by_link}
        address, fingerprint = ways[wish.how](wish)
        return Shared(wish.how, address, password, until, fingerprint)

    def _on_lan(self, wish: Wish) -> tuple[str, str]:
        addresses = network.addresses()
        if not addresses:
            raise NotShared("This machine is in no network: connect it, or share with a link.")
        names = (*addresses, *network.names(), *(name for name in HOME if name != "[::1]"))
        own = certificate.of(self._folder, names) if wish.https else None
        porch = self._porch("0.0.0.0", own, self._port + 1)
        porch.let_in(Entrance(may_be_owner=False, is_https=wish.https, hosts=names))
        scheme = "https" if own else "http"
        return f"{scheme}://{addresses[0]}:{porch.port}/", own.fingerprint if own else ""

    def _by_link(self, wish: Wish) -> tuple[str, str]:
        host = Server.of(wish.server).host if wish.server else ""
        own = certificate.of(self._folder, [host, "localhost"]) if wish.https and host else None
        porch = self._porch("127.0.0.1", own)
        dug = tunnel.dig(porch.port, wish.server, secure=own is not None)
        self._open.append(dug)
        address = urlsplit(dug.address)
        # any name: the server may give us one of its own, and nobody who comes by it is the owner
        is_https = address.scheme == "https"
        entrance = Entrance(may_be_owner=False, is_https=is_https, hosts=())
        porch.let_in(entrance, is_tunnel=True)
        return f"{dug.address.rstrip('/')}/", own.fingerprint if own else ""

    def _porch(self, host: str, own: certificate.Certificate | None, port: int = 0) -> Porch:
        porch = Porch(self._app, self._loop, host, port, own)
        self._open.append(porch)
        return porch

    def _watch(self, shared: Shared, wanted: threading.Event) -> None:
        """Until it is to end; then for as long as those who were on are told."""
        opened = self._open
        tunnels = [one for one in opened if isinstance(one, tunnel.Tunnel)]
        while not wanted.wait(LOOK):
            if shared.until and time.time() >= shared.until:
                self.end()
            elif not all(one.is_open for one in tunnels):
                self.end(BROKEN)
        time.sleep(GRACE)
        with self._changing:
            if self._open is opened:
                self._close()

    def _close(self) -> None:
        """What is open, the newest first: a tunnel before the port that it leads to."""
        opened, self._open = self._open, []
        for one in reversed(opened):
            one.close()
