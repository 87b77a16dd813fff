"""Hostile requests: that they are the same again, that a fault would be seen, and a few of them."""

import json
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import Answer, World
from tests.hostile.requests import Asked, Known, requests

KNOWN = Known(
    routes=[("/earshot/clips/{digest}", ["GET"]), ("/gradio_api/file={path:path}", ["GET"])],
    commands=["ask"],
    component=6,
    ids=["a" * 32],
    files=["/etc/passwd"],
    urls=["http://127.0.0.1:1/x"],
    askers=("owner", "ada", "nobody"),
)


def test_the_same_seed_makes_the_same_requests():
    one, same, other = (list(requests(KNOWN, 300, seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert {asked.who for asked in one} == set(KNOWN.askers)
    assert not any("{digest}" in asked.path for asked in one)


ASKED = Asked("ada", "GET", "/")
OURS = b'content-type: application/json\n\n{"sentence":"Something went wrong."}'


@pytest.mark.parametrize(
    "answer, kinds",
    [
        (Answer(200, b"all is well", 0.1), []),
        (Answer(200, b"canary-words-of-ada", 0.1), []),
        (Answer(200, b"x canary-words-of-ben x", 0.1), ["leaks"]),
        (Answer(404, b"root:x:0:0:", 0.1), ["files"]),
        (Answer(500, b"Internal Server Error", 0.1), ["errors"]),
        (Answer(500, OURS, 0.1), []),
        (Answer(200, b'{"detail": "Traceback (most recent call last)"}', 0.1), ["errors"]),
        (Answer(200, b"", 11.0), ["hangs"]),
    ],
)
def test_a_fault_would_be_seen(answer, kinds):
    secrets = {b"canary-words-of-ada": "ada", b"canary-words-of-ben": "ben", b"root:x:0:0": ""}
    world = World(Path("."), secrets=secrets)
    assert fuzz.wrong(world, ASKED, answer) == kinds


def test_a_few_hundred_requests_find_nothing():
    """On the real server, with an owner, two guests and nobody."""
    found = fuzz.measure(300, seed=1)
    assert found["alive"] and found["requests"] == 300 and found["addresses"] > 100
    nothing = ("errors", "leaks", "files", "fetched", "secrets_in_log")
    assert {name: found[name] for name in nothing} == dict.fromkeys(nothing, 0), json.dumps(found)
