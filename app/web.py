"""What the server gives and takes besides the page: clips, by digest, and headers that keep the
page at home. Gradio's own file serving would copy each clip to a folder that no deletion reaches.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import assets, chat, i18n, theme, visitors
from app.crowd import Counts, Crowd
from app.door import Door, Entrance, Gate
from app.mishap import Mishap
from app.narrow import Narrow
from app.places import Place, Places
from app.policy import Policy
from model.audio import Limits
from model.errors import EarshotError, TooLarge
from sessions.clips import DIGEST
from sessions.errors import StoreError, as_sentences
from sessions.records import ClipRef
from sessions.store import Store

GUESTS_AT_ONCE = 2  # recordings of one guest that come in at a time; none is on the disk before
AT_ONCE = 2  # recordings that are read at a time: three hours take 0.7 GB meanwhile
POLICY = "; ".join(  # Gradio evaluates its templates, hence the two unsafe ones
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)


HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class AtHome:
    """The browser is told to load nothing from elsewhere, and to tell nobody where it was; a page
    that is stricter says so itself."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Dressed:
    """Gradio's page goes out in our clothes and in the person's language; a guest's as `policy`
    has it."""

    def __init__(self, app: ASGIApp, policy: Policy | None = None):
        self._app, self._policy = app, policy or Policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return await self._app(scope, receive, send)
        request = Request(scope)
        is_guest = visitors.KEY in scope and scope[visitors.KEY].is_guest
        policy = self._policy if is_guest else None
        start: Message = {}
        html = b""

        async def hold(message: Message) -> None:
            nonlocal start, html
            if message["type"] == "http.response.start":
                start = message
                return
            html += message.get("body", b"")
            if message.get("more_body"):
                return
            look = request.cookies.get(theme.COOKIE, "")
            body = theme.dressed(html.decode(), i18n.of(request), look, policy).encode()
            kept = [header for header in start["headers"] if header[0] != b"content-length"]
            start["headers"] = [
                *kept,
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-cache"),
                (b"vary", b"cookie, accept-language"),
            ]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, hold)


def middleware(gate: Gate, counts: Counts | None = None) -> list[Middleware]:
    """What every request passes, from the outside in."""
    return [
        Middleware(AtHome),
        Middleware(Mishap),
        Middleware(Door, gate=gate, entrance=Entrance()),
        Middleware(Crowd, counts=counts or Counts()),
        Middleware(Narrow),
        Middleware(Dressed, policy=gate.policy),
    ]


class Readings(dict[str, float]):
    """Seconds read so far of each recording of a place that is being read."""

    def __init__(self, place: Place):
        super().__init__()
        self.free = asyncio.Semaphore(GUESTS_AT_ONCE if place.is_guests else 1000)


def routes(
    places: Places, limits: Limits | None = None, model: Callable[[], str] = str
) -> list[Route]:
    limits, reading_in = limits or Limits(), asyncio.Semaphore(AT_ONCE)
    process = uuid4().hex  # another one after a restart, also of a process that was forked

    async def take(request: Request) -> Response:
        """A recording, as the body of the request; its name in the address, and what its reading
        may be asked about as."""
        if not from_the_page(request):
            return refusal(request, "Recordings are taken from the page only.", 403)
        name = request.query_params.get("name", "recording")
        id = request.query_params.get("reading", "")[:64]
        track = request.query_params.get("track", "")
        place = await places.at(request)
        readings, most = place.once(Readings), place.allowance.limits(limits)

        def progress(seconds: float) -> None:
            readings[id] = seconds

        def taken(path: Path) -> ClipRef:
            number = int(track) if track.isdecimal() and len(track) < 4 else None
            return chat.take_in(place.store, path, name, place.recall, progress, most, number)

        try:
            place.allowance.attach(request.query_params.get("from") == "microphone")
            async with readings.free:
                with as_sentences(), tempfile.TemporaryDirectory() as folder:
                    path = Path(folder, "recording")
                    with path.open("wb") as file:
                        await receive(request, file, name, most.size)
                    async with reading_in:
                        clip = await run_in_threadpool(taken, path)
        except (EarshotError, StoreError) as error:
            return refusal(request, str(error))
        finally:
            readings.pop(id, None)
        heard = i18n.of(request).heard
        return JSONResponse(asdict(clip) | {"remarks": [heard(remark) for remark in clip.remarks]})

    async def reading(request: Request) -> Response:
        """How far a recording has been read."""
        readings = (await places.at(request)).once(Readings)
        return JSONResponse({"seconds": readings.get(request.path_params["id"], 0)})

    async def give(request: Request) -> Response:
        digest = request.path_params["digest"]
        store = (await places.at(request)).store
        path = store.clips.path(digest) if DIGEST.fullmatch(digest) else None
        if path is None or not path.exists():
            return refusal(request, "This recording is no longer stored.", 404)
        return FileResponse(path, media_type="audio/flac", headers={"cache-control": "private"})

    async def alive(request: Request) -> Response:
        """Whether this is still the process that gave the page, and is being closed; when it last
        wrote, and a word that changes with the model."""
        changed = await run_in_threadpool(_changed, (await places.at(request)).store)
        told = {"process": process, "changed": changed, "model": model()}
        return JSONResponse(told | {"ending": places.is_ending})

    return [
        *assets.ROUTES,
        Route("/earshot/alive", alive),
        Route("/earshot/clips", take, methods=["POST"]),
        Route("/earshot/reading/{id}", reading),
        Route("/earshot/clips/{digest}", give),
    ]


def from_the_page(request: Request) -> bool:
    return "x-earshot" in request.headers  # which no other site's page can send


def refusal(request: Request, sentence: str, status: int = 422) -> Response:
    return JSONResponse({"sentence": i18n.of(request).heard(sentence)}, status)


def _changed(store: Store) -> float:
    """When anything was written last, by whichever process: of the database or its log."""
    return max((file.stat().st_mtime for file in store.folder.glob("earshot.db*")), default=0)


async def receive(request: Request, file: BinaryIO, name: str, size: int) -> None:
    """Write a request's body to a file, up to so many bytes."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > size:
            raise TooLarge(f"{name} is larger than {size / 1e6:,.0f} MB: cut it into parts.")
        file.write(chunk)
