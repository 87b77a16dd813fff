"""The page without a browser: built, its handlers called, its addresses asked."""

import asyncio
import wave
from types import SimpleNamespace

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import web
from app.events import Desk, commands
from app.page import build
from app.talks import Talks
from model.audio import Limits
from model.engine import Parrot
from sessions.records import DONE, STOPPED, WRITING
from sessions.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


@pytest.fixture
def desk(store):
    talks = Talks(Parrot(pause=0.02), store)
    yield Desk(talks._engine, store, talks)
    talks.close()


def tab(name="tab", **query):
    return SimpleNamespace(session_hash=name, query_params=query)


def said(text, conversation="", clips=()):
    return {"conversation": conversation, "text": text, "clips": list(clips)}


def event(**data):
    return SimpleNamespace(_data=data)


async def gathered(views):
    return [view async for view in views]


def test_the_page_is_built_and_keeps_its_events_private(store):
    page = build(Parrot(), store)
    assert isinstance(page, gr.Blocks)
    assert not page.get_api_info()["named_endpoints"]


def test_a_question_starts_a_conversation_and_its_answer_streams(desk):
    ask, *_ = commands(desk)
    sentence = "a few words that take a while to say again one by one"
    id = ask(said(sentence))["conversation"]
    views = asyncio.run(gathered(desk.open(tab(c=id))))
    asked, newest, listing = views[0]
    assert sentence in asked and 'data-status="writing"' in newest and id in listing
    grown = [view[1] for view in views]
    assert any("<p>a few" in html and "by one" not in html for html in grown)
    assert 'data-status="done"' in grown[-1] and f"<p>{sentence}</p>" in grown[-1]
    assert desk.store.turns(id)[-1].status == DONE


def test_a_new_look_ends_the_earlier_one_before_it_shows_anything(desk):
    ask, *_ = commands(desk)
    id = ask(said("word " * 300))["conversation"]
    seen = []

    async def watch(views):
        async for shown, *_ in views:
            seen.append(shown)

    async def both():
        first = asyncio.create_task(watch(desk.open(tab(c=id))))
        await asyncio.sleep(0.3)
        await watch(desk.look(event(conversation=""), tab()))
        await first

    asyncio.run(both())
    assert len(seen) > 2
    assert 'data-conversation=""' in seen[-1]
    assert desk.talks.find(id), "the answer goes on"


def test_stop_keeps_what_was_said(desk):
    ask, stop, _ = commands(desk)
    id = ask(said("word " * 300))["conversation"]
    talk = desk.talks.find(id)
    while "word word" not in talk.said:
        assert not talk.over.wait(0.01)
    stop(id)
    assert talk.over.wait(5)
    turn = desk.store.turns(id)[-1]
    assert turn.status == STOPPED and turn.text.startswith("word word")


def test_an_answer_given_by_another_process_is_followed(desk, tmp_path):
    id = desk.store.start().id
    with Store(tmp_path) as other:
        other.ask(id, ("hello",))
        answer = other.begin(id)
        other.say(answer.id, "from")

        async def follow():
            views = desk.open(tab(c=id))
            seen = [(await anext(views))[1], (await anext(views))[1]]
            other.finish(answer.id, "from elsewhere", DONE)
            return seen + [view[1] for view in await gathered(views)]

        seen = asyncio.run(follow())
    assert "<p>from</p>" in seen[0] and f'data-status="{WRITING}"' in seen[1]
    assert "<p>from elsewhere</p>" in seen[-1] and 'data-status="done"' in seen[-1]


def test_what_cannot_be_done_is_a_sentence(desk):
    ask, _, forget = commands(desk)
    assert "nothing to send" in ask(said(" "))["sentence"]
    lost = {"digest": "d" * 32, "name": "dog.wav"}
    assert "dog.wav is no longer stored" in ask(said("", clips=[lost]))["sentence"]
    forged = {"digest": "../../etc/passwd", "name": "x"}
    assert "no longer stored" in ask(said("", clips=[forged]))["sentence"]
    id = ask(said("hello"))["conversation"]
    talk = desk.talks.find(id)
    forget(id)
    assert talk is None or talk.over.wait(5)
    assert "deleted" in ask(said("hello", id))["sentence"]


def test_a_refused_question_leaves_no_empty_conversation(desk):
    ask, *_ = commands(desk)
    ask(said(" "))
    with desk.store._reading() as db:
        assert db["conversations"].count == 0


def test_a_deleted_conversation_is_told(desk):
    ((shown, newest, _),) = asyncio.run(gathered(desk.open(tab(c="0" * 32))))
    assert "not stored here" in shown and newest == ""


def test_older_conversations_are_listed_on_demand(desk):
    for i in range(62):
        desk.store.ask(desk.store.start().id, (f"question {i}",))
    ((_, _, listing),) = asyncio.run(gathered(desk.open(tab())))
    assert listing.count('class="item"') == 60 and "Show older" in listing
    more = desk.look(event(conversation="", shown=120), tab())
    ((_, _, listing),) = asyncio.run(gathered(more))
    assert listing.count('class="item"') == 62 and "Show older" not in listing


# Addresses


@pytest.fixture
def client(store):
    app = Starlette(
        routes=web.routes(store, Limits(size=400_000)), middleware=web.middleware("127.0.0.1")
    )
    return TestClient(app, base_url="http://127.0.0.1:7860", headers={"x-earshot": "page"})


@pytest.fixture
def beep(tmp_path):
    """Two seconds of a square wave, as a file's bytes."""
    with wave.open(str(tmp_path / "beep.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 800)
    return (tmp_path / "beep.wav").read_bytes()


def test_a_recording_comes_in_and_can_be_played(client, store, beep):
    clip = client.post("/earshot/clips?name=beep.wav", content=beep).json()
    assert (clip["name"], clip["seconds"]) == ("beep.wav", 2.0)
    assert store.clip(clip["digest"]).seconds == 2.0
    sound = client.get(f"/earshot/clips/{clip['digest']}")
    assert sound.headers["content-type"] == "audio/flac" and sound.content[:4] == b"fLaC"
    part = client.get(f"/earshot/clips/{clip['digest']}", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"fLaC")


@pytest.mark.parametrize(
    "sound, sentence",
    [(b"", "empty"), (b"only words " * 99, "text"), (b"\x00" * 500_000, "larger than")],
)
def test_what_holds_no_sound_is_refused_with_a_sentence(client, store, sound, sentence):
    answer = client.post("/earshot/clips?name=x.wav", content=sound)
    assert answer.status_code == 422 and sentence in answer.json()["sentence"]
    assert list(store.clips.digests()) == []


@pytest.mark.parametrize("digest", ["d" * 32, "..%2fearshot.db", "x"])
def test_only_clips_are_given(client, digest):
    assert client.get(f"/earshot/clips/{digest}").status_code == 404


def test_other_sites_can_neither_send_nor_ask(client, beep):
    foreign = client.post("/earshot/clips", content=beep, headers={"x-earshot": ""})
    del client.headers["x-earshot"]
    assert client.post("/earshot/clips", content=beep).status_code == 403
    rebound = client.get("/earshot/clips/x", headers={"host": "evil.example"})
    assert rebound.status_code == 400
    assert foreign.headers["content-security-policy"].startswith("default-src 'self'")
