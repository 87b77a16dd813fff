"""What others see of a shared conversation: a page of its own at /s/SECRET, with its sound, and
nothing else of this machine. Whoever has the link needs no password; who may be shown what, and for
how long, is decided in sessions/shares.py.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from app import assets, i18n, visitors, webpage
from app.i18n import Language
from app.places import Place, Places
from app.sounds import Waveforms
from app.web import from_the_page, refusal
from model.errors import EarshotError
from sessions import shares
from sessions.errors import Gone, StoreError
from sessions.records import ClipRef
from sessions.shares import Share, Shown
from sessions.webpage import Addresses, pieces

WRONG = 30  # wrong links that an address may try …
MINUTE = 60.0  # … within so many seconds
REMEMBERED = 2048  # addresses, and links that were right
PICTURES = 64  # spectra kept, of some 30 kB each
PAGE = "../"  # from /s/SECRET, as all addresses in a shared page are
HEADERS = {
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
AGAIN = {"cache-control": "private, no-cache"}  # a sound may be kept, but is asked for each time
READ_ONLY = "This link is for reading only."
TOO_MANY = "Too many wrong links were tried from there: try again in a minute."


class Wrong:
    """How often an address has been wrong. Links are too long to be guessed: this keeps whoever
    tries from keeping the store busy. Links that were right are never refused for it."""

    def __init__(self, most: int = WRONG, seconds: float = MINUTE):
        self._most, self._seconds = most, seconds
        self._tries: OrderedDict[str, list[float]] = OrderedDict()
        self._right: OrderedDict[str, None] = OrderedDict()

    def is_refused(self, address: str, secret: str) -> bool:
        if secret in self._right:
            return False
        since = time.monotonic() - self._seconds
        return len([at for at in self._tries.get(address, ()) if at > since]) >= self._most

    def was(self, address: str, secret: str, *, right: bool) -> None:
        if right:
            _remember(self._right, secret, None)
            return
        self._right.pop(secret, None)
        tries = [*self._tries.get(address, ()), time.monotonic()]
        _remember(self._tries, address, tries[-self._most :])


def _remember(among: OrderedDict, key: str, value: object) -> None:
    among[key] = value
    among.move_to_end(key)
    while len(among) > REMEMBERED:
        among.popitem(last=False)


class Spectra:
    """Spectra of the owner's clips as PNG, the latest kept."""

    def __init__(self, place: Place):
        self._place = place
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._drawing = threading.Lock()  # one at a time: the model needs the processor more

    def of(self, clip: ClipRef) -> bytes:
        with self._drawing:
            if clip.digest not in self._known:
                self._known[clip.digest] = webpage.spectrum(self._place.recall.clip(clip))
                while len(self._known) > PICTURES:
                    self._known.popitem(last=False)
            return self._known[clip.digest]


class Served:
    """Where the page of a link finds its clips: under the link itself."""

    def __init__(self, place: Place, secret: str):
        self._place, self._secret = place, secret

    def sound(self, clip: ClipRef) -> str:
        return self._at("clips", clip) if self._place.store.clips.path(clip.digest).exists() else ""

    def wave(self, clip: ClipRef) -> str:
        return self._at("peaks", clip)

    def spectrum(self, clip: ClipRef) -> str:
        return self._at("spectrum", clip)

    def _at(self, what: str, clip: ClipRef) -> str:
        return f"{self._secret}/{what}/{clip.digest}"


class Nothing(Addresses):
    """For a page without a sound."""


