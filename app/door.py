"""The door: every request is somebody's, or goes no further. An ASGI middleware, and what a port
says of who may come by it."""

import ipaddress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app import i18n, visitors
from app.owner import HOME, is_owner
from app.visitors import OWNER, Visitor

ENTRANCE = "entrance"  # of an ASGI scope


@dataclass(frozen=True)
class Entrance:
    """One of the ports that this process listens at. `hosts` are the names it may be called by;
    none means any."""

    may_be_owner: bool = True  # False: a tunnel ends here, so nobody who comes sits at this machine
    is_https: bool = False  # as the browser sees it
    hosts: tuple[str, ...] = HOME


class Entered:
    """The app, at a port of its own."""

    def __init__(self, app: ASGIApp, entrance: Entrance):
        self._app, self._entrance = app, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope | {ENTRANCE: self._entrance}, receive, send)


class Gate:
    """Whether guests may come, and by which password. Changed while requests are being answered."""

    def __init__(self):
        self.password = ""
        self.was_shared = False

    @property
    def is_open(self) -> bool:
        return bool(self.password)

    def share(self, password: str) -> None:
        self.password, self.was_shared = password, True

    def end(self) -> None:
        """Nobody but the owner from now on: unlike before the first sharing, when whoever reached
        the loopback port was let in."""
        self.password = ""


class Door:
    """Puts the visitor into the scope, for `visitors.of`."""

    def __init__(self, app: ASGIApp, gate: Gate, entrance: Entrance):
        self._app, self._gate, self._entrance = app, gate, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None
        request = Request(scope)
        entrance = scope.get(ENTRANCE, self._entrance)
        if entrance.hosts and named(request) not in entrance.hosts:
            return await JSONResponse({"sentence": "Invalid host"}, 400)(scope, receive, send)
        visitor = self._visitor(request, entrance)
        if visitor is None:
            sentence = i18n.of(request).heard("Earshot is not shared at the moment.")
            return await JSONResponse({"sentence": sentence}, 403)(scope, receive, send)
        await self._app(scope | {visitors.KEY: visitor}, receive, send)

    def _visitor(self, request: Request, entrance: Entrance) -> Visitor | None:
        if entrance.may_be_owner and is_owner(request):
            return OWNER
        if not self._gate.was_shared and entrance.may_be_owner and is_loopback(request):
            return Visitor()  # by a proxy of the owner's own
        return None


def named(request: Request) -> str:
    """The name by which the browser calls us."""
    host = request.headers.get("host", "")
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def is_loopback(request: Request) -> bool:
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except (AttributeError, ValueError):
        return False
