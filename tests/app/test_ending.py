"""Earshot is closed: nothing more is asked, what was said is stored, and it is quick about it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from app.chat import Refused
from app.places import Places
from model.engine import Parrot
from model.messages import Sampling
from sessions.records import DONE, INTERRUPTED, STOPPED
from sessions.store import Store
from tests.app.conftest import ROOT


def asked(places, *texts):
    """A conversation for each text, its answer under way."""
    ids = [places.owner.store.start().id for _ in texts]
    for id, text in zip(ids, texts, strict=True):
        places.owner.talks.start(id, (text,), Sampling())
    return ids


def until(happened):
    ends = time.monotonic() + 90
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


def last(store, id):
    turn = store.turns(id)[-1]
    return turn.status, turn.text


def test_an_answer_that_is_nearly_done_comes_to_its_end_and_those_that_wait_have_none(store):
    places = Places(Parrot(pause=0.05), store)
    first, second, third = asked(places, "a few short words", "another", "a third")
    until(lambda: places.owner.talks.find(first).said)
    places.wind_up(patience=20)
    assert last(store, first) == (DONE, "a few short words")
    assert last(store, second) == last(store, third) == (INTERRUPTED, "")
    places.close()


def test_a_long_answer_is_interrupted_as_far_as_it_came(store):
    places = Places(Parrot(pause=0.02), store)
    (id,) = asked(places, "word " * 1000)
    until(lambda: len(places.owner.talks.find(id).said) > 20)
    began = time.monotonic()
    places.wind_up(patience=0.2)
    assert time.monotonic() - began < 5
    status, text = last(store, id)
    assert status == INTERRUPTED and text.startswith("word word")
    places.close()


def test_nothing_is_asked_any_more_and_nothing_of_it_stored(store):
    places = Places(Parrot(), store)
    id = store.start().id
    places.wind_up()
    with pytest.raises(Refused, match="Earshot is being closed"):
        places.owner.talks.start(id, ("hello",), Sampling())
    assert store.turns(id) == [] and places.is_ending
    places.close()


def test_who_presses_stop_has_stopped_it(store):
    places = Places(Parrot(pause=0.02), store)
    first, second = asked(places, "word " * 1000, "another")
    for id in (first, second):
        places.owner.talks.stop(id)
    until(lambda: not places.owner.talks.is_busy)
    assert last(store, first)[0] == last(store, second)[0] == STOPPED
    places.close()


SERVER = """
import sys
from app.page import serve
from model.engine import Parrot
from model.messages import Sampling
from app import page, places

def ready(address):
    place = PLACES[0].owner
    conversation = place.store.start()
    place.talks.start(conversation.id, ("word " * 20_000,), Sampling())
    print(address, conversation.id, flush=True)

PLACES = []
class Known(places.Places):
    def __init__(self, *args):
        super().__init__(*args)
        PLACES.append(self)
page.Places, page.PATIENCE = Known, 1.5
import signal
for one in (signal.SIGTERM, signal.SIGINT):  # which a shell's background job ignores
    signal.signal(one, signal.default_int_handler)
serve(Parrot(pause=0.05), sys.argv[1], port=int(sys.argv[2]), open_browser=False, ready=ready)
"""


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_a_few_seconds_and_the_page_is_told(tmp_path, by):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(tmp_path), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            address, id = process.stdout.readline().split()
            assert fetched(f"{address}earshot/alive")["ending"] is False
            assert fetched(f"{address}healthz")["ok"] is True
            assert "earshot_questions 1.0" in read(f"{address}metrics")[1]
            passed_on = {"x-forwarded-for": "203.0.113.9"}
            assert read(f"{address}metrics", passed_on)[0] in (403, 404), "off from the outside"
            process.send_signal(by)
            until(lambda: fetched(f"{address}earshot/alive")["ending"])
            state = fetched(f"{address}healthz")
            assert (state["ok"], state["waiting"]) == (False, 1)
            assert process.wait(120) == 0
        finally:
            process.kill()
    with Store(tmp_path) as store:
        status, text = last(store, id)
    assert status == INTERRUPTED and text.startswith("word word")


def fetched(address):
    return json.loads(read(address)[1])


def read(address, headers=()):
    """(status, text)."""
    try:
        request = urllib.request.Request(address, headers=dict(headers))
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
