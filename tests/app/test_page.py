"""The page without a browser: built, its handlers called, its addresses asked."""

import asyncio
import wave
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from app import assets, web
from app.door import Gate
from app.events import Desk, talking
from app.i18n import LANGUAGES
from app.models import Models
from app.page import build
from app.places import Places
from app.seat import Seat
from app.sharing import Sharing
from app.shelf import shelving
from model.audio import Limits
from model.engine import Parrot
from sessions.records import DONE, LENGTH, STOPPED, WRITING
from sessions.store import Store
from tests.app.asking import Here, asker, called, client_of


@pytest.fixture
def places(store):
    places = Places(Parrot(pause=0.02), store)
    yield places
    places.close()


@pytest.fixture
def desk(places):
    return Desk(places._engine, places.owner.store, places.owner.talks)


def page_of(desk):
    """Every command of the page by its name, called as the page calls it."""
    here = Here(desk)
    works = (*talking(desk), *shelving(desk))
    return SimpleNamespace(**{work.__name__: called(work, here) for work in works})


def said(text, conversation="", clips=()):
    return {"conversation": conversation, "text": text, "clips": list(clips)}


def event(**data):
    return SimpleNamespace(_data=data)


async def gathered(views):
    return [view async for view in views]


def test_the_page_is_built_and_keeps_its_events_private(store):
    seat = Seat(Parrot())
    places = Places(seat, store)
    page = build(Models(seat, places.owner.talks), places, Sharing(Gate(), store.folder, 0))
    places.close()
    assert isinstance(page, gr.Blocks)
    assert not page.get_api_info()["named_endpoints"]


def test_a_question_starts_a_conversation_and_its_answer_streams(desk):
    ask = page_of(desk).ask
    sentence = "a few words that take a while to say again one by one"
    id = ask(said(sentence))["conversation"]
    views = asyncio.run(gathered(desk.open(asker(c=id))))
    asked, newest = views[0]
    assert sentence in asked and 'data-status="writing"' in newest and id in asked
    grown = [view[1] for view in views]
    assert any("<p>a few" in html and "by one" not in html for html in grown)
    assert 'data-status="done"' in grown[-1] and f"<p>{sentence}</p>" in grown[-1]
    assert desk.store.turns(id)[-1].status == DONE


def test_a_new_look_ends_the_earlier_one_before_it_shows_anything(desk):
    ask = page_of(desk).ask
    id = ask(said("word " * 300))["conversation"]
    seen = []

    async def watch(views):
        async for shown, *_ in views:
            seen.append(shown)

    async def both():
        first = asyncio.create_task(watch(desk.open(asker(c=id))))
        await asyncio.sleep(0.3)
        await watch(desk.look(event(conversation=""), asker()))
        await first

    asyncio.run(both())
    assert len(seen) > 2
    assert 'data-conversation=""' in seen[-1]
    assert desk.talks.find(id), "the answer goes on"


def test_stop_keeps_what_was_said(desk):
    page = page_of(desk)
    id = page.ask(said("word " * 300))["conversation"]
    talk = desk.talks.find(id)
    while "word word" not in talk.said:
        assert not talk.over.wait(0.01)
    page.stop({"conversation": id})
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
            views = desk.open(asker(c=id))
            seen = [(await anext(views))[1], (await anext(views))[1]]
            other.finish(answer.id, "from elsewhere", DONE)
            return seen + [view[1] for view in await gathered(views)]

        seen = asyncio.run(follow())
    assert "<p>from</p>" in seen[0] and f'data-status="{WRITING}"' in seen[1]
    assert "<p>from elsewhere</p>" in seen[-1] and 'data-status="done"' in seen[-1]


