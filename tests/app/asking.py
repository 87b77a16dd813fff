"""Asking without a browser: as the owner, unless a test says otherwise."""

import asyncio
from types import SimpleNamespace

from starlette.testclient import TestClient

from app import visitors
from app.events import served
from app.places import Place
from app.visitors import OWNER


def asker(visitor=OWNER, session_hash="tab", headers=(), **query):
    """A request as Gradio hands it on."""
    return SimpleNamespace(
        scope={visitors.KEY: visitor},
        session_hash=session_hash,
        query_params=query,
        headers=dict(headers),
        cookies={},
    )


def called(work, places, visitor=OWNER, **kind):
    """A command, called as the page calls it."""
    name = work.__name__
    run = served(name, places, lambda place: {name: work}, **kind)
    return lambda value=None, **values: asyncio.run(run(value or values, asker(visitor)))


class Here:
    """The places of a test that has one desk."""

    def __init__(self, desk):
        self._place = Place("", desk.store, desk.talks)

    async def at(self, request):
        return self._place


def client_of(app, **headers):
    """A browser on this machine."""
    return TestClient(
        app,
        base_url="http://127.0.0.1:7860",
        headers={"x-earshot": "page"} | headers,
        client=("127.0.0.1", 50000),
    )