def routes(places: Places, wrong: Wrong | None = None) -> list[Route]:
    wrong, place = wrong or Wrong(), places.owner

    async def opened(request: Request) -> Shown:
        """What the link shows. Whatever is the matter with it, it is Gone."""
        secret = request.path_params["secret"]
        address = request.client.host if request.client else ""
        if wrong.is_refused(address, secret):
            raise Gone(TOO_MANY)
        try:
            found = await run_in_threadpool(_shown, place, secret)
        except Gone:
            wrong.was(address, secret, right=False)
            raise Gone(shares.CLOSED) from None
        wrong.was(address, secret, right=True)
        return found

    def guarded(work: Callable) -> Callable:
        async def run(request: Request) -> Response:
            language = i18n.of(request)
            try:
                return await work(request, await opened(request))
            except Gone as error:
                return closed(str(error), language)
            except (EarshotError, StoreError) as error:
                return refusal(request, str(error))

        return run

    async def show(request: Request, found: Shown) -> Response:
        secret, language = request.path_params["secret"], i18n.of(request)
        looks = webpage.looks(language, above=_above(found.share, secret, language))
        sources = Served(place, secret)
        whole = found.whole(found.share.created)
        html = await run_in_threadpool("".join, pieces([whole], sources, looks))
        if request.method == "GET" and not _is_owner(request):
            with suppress(StoreError):  # what cannot be counted can be read all the same
                await run_in_threadpool(place.store.shares.visit, found.share.id)
        return _page(html, looks.policy("'self' data:"))

    async def sound(request: Request, found: Shown) -> Response:
        path = place.store.clips.path(_clip(request, found).digest)
        if not path.exists():
            raise Gone(shares.CLOSED)
        return FileResponse(path, media_type="audio/flac", headers=HEADERS | AGAIN)

    async def peaks(request: Request, found: Shown) -> Response:
        digest = _clip(request, found).digest
        wave = await run_in_threadpool(place.once(Waveforms).of, digest)
        return Response(wave, media_type="application/octet-stream", headers=HEADERS | AGAIN)

    async def spectrum(request: Request, found: Shown) -> Response:
        picture = await run_in_threadpool(place.once(Spectra).of, _clip(request, found))
        return Response(picture, media_type="image/png", headers=HEADERS | AGAIN)

    async def go_on(request: Request, found: Shown) -> Response:
        """A copy in the visitor's own place."""
        if not from_the_page(request):
            return refusal(request, "Recordings are taken from the page only.", 403)
        if not found.share.may_continue:
            return refusal(request, READ_ONLY, 403)
        if visitors.KEY not in request.scope:
            return JSONResponse({"login": True}, 401)
        own = await places.at(request)
        copy = await run_in_threadpool(shares.copied, place.store, found, own.store)
        return JSONResponse({"conversation": copy.id})

    async def elsewhere(request: Request) -> Response:
        """No address of ours: nobody without a password comes to anything else by it."""
        return closed(shares.CLOSED, i18n.of(request))

    return [
        Route("/s/{secret}", guarded(show)),
        Route("/s/{secret}/clips/{digest}", guarded(sound)),
        Route("/s/{secret}/peaks/{digest}", guarded(peaks)),
        Route("/s/{secret}/spectrum/{digest}", guarded(spectrum)),
        Route("/s/{secret}/continue", guarded(go_on), methods=["POST"]),
        Route("/s/{rest:path}", elsewhere),
    ]


def closed(sentence: str, language: Language) -> Response:
    """The page for a link that leads nowhere, for whatever reason."""
    title, told = (
        escape(said) for said in (language.say("shared.closed"), language.heard(sentence))
    )
    looks = webpage.looks(language, above=f"{_logo()}<h1>{title}</h1>\n<p>{told}</p>\n")
    status = 429 if sentence == TOO_MANY else 404
    return _page("".join(pieces([], Nothing(), looks)), looks.policy("'self' data:"), status)


def _shown(place: Place, secret: str) -> Shown:
    return shares.shown(place.store, place.store.shares.find(secret))


def _clip(request: Request, found: Shown) -> ClipRef:
    """Of the clips that the link shows, the one asked for."""
    clip = found.clips.get(request.path_params["digest"])
    if clip is None:
        raise Gone(shares.CLOSED)
    return clip


def _is_owner(request: Request) -> bool:
    visitor = request.scope.get(visitors.KEY)
    return visitor is not None and not visitor.is_guest


def _page(html: str, policy: str, status: int = 200) -> Response:
    policy = f"{policy}; frame-ancestors 'none'"
    return HTMLResponse(html, status, HEADERS | {"content-security-policy": policy})


def _above(share: Share, secret: str, language: Language) -> str:
    """Whose page this is, and what one may do with it."""
    day = time.strftime("%Y-%m-%d", time.localtime(share.created))
    told = escape(
        language.say("shared.answer", when=day)
        if share.alone
        else language.say("shared.conversation", when=day)
    )
    return (
        f'<header class="shared">{_logo()}<p>{told}</p>{_going(share, secret, language)}</header>\n'
    )


def _going(share: Share, secret: str, language: Language) -> str:
    if not share.may_continue:
        return ""
    silent = escape(language.say("trouble.silent"))
    return (
        f'<button type="button" class="continue" data-address="{escape(secret)}/continue" '
        f'data-page="{PAGE}" data-silent="{silent}">{escape(language.say("shared.continue"))}'
        f'</button><p class="said" role="status"></p><a class="login" href="{PAGE}" hidden '
        f'target="_blank" rel="noopener">{escape(language.say("shared.login"))}</a>'
    )


def _logo() -> str:
    return assets.text("logo.svg").replace(
        "<svg ", '<svg aria-hidden="true" width="30" height="30" '
    )
