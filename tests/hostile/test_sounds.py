"""A slice of the hostile files, one after the other: each is heard, or refused with a sentence."""

import time
from hashlib import blake2b

import pytest

from model import audio
from model.errors import Unplayable
from tests.hostile import sounds

EVERY = 23


@pytest.fixture(scope="module")
def corpus():
    return sounds.corpus()


def test_there_are_enough_of_every_kind(corpus):
    assert len(corpus) >= 500
    kinds = [one.kind for one in corpus]
    assert min(kinds.count(kind) for kind in set(kinds)) >= 10 and len(set(kinds)) == 11


def test_the_same_seed_makes_the_same_files(corpus):
    def digest(files):
        all = b"".join(blake2b(one.content).digest() for one in files)
        return blake2b(all).hexdigest()

    spoilt = [one for one in corpus if one.kind == "bits flipped"]
    real = sounds.made()
    again = list(sounds.flipped(real, sounds.random.Random(sounds.SEED)))
    assert digest(again) == digest(spoilt)
    other = list(sounds.flipped(real, sounds.random.Random(sounds.SEED + 1)))
    assert digest(other) != digest(spoilt)


def test_a_slice_is_heard_or_refused_with_a_sentence(corpus):
    heard = 0
    for one in corpus[::EVERY]:
        try:
            heard += audio.decode(one.content, name=one.name).seconds > 0
        except Unplayable as refused:
            assert str(refused)[-1] in ".?" and len(str(refused)) < 400, one
    assert 5 < heard < len(corpus[::EVERY]) - 5


@pytest.mark.parametrize("name", ["days.flac", "zlib.mka", "rate.wav", "x.gz"])
def test_a_bomb_is_refused_at_once(corpus, name):
    bomb = next(one for one in corpus if one.kind == "bomb" and one.name == name)
    began = time.process_time()
    with pytest.raises(Unplayable):
        audio.decode(bomb.content, name=name)
    assert time.process_time() - began < 2