def test_what_cannot_be_done_is_a_sentence(desk):
    ask, forget = page_of(desk).ask, page_of(desk).forget
    assert "nothing to send" in ask(said(" "))["sentence"]
    lost = {"digest": "d" * 32, "name": "dog.wav"}
    assert "dog.wav is no longer stored" in ask(said("", clips=[lost]))["sentence"]
    forged = {"digest": "../../etc/passwd", "name": "x"}
    assert "no longer stored" in ask(said("", clips=[forged]))["sentence"]
    id = ask(said("hello"))["conversation"]
    talk = desk.talks.find(id)
    forget({"conversation": id})
    assert talk is None or talk.over.wait(5)
    assert "deleted" in ask(said("hello", id))["sentence"]


def test_a_refused_question_leaves_no_empty_conversation(desk):
    ask = page_of(desk).ask
    ask(said(" "))
    with desk.store._reading() as db:
        assert db["conversations"].count == 0


def test_a_deleted_conversation_is_told(desk):
    ((shown, newest),) = asyncio.run(gathered(desk.open(asker(c="0" * 32))))
    assert "not stored here" in shown and newest == ""


def test_the_list_comes_in_pages(desk):
    ids = [desk.store.start().id for _ in range(62)]
    for id in ids:
        desk.store.ask(id, (f"question {id}",))
    listing = page_of(desk).listing
    first = listing({})["html"]
    assert first.count('class="item"') == 60
    following = first.split('data-following="')[1].split('"')[0]
    rest = listing({"from": following})["html"]
    assert rest.count('class="item"') == 2 and "following" not in rest
    assert listing({"count": 62})["html"].count('class="item"') == 62


def test_a_search_shows_what_it_found_where(desk):
    id = desk.store.start().id
    turn = desk.store.ask(id, ("Was that <b>a nightingale</b>?",))
    desk.store.rename(id, "In the garden")
    html = page_of(desk).listing({"words": "night"})["html"]
    assert f'data-turn="{turn.id}"' in html
    assert "&lt;b&gt;a <mark>night</mark>ingale" in html and "In the garden" in html
    assert page_of(desk).listing({"words": "owl"})["html"] == ""


def test_what_one_does_to_a_conversation_is_seen_in_the_list(desk):
    page, store = page_of(desk), desk.store
    one, other = store.start().id, store.start().id
    for id in (one, other):
        store.ask(id, (id,))
    page.rename({"conversation": one, "title": "Blackbirds"})
    page.pin({"conversation": one, "pinned": True})
    page.label({"conversation": one, "tags": ["birds", " birds "]})
    shown = page.listing({})
    assert shown["html"].index("Blackbirds") < shown["html"].index(other)
    assert shown["tags"] == ["birds"]
    assert other not in page.listing({"tag": "birds"})["html"]
    copy = page.duplicate({"conversation": one})["conversation"]
    page.forget({"conversation": one})
    assert f'data-id="{one}"' not in page.listing({})["html"]
    assert f'data-id="{copy}"' in page.listing({})["html"]
    page.restore({"conversation": one})
    assert f'data-id="{one}"' in page.listing({})["html"]


def test_settings_are_kept_with_the_conversation_and_used(desk):
    page = page_of(desk)
    chosen = {"temperature": 0, "top_p": 0.9, "max_tokens": 3}
    asked = {"conversation": "", "title": "", "system": " Be brief. ", "answer_language": "fr"}
    id = page.tune(asked | {"sampling": chosen})["conversation"]
    page.ask(said("one two three four five", id))
    talk = desk.talks.find(id)
    assert talk is None or talk.over.wait(5)
    turn = desk.store.turns(id)[-1]
    assert (turn.text, turn.status) == ("one two three", LENGTH)
    assert turn.system == "Be brief.\n\nAnswer in French."
    kept = page.settings({"conversation": id})
    assert (kept["system"], kept["answer_language"]) == ("Be brief.", "fr")
    assert (kept["sampling"]["temperature"], kept["sampling"]["seed"]) == (0, None)
    refused = page.tune(asked | {"conversation": id, "sampling": {"temperature": 9}})
    assert "temperature lies between 0 and 5" in refused["sentence"]


def test_a_conversation_with_settings_alone_is_empty_not_gone(desk):
    id = desk.store.start(system="Be brief.").id
    ((shown, _),) = asyncio.run(gathered(desk.open(asker(c=id))))
    assert f'data-conversation="{id}"' in shown and "not stored" not in shown


