"""Whether it works, in a word for anybody and in figures for the owner; and how many are let in."""

import asyncio
import re
import threading
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app import crowd, health, visitors
from app.crowd import Counts, Crowd
from app.health import Health
from app.places import Places
from app.seat import Seat
from app.visitors import OWNER, Visitor
from model.engine import Parrot
from model.messages import Sampling
from sessions import backup


@pytest.fixture
def places(store):
    places = Places(Seat(Parrot(pause=0.05)), store)
    yield places
    places.close()


@pytest.fixture
def watched(places):
    """(the seat, a client of whoever is named)."""
    seat, counts = Seat(Parrot()), Counts()
    newest = backup.listed(places.owner.store.folder)
    upkeep = SimpleNamespace(newest=newest[-1] if newest else None)
    app = Starlette(routes=health.routes(Health(seat, places, upkeep, counts)))

    def client(visitor=None):
        async def entered(scope, receive, send):
            known = {visitors.KEY: visitor} if visitor else {}
            await Crowd(app, counts)(scope | known, receive, send)

        return TestClient(entered)

    return SimpleNamespace(seat=seat, client=client)


def test_a_word_for_anybody(watched, places):
    told = watched.client().get("/healthz")
    assert told.status_code == 200
    assert told.json() == {"ok": True, "model": True, "store": True, "waiting": 0}
    id = places.owner.store.start().id
    places.owner.talks.start(id, ("word " * 100,), Sampling())
    assert watched.client().get("/healthz").json()["waiting"] == 1


def test_without_a_model_it_is_not_well(watched):
    watched.seat.close()
    told = watched.client().get("/healthz")
    assert (told.status_code, told.json()["ok"], told.json()["model"]) == (503, False, False)


def test_a_store_that_takes_nothing_is_not_well(watched, store, monkeypatch):
    def refuse(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    told = watched.client().get("/healthz")
    assert (told.status_code, told.json()["store"]) == (503, False)


def test_whoever_asks_often_costs_the_disk_nothing(watched, store, monkeypatch):
    looks = []
    monkeypatch.setattr(store, "is_writable", lambda: looks.append(1) or True)
    client = watched.client()
    for _ in range(20):
        client.get("/healthz")
    assert len(looks) == 1


LINE = re.compile(r'(# (HELP|TYPE) earshot_\w+ .+|earshot_\w+(\{\w+="\w+"\})? [-+.e\d]+)')


def test_figures_for_the_owner_in_prometheus_form(watched, places, store):
    id = store.start().id
    places.owner.talks.start(id, ("a b",), Sampling()).over.wait(20)
    client = watched.client(OWNER)
    client.get("/nowhere")
    told = client.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert all(LINE.fullmatch(line) for line in told.text.splitlines())
    figures = dict(line.rsplit(" ", 1) for line in told.text.splitlines() if line[0] != "#")
    assert float(figures["earshot_answers_total"]) == 1
    assert float(figures["earshot_answer_seconds_total"]) > 0
    assert float(figures['earshot_responses_total{status="4xx"}']) == 1
    assert float(figures["earshot_memory_bytes"]) > 1e6
    names = [line.split()[2] for line in told.text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert "a b" not in told.text and id not in told.text


@pytest.mark.parametrize("who", [None, Visitor("g" * 32), Visitor()])
def test_figures_are_for_nobody_else(watched, who):
    told = watched.client(who).get("/metrics")
    assert told.status_code == 404 and "earshot" not in told.text


def test_more_than_so_many_at_once_are_refused_and_the_owner_never(monkeypatch):
    monkeypatch.setattr(crowd, "EACH", 3)
    monkeypatch.setattr(crowd, "GUESTS", 5)
    monkeypatch.setattr(crowd, "STRANGERS", 2)
    counts, gate = Counts(), threading.Event()

    async def wait(request):
        await asyncio.to_thread(gate.wait, 20)
        return PlainTextResponse("done")

    app = Crowd(Starlette(routes=[Route("/", wait)]), counts)

    async def ask(who):
        sent = []
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        known = {} if who is None else {visitors.KEY: Visitor(who)}

        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        await app(scope | known, receive, send)
        return sent[0]["status"]

    async def all_at_once():
        crowd_of = ["a"] * 4 + ["b"] * 3 + [None] * 3 + [""] * 10
        asked = [asyncio.create_task(ask(who)) for who in crowd_of]
        while counts.now.total() + counts.refused < len(crowd_of):
            await asyncio.sleep(0.01)
        gate.set()
        return await asyncio.gather(*asked)

    told = asyncio.run(all_at_once())
    assert told[:4] == [200, 200, 200, 503], "one guest has three"
    assert told[4:7] == [200, 200, 503], "all guests have five"
    assert told[7:10] == [200, 200, 503], "strangers have two"
    assert told[10:] == [200] * 10
    assert counts.refused == 3 and counts.now.total() == 0
