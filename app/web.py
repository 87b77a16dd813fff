"""What the server gives and takes besides the page: clips, by digest, and headers that keep the
page at home. Gradio's own file serving would copy each clip to a folder that no deletion reaches.
"""

import tempfile
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import chat
from model.audio import Limits
from model.errors import EarshotError, TooLarge
from sessions.clips import DIGEST
from sessions.store import Store

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


class AtHome:
    """The browser is told to load nothing from elsewhere, and to tell nobody where it was."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", POLICY.encode()),
                    (b"referrer-policy", b"no-referrer"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def middleware(host: str) -> list[Middleware]:
    """A page elsewhere may not reach us under a name of its own that points here."""
    is_open = host in ("0.0.0.0", "::", "")
    hosts = ["*"] if is_open else ["localhost", "127.0.0.1", host]
    return [Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(AtHome)]


def routes(store: Store, limits: Limits | None = None) -> list[Route]:
    limits = limits or Limits()

    async def take(request: Request) -> Response:
        """A recording, as the body of the request; its name in the address."""
        if "x-earshot" not in request.headers:  # which no other site's page can send
            return JSONResponse({"sentence": "Recordings are taken from the page only."}, 403)
        name = request.query_params.get("name", "recording")
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "recording")
                with path.open("wb") as file:
                    await _receive(request, file, name, limits.size)
                clip = await run_in_threadpool(chat.take_in, store, path, name)
        except EarshotError as error:
            return JSONResponse({"sentence": str(error)}, 422)
        return JSONResponse({"digest": clip.digest, "name": clip.name, "seconds": clip.seconds})

    async def give(request: Request) -> Response:
        digest = request.path_params["digest"]
        path = store.clips.path(digest) if DIGEST.fullmatch(digest) else None
        if path is None or not path.exists():
            return JSONResponse({"sentence": "This recording is no longer stored."}, 404)
        return FileResponse(path, media_type="audio/flac", headers={"cache-control": "private"})

    return [
        Route("/earshot/clips", take, methods=["POST"]),
        Route("/earshot/clips/{digest}", give),
    ]


async def _receive(request: Request, file: BinaryIO, name: str, size: int) -> None:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > size:
            raise TooLarge(f"{name} is larger than {size / 1e6:,.0f} MB: cut it into parts.")
        file.write(chunk)
