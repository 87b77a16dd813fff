"""The door: every request is somebody's, or goes no further than the login page. An ASGI
middleware, and what a port says of who may come by it."""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app import login, policy, visitors
from app.guests import Guests
from app.narrow import told
from app.owner import HOME, is_owner
from app.password import Password, Patience, salt
from app.places import STRANGER, Over
from app.policy import Policy
from app.visitors import OWNER, Visitor

ENTRANCE = "entrance"  # of an ASGI scope
OPEN = ("/s/", "/earshot/assets/")  # to strangers: what was shared, and what it looks like
OPEN_EXACTLY = ("/healthz", "/favicon.ico", "/robots.txt")
SAME = ("same-origin", "none")
FOREIGN = "Another page asked for this in your name, so it was not done."
NOT_SHARED = "This Earshot is not shared at the moment."


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

    def __init__(self, guests: Guests | None = None, policy: Policy | None = None):
        """Without `guests` nobody can come in."""
        self.policy = policy or Policy()
        self.guests = guests
        self.password: Password | None = None
        self.patience = Patience()
        self.was_shared = False

    @property
    def is_open(self) -> bool:
        return self.password is not None

    def share(self, password: str) -> None:
        """Guests may come by this password. Those who came by it before may come again; those who
        came by another are asked for it, and find what they left."""
        assert password.strip(), "a password of nothing lets everybody in"
        known = salt(self.guests.folder if self.guests else None)
        self.password, self.was_shared = Password(password, known), True
        if self.guests:  # for whoever wants to change what guests may
            with suppress(OSError):
                policy.write(self.guests.folder.parent)

    def end(self) -> None:
        """Nobody but the owner from now on: unlike before the first sharing, when whoever reached
        the loopback port was let in."""
        self.password = None

    def find(self, token: str) -> Visitor | None:
        """The guest whose browser shows this."""
        password = self.password
        if password is None or self.guests is None or not token:
            return None
        guest = self.guests.find(token, password.mark)
        return Visitor(guest.id, guest.name) if guest else None


class Door:
    """Puts the visitor into the scope, for `visitors.of`."""

    def __init__(self, app: ASGIApp, gate: Gate, entrance: Entrance):
        self._app, self._gate, self._entrance = app, gate, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # the page has no websockets
            return await send({"type": "websocket.close"})
        request = Request(scope)
        entrance: Entrance = scope.get(ENTRANCE, self._entrance)
        if entrance.hosts and named(request) not in entrance.hosts:
            return await told(scope, receive, send, NOT_SHARED, 400)
        if is_foreign(request):
            return await told(scope, receive, send, FOREIGN, 403)
        visitor = self._visitor(request, entrance)
        if visitor is None or scope["path"] == login.ADDRESS:
            return await self._stranger(request, entrance, receive, send)
        if visitor.is_guest and scope["path"] == "/":
            send = login.renewing(send, request, self._gate, entrance.is_https)
        try:
            await self._app(scope | {visitors.KEY: visitor}, receive, send)
        except Over:  # raised before anything is answered
            await told(scope, receive, send, STRANGER, 401)

    def _visitor(self, request: Request, entrance: Entrance) -> Visitor | None:
        if entrance.may_be_owner and is_owner(request):
            return OWNER
        if not self._gate.was_shared and entrance.may_be_owner and is_loopback(request):
            return Visitor()  # by a proxy of the owner's own
        return self._gate.find(request.cookies.get(login.COOKIE, ""))

    async def _stranger(
        self, request: Request, entrance: Entrance, receive: Receive, send: Send
    ) -> None:
        scope, path = request.scope, request.scope["path"]
        if not self._gate.is_open:
            return await told(scope, receive, send, NOT_SHARED, 403)
        if path == login.ADDRESS and request.method == "POST":
            given = Request(scope, receive)
            response = await login.entered(given, self._gate, entrance.is_https)
        elif path.startswith(OPEN) or path in OPEN_EXACTLY:
            return await self._app(scope, receive, send)
        elif request.method == "GET" and path in ("/", login.ADDRESS):
            response = login.page(request)
        else:
            return await told(scope, receive, send, STRANGER, 401)
        await response(scope, receive, send)


def is_foreign(request: Request) -> bool:
    """Whether a page of another site asks. It may lead here, and do nothing more. Browsers say so
    themselves; the oldest and those on plain http only who asks by a script or for a change. Gradio
    would let scripts of any site read, where we have a name of our own."""
    headers = request.headers
    if site := headers.get("sec-fetch-site", ""):
        leads = request.method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        leads = leads and headers.get("sec-fetch-dest") == "document"
        return site not in SAME and not leads
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


def named(request: Request) -> str:
    """The name by which the browser calls us."""
    host = request.headers.get("host", "")
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def is_loopback(request: Request) -> bool:
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except (AttributeError, ValueError):
        return False
