"""The model is changed under the page's talks: with the packaged model, copies of it, and folders
that are wrong."""

import gc
import json
import os
import threading
import weakref
from types import SimpleNamespace

import psutil
import pytest

from app import chat
from app.choosing import choosing, running, telling
from app.events import OR_GUESTS, OWNERS
from app.models import LOADING, Failed, Models
from app.owner import is_owner
from app.policy import UNLIMITED, Allowance, Policy
from app.seat import Seat
from app.talks import Talks
from app.visitors import Visitor
from benchmarks import synthetic
from model.engine import Parrot
from model.library import Entry, Library
from model.machine import PACKAGED
from model.messages import Message, Sampling
from sessions.records import DONE
from tests.app.asking import Here, called

MINI, SECOND, TOY = "earshot-mini", "second", "toy"
absent = not (PACKAGED / "config.json").exists()


def another(folder, **changes):
    """Earshot-mini again, in a folder of its own and with another config.json."""
    folder.mkdir(parents=True)
    for file in PACKAGED.iterdir():
        if file.name != "config.json":
            (folder / file.name).symlink_to(file)
    config = json.loads((PACKAGED / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    another(folder / SECOND, title="Second-mini")
    text = json.loads((PACKAGED / "config.json").read_text())["text_config"]
    other = text | {"intermediate_size": text["intermediate_size"] * 2}
    another(folder / "mixed", title="Mixed", text_config=other)
    another(folder / "cut", title="Cut")
    shard = next((folder / "cut").glob("*.safetensors"))
    shard.unlink()
    shard.write_bytes(b"\x10\0\0\0\0\0\0\0 not a header ")
    (folder / "nonsense").mkdir()
    (folder / "nonsense" / "config.json").write_text('{"model_type": 7')
    synthetic.write(folder / TOY, synthetic.TOY)
    return folder


class Slow:
    """A library whose one model comes when it is told to."""

    folder = PACKAGED

    def __init__(self):
        self.may_come, self.asked = threading.Event(), threading.Event()

    def entries(self):
        return [Entry("slow", "Slow"), Entry("broken", "Broken", trouble="It is damaged.")]

    def open(self, name, progress):
        self.asked.set()
        while not self.may_come.wait(0.01):
            progress(1, 2)
        return Parrot()


def changed(models):
    """Waits until nothing is under way."""
    over = threading.Event()
    models._talks._line._worker.submit(over.set)
    assert over.wait(120)
    return models


@pytest.fixture
def slow(store):
    seat = Seat(Parrot(pause=0.05), "parrot")
    talks = Talks(seat, store)
    yield Models(seat, talks, Slow())
    talks.close()


def asked(models, store, words="one two"):
    id = store.start().id
    models._talks.start(id, (words,), Sampling())
    return id


def test_while_a_model_is_loaded_questions_are_refused_and_nothing_is_stored(slow, store):
    slow.use("slow")
    assert slow.loading.title == "Slow"
    id = store.start().id
    with pytest.raises(chat.Refused, match=LOADING):
        slow._talks.start(id, ("one",), Sampling())
    assert store.turns(id) == []
    with pytest.raises(chat.Refused, match="loaded already"):
        slow.use("slow")
    slow._library.may_come.set()
    changed(slow)
    assert (slow.seat.name, slow.loading, slow.failed) == ("slow", None, None)
    talk = slow._talks.start(id, ("one",), Sampling())
    assert talk.over.wait(10) and store.turns(id)[-1].status == DONE


def test_while_an_answer_is_given_the_model_stays(slow, store):
    talk = slow._talks.find(asked(slow, store, "word " * 100))
    with pytest.raises(chat.Refused, match="An answer is being given"):
        slow.use("slow")
    assert slow.loading is None and slow.seat.name == "parrot"
    slow._talks.stop(talk.turn.conversation)
    assert talk.over.wait(10)


def test_a_load_is_given_up(slow):
    slow.use("slow")
    assert slow._library.asked.wait(10)
    slow.give_up()
    changed(slow)
    assert (slow.seat.name, slow.loading, slow.failed) == ("parrot", None, None)


@pytest.mark.parametrize("name, said", [("broken", "damaged"), ("gone", "no longer here")])
def test_what_cannot_be_loaded_is_refused_at_once(slow, name, said):
    with pytest.raises(chat.Refused, match=said):
        slow.use(name)
    assert slow.loading is None


def test_every_beginning_and_end_is_noticed(slow):
    states = [slow.state]
    slow.use("slow")
    states.append(slow.state)
    slow._library.may_come.set()
    changed(slow)
    states.append(slow.state)
    assert len(set(states)) == 3


@pytest.fixture(scope="module")
def library(folder):
    return Library(folder, also="parrot")


@pytest.fixture
def models(store, library):
    seat = Seat(library.open(MINI, lambda done, total: None), MINI)
    talks = Talks(seat, store)
    yield Models(seat, talks, library)
    talks.close()
    seat.close()


def spoken(models):
    asked = [Message("user", ("What does the person say?",))]
    return "".join(p.text for p in models.seat.reply(asked, Sampling(max_tokens=4, temperature=0)))


@pytest.mark.mini
@pytest.mark.skipif(absent, reason="no weights in assets")
def test_what_is_here_is_listed_and_what_is_wrong_says_why(library):
    entries = {entry.name: entry for entry in library.entries()}
    assert list(entries) == [MINI, "cut", "mixed", "nonsense", SECOND, TOY, "parrot"]
    assert entries[SECOND].title == "Second-mini" and entries[SECOND].bits == 4
    assert entries[TOY].title == "Qwen-Audio-Chat" and entries[TOY].bits == 16
    assert 100e6 < entries[MINI].n_bytes < 170e6
    assert "damaged" in entries["cut"].trouble and "is no JSON" in entries["nonsense"].trouble
    assert [e.name for e in entries.values() if e.trouble] == ["cut", "nonsense"]


@pytest.mark.mini
@pytest.mark.skipif(absent, reason="no weights in assets")
def test_conversations_go_on_with_another_model_and_say_which_answered(models, store):
    id = asked(models, store, "Hello")
    assert models._talks.find(id).over.wait(120)
    models.use(SECOND)
    changed(models)
    assert models.seat.about.name == "Second-mini" and models.seat.about.n_weights > 100e6
    question = store.turns(id)[0]
    assert models._talks.again(question, Sampling(max_tokens=4)).over.wait(120)
    first = store.turn(store.versions(store.turns(id))[store.turns(id)[-1].id].ids[0])
    assert (first.model, store.turns(id)[-1].model) == ("Earshot-mini", "Second-mini")


@pytest.mark.mini
@pytest.mark.skipif(absent, reason="no weights in assets")
def test_a_load_that_fails_leaves_the_old_model_working(models):
    before = spoken(models)
    models.use("mixed")
    changed(models)
    assert models.failed.title == "Mixed" and "belong to different models" in models.failed.sentence
    assert models.seat.name == MINI and spoken(models) == before
    models.use(SECOND)
    assert changed(models).failed is None


@pytest.mark.mini
@pytest.mark.skipif(absent, reason="no weights in assets")
def test_memory_does_not_grow_with_switches_in_either_direction(models):
    process = psutil.Process(os.getpid())
    held = []
    for name in (SECOND, TOY, MINI) * 2:
        left = weakref.ref(models.seat._engine.model)
        if models.seat.name != TOY:  # that one has no words
            spoken(models)
        models.use(name)
        changed(models)
        assert models.seat.name == name, models.failed
        gc.collect()
        assert left() is None, f"the model before {name} is still there"
        if name == MINI:
            held.append(process.memory_info().rss)
    assert held[-1] - held[0] < 0.3 * models.seat.about.memory_bytes


@pytest.fixture
def here(slow, store):
    return Here(SimpleNamespace(store=store, talks=slow._talks))


def test_only_the_owner_may_change_the_model(slow, store, here):
    refused = {"sentence": "Only who runs Earshot on this machine may do this."}
    for work in (*choosing(slow), *running(slow, store)):
        if work.__name__ != "machine":
            assert called(work, here, Visitor(), who=OWNERS)(name="slow") == refused
            assert called(work, here, Visitor(), who=OR_GUESTS)(name="slow") == refused
    (model,) = telling(slow, Allowance(UNLIMITED))
    assert called(model, here, Visitor())()["name"] == "parrot"
    slow.failed = Failed("Broken", "The folder /home/somebody/model is damaged.")
    (guests,) = telling(slow, Allowance(Policy()))
    assert "somebody" not in str(called(guests, here)()) and slow.loading is None
    assert "somebody" in str(called(model, here)())


@pytest.mark.parametrize(
    "host, headers, owns",
    [
        ("127.0.0.1", {}, True),
        ("::1", {"Host": "[::1]:7860"}, True),
        ("10.0.0.3", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.3"}, False),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.3"}, False),
        ("127.0.0.1", {"Host": "earshot.example"}, False),
        ("testclient", {}, False),
    ],
)
def test_the_owner_is_who_sits_at_the_machine(host, headers, owns):
    headers = {"Host": "localhost:7860"} | headers
    request = SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)
    assert is_owner(request) is owns


def test_the_page_is_told_what_answers_and_what_is_under_way(slow, here):
    (model,) = telling(slow, Allowance(UNLIMITED))
    told = called(model, here)()
    assert (told["name"], told["loading"], told["failed"]) == ("parrot", None, None)
    slow.use("slow")
    assert called(model, here)()["loading"]["title"] == "Slow"
    slow._library.may_come.set()
    changed(slow)
    assert called(model, here)()["stamp"] != told["stamp"]
