"""Servers that are killed without warning lose nothing that they confirmed; and the count would
tell if they did."""

import pytest

from benchmarks import crash
from benchmarks.crash import Confirmed, lost
from model import audio
from sessions.store import Store
from tests.model.conftest import noise


def test_a_few_moments():
    found = crash.measure(moments=2, seed=7, whole=2)
    assert (found["corrupt"], found["lost"]) == (0, 0)
    assert found["whole"] == 1 and found["questions"] > 0


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def test_what_is_gone_is_counted(store, tmp_path):
    clip = noise(1.0)
    audio.export(clip, tmp_path / "noise.flac", "flac")
    store.keep(clip.digest, clip.seconds, (tmp_path / "noise.flac").read_bytes())
    id = store.start().id
    store.ask(id, (store.clip(clip.digest, "noise.wav"), "what is it?"))
    store.finish(store.begin(id).id, "Noise.", "done")
    confirmed = Confirmed(
        {clip.digest: ""}, [(id, "what is it?", (clip.digest,))], [(id, "Noise.")]
    )
    assert lost(store, confirmed) == []
    assert lost(store, confirmed, by_hash=True) == []
    more = Confirmed({"0" * 32: ""}, [(id, "and now?", ())], [(id, "Rain.")])
    assert len(lost(store, more)) == 3
    other = noise(1.0, seed=9)
    audio.export(other, tmp_path / "other.flac", "flac")
    store.clips.path(clip.digest).write_bytes((tmp_path / "other.flac").read_bytes())
    assert lost(store, confirmed, by_hash=True) == [f"clip {clip.digest}"]
    assert lost(store, confirmed) == [f"clip {clip.digest}"]
