"""A port of its own for those who come from elsewhere, before the same door (door.py) and in the
event loop of the page's. Who they are is the door's to say.
"""

import asyncio
import contextlib
import errno
import os
import re
import socket
import time

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import assets, i18n
from app.certificate import Certificate
from app.door import Entered, Entrance
from app.web import AtHome
from model.errors import EarshotError

PATIENCE = 20.0  # seconds for the port to open or close, on a busy machine


class NoPort(EarshotError):
    """Visitors cannot come in by it."""


class Porch:
    """The port, from its opening on. It answers with a page that says so before anybody may enter,
    and again when nobody may any more."""

    def __init__(
        self,
        app: ASGIApp,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        certificate: Certificate | None = None,
    ):
        self._app, self._entered = app, None
        self._is_https = self._is_tunnel = False
        listening = _bound(host, port)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",  # which it cannot tell of a method
            lifespan="off",
            log_level="warning",
            proxy_headers=False,  # else visitors could say where they come from
            server_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate.path if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        self._server = uvicorn.Server(config)
        serving = self._server.serve(sockets=[listening])
        self._served = asyncio.run_coroutine_threadsafe(serving, loop)
        self._wait()

    def let_in(self, entrance: Entrance, *, is_tunnel: bool = False) -> None:
        self._is_https, self._is_tunnel = entrance.is_https, is_tunnel
        self._entered = Entered(self._app, entrance)

    def shut(self) -> None:
        """Whoever comes or stays is told that it is over."""
        self._entered = None

    def close(self) -> None:
        """No more requests; those that are being answered have a second."""
        self._server.should_exit = True
        with contextlib.suppress(Exception):  # the loop may be over already
            self._served.result(PATIENCE)

    def _wait(self) -> None:
        ends = time.monotonic() + PATIENCE
        while not self._server.started:
            if self._served.done() or time.monotonic() > ends:
                self.close()
                raise NoPort("The port for visitors does not open.")
            time.sleep(0.01)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the page has no websockets
            return
        if self._entered is None:
            return await AtHome(_over(Request(scope)))(scope, receive, send)
        # a tunnel takes the https off before it comes here, and comes from this machine itself
        told = {"scheme": "https"} if self._is_https else {}
        told |= {"client": (_beyond(Request(scope)), 0)} if self._is_tunnel else {}
        await self._entered(scope | told, receive, send)


def _beyond(request: Request) -> str:
    """Who stands at a tunnel's other end, as its server says. Who guesses passwords should not keep
    all others waiting; but anybody may claim an address, so this is none that anything trusts."""
    said = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return f"by the tunnel {said[:64]}"


def _over(request: Request) -> Response:
    """The page for whoever comes to what is not shared."""
    headers = {"cache-control": "no-store"}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"shared": False}, 410, headers)
    language = i18n.of(request)
    told = {"logo": assets.text("logo.svg"), "code": language.code}
    told |= {name: language.say(f"sharing.over.{name}") for name in ("title", "how")}
    filled = re.sub(r"\{(\w+)\}", lambda name: told[name[1]], assets.text("offline.html"))
    return Response(filled, 410, headers, "text/html")


def _bound(host: str, port: int) -> socket.socket:
    """A socket at this port, or where that is taken, at any."""
    for wanted in dict.fromkeys((port, 0)):
        listening = socket.socket()
        if os.name == "posix":  # elsewhere it would let others listen at the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, wanted))
            return listening
        except OSError as error:
            listening.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or not wanted:
                raise NoPort("The port for visitors does not open.") from error
    raise AssertionError("a port of any number was asked for last")
