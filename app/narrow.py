"""What Gradio may be asked, and by whom: only what our page asks it, and each of its sessions only
by the visitor who began it. Its other addresses (files, uploads, proxies) lead nowhere."""

import json
import re
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import i18n, visitors

GIVEN = re.compile(  # to GET and HEAD
    r"/|/config/?|/(?:gradio_api/)?theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/healthz"
    r"|/metrics|/(?:assets|static|earshot|s)/.+"
    r"|/gradio_api/(?:queue/data|heartbeat/\w+|startup-events|app_id)"
)
TAKEN = re.compile(r"/(?:earshot|s)/.+|/gradio_api/(?:queue/join|component_server|cancel|reset)/?")
SESSION = re.compile(r"/gradio_api/(?:queue/join|component_server|cancel)/?")
GRADIOS = "/gradio_api/"
IN_PATH = re.compile(r"/gradio_api/heartbeat/(\w+)")
LARGEST = 4 * 10**6  # bytes of what is asked: words, never sound
MOST = 200  # sessions of one visitor that are remembered
NOTHING = "There is nothing here."
NOT_YOURS = "This page belongs to somebody else: load it anew."
TOO_MUCH = "This is too much text for one question."


class Narrow:
    """A middleware behind the door."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._sessions: dict[str, OrderedDict[str, None]] = {}  # of each visitor, oldest first
        self._whose: dict[str, str] = {}  # visitor by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path, is_read = scope["path"], scope["method"] in ("GET", "HEAD")
        allowed = GIVEN if is_read else TAKEN
        if scope["method"] not in ("GET", "HEAD", "POST") or not allowed.fullmatch(path):
            return await told(scope, receive, send, NOTHING, 404)
        if path.startswith(GRADIOS) and not is_read and not _is_json(scope):
            return await told(scope, receive, send, NOTHING, 415)
        session: object = ""
        if not is_read and SESSION.fullmatch(path):
            body = await _body(receive)
            if body is None:
                return await told(scope, receive, send, TOO_MUCH, 413)
            receive, session = _again(body, receive), _session(body)
        elif path == "/gradio_api/queue/data":
            session = Request(scope).query_params.get("session_hash", "")
        elif match := IN_PATH.fullmatch(path):
            session = match[1]
        if session and not self._may(session, scope):
            return await told(scope, receive, send, NOT_YOURS, 403)
        await self._app(scope, receive, send)

    def _may(self, session: object, scope: Scope) -> bool:
        """Whether it is this visitor's; one that nobody has used is, from now on."""
        if not isinstance(session, str) or visitors.KEY not in scope:
            return False
        id = scope[visitors.KEY].id
        if (whose := self._whose.setdefault(session, id)) != id:
            return False
        mine = self._sessions.setdefault(whose, OrderedDict())
        mine[session] = None
        mine.move_to_end(session)
        if len(mine) > MOST:
            oldest, _ = mine.popitem(last=False)
            del self._whose[oldest]
        return True


def _is_json(scope: Scope) -> bool:
    """A form could be sent by a page elsewhere, and would hide whose session it names."""
    kind = Request(scope).headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "application/json"


async def _body(receive: Receive) -> bytes | None:
    """All of it; None where it is more than we take."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The same body once more, and then what comes after it."""
    is_given = False

    async def given() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return given


def _session(body: bytes) -> object:
    """Gradio's session in what it is asked. None is no session either, but an answer that is not
    JSON is Gradio's to refuse."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return asked.get("session_hash") or "" if isinstance(asked, dict) else ""


async def told(scope: Scope, receive: Receive, send: Send, sentence: str, status: int) -> None:
    said = i18n.of(Request(scope)).heard(sentence)
    headers = {"cache-control": "no-store"}
    await JSONResponse({"sentence": said}, status, headers)(scope, receive, send)