def test_an_example_is_attached_with_its_question(desk):
    clip = page_of(desk).example({"key": "speech"})
    assert desk.store.clip(clip["digest"]).seconds == clip["seconds"] > 1
    assert clip["ask"] == "What does the person say?"
    assert "sentence" in page_of(desk).example({"key": "../../etc/passwd"})


# Addresses


@pytest.fixture
def client(places):
    app = Starlette(
        routes=web.routes(places, Limits(size=400_000)), middleware=web.middleware(Gate())
    )
    return client_of(app)


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


def test_how_far_a_long_recording_has_been_read_can_be_asked(places, beep):
    app = Starlette(routes=web.routes(places), middleware=web.middleware(Gate()))
    client = client_of(app)
    long = beep[:40] + b"\xff\xff\xff\xff" + beep[44:] * 900  # half an hour, as if streamed
    seen = []
    with ThreadPoolExecutor(1) as sender:
        sent = sender.submit(client.post, "/earshot/clips?name=a.wav&reading=it", content=long)
        while not sent.done():
            seen.append(client.get("/earshot/reading/it").json()["seconds"])
    assert sent.result().json()["seconds"] == 1800
    assert any(0 < seconds <= 1800 for seconds in seen)
    assert client.get("/earshot/reading/it").json() == {"seconds": 0}


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


def test_only_listed_files_are_given_and_kept_for_ever(client):
    given = client.get("/" + assets.address(assets.SCRIPT))
    assert given.headers["content-type"].startswith("text/javascript")
    assert "immutable" in given.headers["cache-control"]
    older = client.get("/earshot/assets/older/js/earshot.js")
    assert older.status_code == 200 and older.headers["cache-control"] == "no-store"
    for name in ("sidebar.html", "../launch.py", "js/../sidebar.html", "earshot-mini/config.json"):
        assert client.get(f"/earshot/assets/{assets.VERSION}/{name}").status_code == 404, name


def test_the_page_is_told_of_writing_and_of_restarts(client, places, store):
    before = client.get("/earshot/alive").json()
    store.ask(store.start().id, ("hello",))
    now = client.get("/earshot/alive").json()
    assert now["process"] == before["process"]
    app = Starlette(routes=web.routes(places), middleware=web.middleware(Gate()))  # served anew
    assert client_of(app).get("/earshot/alive").json()["process"] != now["process"]
    assert now["changed"] >= before["changed"]


def test_the_manifest_names_icons_that_are_there(client):
    manifest = client.get("/manifest.json").json()
    assert manifest["display"] == "standalone" and len(manifest["icons"]) == 4
    for icon in manifest["icons"]:
        assert client.get(icon["src"]).headers["content-type"] == icon["type"]


@pytest.mark.parametrize(
    "headers, code, look",
    [
        ({"accept-language": "de-CH, en;q=0.5"}, "de", ""),
        (
            {"accept-language": "de", "cookie": "earshot-language=ja; earshot-look=dark"},
            "ja",
            "dark",
        ),
        ({"accept-language": "xx", "cookie": 'earshot-look="><script>'}, "en", ""),
    ],
)
def test_the_page_goes_out_in_the_persons_language_and_look(headers, code, look):
    async def bare(scope, receive, send):
        await HTMLResponse('<html lang="en"><head></head></html>')(scope, receive, send)

    html = TestClient(web.Dressed(bare)).get("/", headers=headers).text
    assert f'<html lang="{code}" dir="ltr"' in html
    assert (f'data-look="{look}"' in html) == bool(look)
    assert LANGUAGES[code].say("composer.send") in html


def test_while_earshot_is_not_running_a_sentence_says_so(client):
    worker = client.get("/earshot/worker.js")
    assert worker.headers["service-worker-allowed"] == "/"
    page = client.get("/earshot/offline", headers={"accept-language": "fr"}).text
    assert 'lang="fr"' in page and "n’est pas lancé" in page and "<svg" in page
