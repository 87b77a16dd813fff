"""Coming in as a guest: the page that asks for the password, what happens when it is given, and the
cookie that is had for it. The page needs nothing else, and no script."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Message, Send

from app import assets, i18n
from app.chat import Refused
from sessions.errors import StoreError

if TYPE_CHECKING:
    from app.door import Gate

ADDRESS = "/earshot/login"
COOKIE = "earshot-guest"
LARGEST = 4096  # bytes of the form
AT_ONCE = CapacityLimiter(2)  # passwords that are looked at
WRONG = "This is not the password. Mind capital letters and spaces."
STYLE = re.compile(r"<style>(.*?)</style>", re.S)


def page(request: Request, sentence: str = "", status: int = 401) -> Response:
    """The login page, with what was wrong."""
    language = i18n.of(request)
    told = {"logo": assets.text("logo.svg"), "code": language.code, "address": ADDRESS}
    names = ("title", "how", "password", "name", "hint", "enter", "kept")
    told |= {name: escape(language.say(f"login.{name}")) for name in names}
    told["wrong"] = f'<p role="alert">{escape(language.heard(sentence))}</p>' if sentence else ""
    html = re.sub(r"\{(\w+)\}", lambda name: told[name[1]], assets.text("login.html"))
    style = b64encode(sha256(STYLE.search(html)[1].encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "same-origin",  # with none, its form would say it comes from nowhere
        "cache-control": "no-store",
        "vary": "cookie, accept-language",
    }
    return HTMLResponse(html, status, headers)


async def entered(request: Request, gate: "Gate", is_https: bool) -> Response:
    """The password was given: to the page, with a new token; or the login page again."""
    form = await _form(request)
    address = request.client.host if request.client else ""
    try:
        gate.patience.ask(address)
        password = gate.password
        given = form.get("password", "")
        if not await to_thread.run_sync(password.is_right, given, limiter=AT_ONCE):
            return page(request, WRONG)
        gate.patience.forgive(address)
        earlier, most = request.cookies.get(COOKIE, ""), int(gate.policy.most_guests)
        name = form.get("name", "")
        _, token = await to_thread.run_sync(gate.guests.enter, password.mark, name, earlier, most)
    except (Refused, StoreError) as error:
        return page(request, str(error), 429)
    response = RedirectResponse("../", 303, {"cache-control": "no-store"})
    response.headers["set-cookie"] = cookie(token, gate.policy.keep_days, is_https)
    return response


def cookie(token: str, days: float, is_https: bool) -> str:
    """As a header. Without a token it ends the one that is there."""
    seconds = min(int(days * 24 * 3600), 400 * 24 * 3600) if token else 0
    secure = "; Secure" if is_https else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def renewing(send: Send, request: Request, gate: "Gate", is_https: bool) -> Send:
    """The cookie lasts from the latest visit on."""
    kept = cookie(request.cookies[COOKIE], gate.policy.keep_days, is_https)

    async def renewed(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", kept)
        await send(message)

    return renewed


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form, the last of each."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=16)
    except ValueError:  # more than that
        return {}
    return {name: values[-1] for name, values in fields.items()}
