"""A store of one's own, and sounds that need no ear: their digest is their MD5."""

from hashlib import md5

import pytest

from sessions.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def other(tmp_path):
    """Somebody else's store."""
    with Store(tmp_path / "other") as store:
        yield store


def _check(sound):
    if b"not a sound" in sound:
        raise ValueError("it holds no sound we can read")
    return md5(sound).hexdigest(), len(sound) / 10


@pytest.fixture
def check():
    """Stands for the model's ear: the true digest and seconds of a sound."""
    return _check


@pytest.fixture
def keep(store):
    """Stores a sound and refers to it."""

    def keep(name, sound=None):
        sound = b"fLaC" + (sound or name.encode())
        digest, seconds = _check(sound)
        store.keep(digest, seconds, sound)
        return store.clip(digest, name)

    return keep


@pytest.fixture
def talk(store):
    """Says things in turns: the person, the model, the person …"""

    def talk(*said, id=None):
        id = id or store.start().id
        for i, text in enumerate(said):
            if i % 2:
                store.finish(store.begin(id).id, text, "done")
            else:
                store.ask(id, (text,) if isinstance(text, str) else text)
        return id

    return talk
