"""What went wrong inside is told as a sentence, and nothing of it but that."""

import asyncio
import logging
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app import chat, visitors, web
from app.i18n import LANGUAGES
from app.mishap import Mishap
from app.places import Places
from app.visitors import OWNER
from model.engine import Parrot
from sessions.store import Store


async def fails(request):
    raise KeyError("a secret within")


async def breaks(request):
    async def half():
        yield b"half"
        raise KeyError("a secret within")

    return StreamingResponse(half())


@pytest.fixture
def client():
    routes = [Route("/fails", fails, methods=["GET", "POST"]), Route("/breaks", breaks)]
    app = Starlette(routes=routes, middleware=[Middleware(Mishap)])
    return TestClient(app, raise_server_exceptions=False)


def test_a_bug_is_a_sentence_in_the_visitors_language(client, caplog):
    with caplog.at_level(logging.ERROR):
        answer = client.post("/fails?token=hidden", headers={"accept-language": "de"})
    assert answer.status_code == 500
    assert answer.json() == {"sentence": LANGUAGES["de"].heard(chat.OURS)}
    assert "POST /fails failed" in caplog.text and "hidden" not in caplog.text
    assert "KeyError" in caplog.text, "who runs it can find the cause"


def test_an_answer_that_has_begun_is_cut_off(client):
    with pytest.raises(KeyError):
        TestClient(client.app).get("/breaks")


def test_a_page_that_goes_while_it_sends_is_no_error(tmp_path, caplog):
    """To an address of the real app: a reload in mid-upload, which keeps nothing half."""
    with Store(tmp_path) as store, closing(Places(Parrot(), store)) as places:
        app = Starlette(routes=web.routes(places), middleware=[Middleware(Mishap)])
        with caplog.at_level(logging.WARNING):
            asyncio.run(disconnected(app))
        assert caplog.text == ""
        assert list(store.clips.digests()) == []


async def disconnected(app):
    messages = iter(
        [
            {"type": "http.request", "body": b"RIFF", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive():
        return next(messages)

    async def send(message):
        raise AssertionError(f"nobody is there for {message}")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/earshot/clips",
        "query_string": b"name=half.wav",
        "headers": [(b"x-earshot", b"page")],
        visitors.KEY: OWNER,
    }
    await app(scope, receive, send)
