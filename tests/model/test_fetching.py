"""Processes that fetch: their progress, their complaints, their end."""

import os
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import synthetic
from model.errors import NoRoom, NoWeights
from model.fetching import Fetching
from model.library import BIG, PACKED, Library
from model.machine import Fit
from tests.model.test_weights import Hub

ROOT = Path(__file__).parents[2]


def running(code):
    ended = threading.Event()
    return Fetching([sys.executable, "-c", code], ended.set), ended


def over(fetching, seconds=120):
    until = time.monotonic() + seconds
    while not fetching.is_over:
        assert time.monotonic() < until
        time.sleep(0.01)
    return fetching


def test_what_it_prints_is_its_progress():
    fetching, ended = running("print('hello'); print('fetching 3 10'); print('packing 5 7')")
    assert ended.wait(60)
    over(fetching)
    assert (fetching.what, fetching.done, fetching.total) == ("packing", 5, 7)
    assert not fetching.trouble and not fetching.is_stopped


def test_the_last_thing_it_complains_of_is_its_trouble():
    fetching, _ = running("import sys; print('a warning', file=sys.stderr); sys.exit('No room.')")
    assert over(fetching).trouble == "No room."
    silent, _ = running("import sys; sys.exit(3)")
    assert over(silent).trouble == "It ended with 3."


def test_it_is_stopped_and_that_is_no_trouble():
    fetching, ended = running("import time; print('fetching 1 9', flush=True); time.sleep(600)")
    while not fetching.done:
        time.sleep(0.01)
    fetching.stop()
    assert fetching.is_over and fetching.is_stopped and not fetching.trouble
    assert ended.is_set() and (fetching.done, fetching.total) == (1, 9)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub in this process, to which other processes go."""
    folder = tmp_path / "official"
    synthetic.write(folder, synthetic.TOY | {"vocab_size": 2048}, shard_bytes=1 << 20)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.damaged, server.cut, server.asked = folder, set(), {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def library(data):
    command = [sys.executable, str(ROOT / "launch.py"), "download", "--tell", "--data", str(data)]
    return Library(data / "models", fetching=command)


def test_the_large_model_is_offered_fetched_packed_and_then_there(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("model.library.FETCHED_BYTES", 40e6)
    monkeypatch.setattr("model.library.PACKED_BYTES", 10e6)
    here = library(tmp_path)
    offer = here.offer()
    assert (offer.needs, offer.has_begun) == (50e6, False) and offer.free > 50e6
    ended = threading.Event()
    fetching = here.fetch(ended.set)
    assert ended.wait(240)
    assert not over(fetching).trouble
    assert fetching.what == "packing" and fetching.done > 0.9 * fetching.total > 1e6
    found = {entry.name: entry for entry in here.entries()}
    assert found[BIG].bits == 16 and found[PACKED].bits == 4
    assert here.offer() is None
    with pytest.raises(NoWeights, match="here already"):
        here.fetch(ended.set)


def test_without_the_hub_there_is_a_sentence(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("model.library.FETCHED_BYTES", 1e6)  # any disk will do
    monkeypatch.setattr("model.library.PACKED_BYTES", 1e6)
    hub.shutdown()
    hub.server_close()
    fetching = library(tmp_path).fetch(lambda: None)
    assert "Is this machine online?" in over(fetching, 240).trouble


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr("model.library.FETCHED_BYTES", 1e18)
    here = library(tmp_path)
    assert here.offer().needs > here.offer().free
    with pytest.raises(NoRoom, match="GB are free on the disk"):
        here.fetch(lambda: None)
    assert not os.listdir(tmp_path)


def test_what_has_arrived_need_not_arrive_again(tmp_path):
    here = library(tmp_path)
    before = here.offer()
    part = tmp_path / "models" / BIG / "part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(1_000_000))
    after = here.offer()
    assert after.has_begun and before.needs - after.needs == 1_000_000
    assert isinstance(after.fit, Fit)
