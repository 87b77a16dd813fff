"""Conversations out of the page as a file, and in again: the two addresses for it."""

import asyncio
import re
import tempfile
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from app import chat, i18n, webpage
from app.i18n import Language
from app.places import Places
from app.web import from_the_page, receive, refusal
from model.audio import Limits
from model.errors import EarshotError
from sessions import archive, shares, transfer
from sessions.errors import StoreError, as_sentences
from sessions.records import Whole
from sessions.store import Store

LARGEST = archive.LARGEST  # bytes of a file that is taken in
MOST_FOUND = 10_000  # conversations of a search that one file takes
NUMBER = re.compile("[0-9]{1,18}")
NAME_LENGTH = 80  # characters of a file's name, before its suffix
TYPES = {
    "markdown": "text/markdown",
    "json": "application/json",
    "zip": "application/zip",
    "html": "text/html",
}

# conversations, by their ids or whole, and what their file is called
Named = Callable[[], tuple[list[str | Whole], str]]


def routes(places: Places, largest: int = LARGEST) -> list[Route]:
    reading_in = asyncio.Semaphore(1)  # a large file takes up to 1 GB while it is read

    async def give(request: Request) -> Response:
        """A conversation as a file, or one answer of it with its question."""
        id, answer = request.path_params["id"], request.query_params.get("answer", "")
        store = (await places.at(request)).store

        def named() -> tuple[list[str | Whole], str]:
            if answer:
                one = shares.excerpt(store, id, int(answer) if NUMBER.fullmatch(answer) else 0)
                return [one], one.conversation.title
            return [id], store.conversation(id).title or i18n.of(request).say("list.untitled")

        return await written(request, store, request.query_params.get("form", "html"), named)

    async def give_several(request: Request) -> Response:
        """All conversations in one ZIP, or those that a tag or a search has."""
        tag, words = (request.query_params.get(name, "") for name in ("tag", "words"))
        store = (await places.at(request)).store

        def named() -> tuple[list[str | Whole], str]:
            return several(store, tag, words), f"Earshot {words or tag or date.today()}"

        return await written(request, store, "zip", named)

    async def written(request: Request, store: Store, kind: str, named: Named) -> Response:
        """It is written to the disk first: a refusal is no half file."""
        if kind not in TYPES:
            return refusal(request, "There is no such file.", 404)
        folder = tempfile.TemporaryDirectory()
        path = Path(folder.name, "export")
        try:
            title = await run_in_threadpool(_write, store, named, path, kind, i18n.of(request))
        except StoreError as error:
            folder.cleanup()
            return refusal(request, str(error), 404)
        headers = {"content-disposition": as_attachment(title, transfer.SUFFIXES[kind])}
        done = BackgroundTask(folder.cleanup)
        return FileResponse(path, media_type=TYPES[kind], headers=headers, background=done)

    async def take(request: Request) -> Response:
        """An exported file, as the body of the request."""
        if not from_the_page(request):
            return refusal(request, "Recordings are taken from the page only.", 403)
        name = request.query_params.get("name", "")
        place = await places.at(request)
        try:
            place.allowance.attach(is_recorded=False)
            most = place.allowance.limits(Limits(size=largest)).size
            with as_sentences(), tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "import")
                with path.open("wb") as file:
                    await receive(request, file, name, most)
                async with reading_in:
                    taken = await run_in_threadpool(transfer.take, place.store, path, chat.check)
        except (EarshotError, StoreError) as error:
            return refusal(request, str(error))
        ids = [one.id for one in taken.conversations]
        return JSONResponse({"conversations": ids, "missing": len(taken.missing)})

    return [
        Route("/earshot/export", give_several),
        Route("/earshot/export/{id}", give),
        Route("/earshot/import", take, methods=["POST"]),
    ]


def several(store: Store, tag: str = "", words: str = "") -> list[str]:
    """Ids of all conversations, of those under a tag, or of those that a search finds."""
    if words:
        return [hit.conversation.id for hit in store.search(words, MOST_FOUND).hits]
    return [one.id for one in store.conversations(-1, tag=tag)]  # to SQLite, all


def _write(store: Store, named: Named, path: Path, kind: str, language: Language) -> str:
    given, title = named()
    with as_sentences(), path.open("wb") as file:
        sound = chat.Recall(store, seconds=0).clip  # each is looked at once
        transfer.export(store, given, file, kind, looks=webpage.looks(language, sound))
    return title


def as_attachment(title: str, suffix: str) -> str:
    """The header that names a downloaded file after a title, whatever is in that."""
    clean = re.sub(r'[\x00-\x1f\x7f"*/:<>?\\|]+', " ", unicodedata.normalize("NFC", title))
    clean = " ".join(clean.split())[:NAME_LENGTH].strip(" .") or "Earshot"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode().strip()
    fallback = re.sub(r"[^\w .,()'-]", "_", plain) or "Earshot"
    return f"attachment; filename=\"{fallback}{suffix}\"; filename*=UTF-8''{quote(clean + suffix)}"
