"""A bug, Gradio's too, becomes a sentence; the log says what it was. An ASGI middleware."""

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.chat import OURS
from app.narrow import told

log = logging.getLogger(__name__)


class Mishap:
    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.info("%s %s was not sent to its end", scope["method"], scope["path"][:100])
        except Exception:
            # the path alone: what follows it, and the headers, may hold secrets
            log.exception("%s %s failed", scope["method"], scope["path"][:100])
            if has_begun:  # then it can only be cut off
                raise
            await told(scope, receive, send, OURS, 500)
