"""The model that ships, on real recordings it was never taught."""

import json

import pytest

from model import audio
from model.evaluation.metrics import METRICS, Pair
from model.local import LocalEngine
from model.machine import PACKAGED
from model.messages import Message, Sampling

SAMPLE = PACKAGED.parent / "sample"
GREEDY = Sampling(max_tokens=64, temperature=0)

pytestmark = [
    pytest.mark.mini,
    pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets"),
]


@pytest.fixture(scope="module")
def engine():
    return LocalEngine.open(PACKAGED)


def say(engine, messages):
    return "".join(piece.text for piece in engine.reply(messages, GREEDY))


def test_it_writes_down_most_of_what_is_said(engine):
    rows = [json.loads(line) for line in (SAMPLE / "manifest.jsonl").open()]
    spoken = [row for row in rows if row["task"] == "transcribe" and not row.get("before")]
    short = [row for row in spoken if row["duration"] < 6]
    assert len(short) >= 15
    pairs = []
    for row in short:
        clip = audio.decode(SAMPLE / row["audio"])
        answer = say(engine, [Message("user", (clip, "What does the person say?"))])
        pairs.append(Pair(row["text"], answer))
    assert METRICS["word error rate"].of(pairs) < 0.5


def test_a_follow_up_reads_little_anew(engine):
    clip = audio.decode(SAMPLE / "auth-thankyou.g722")
    first = Message("user", (clip, "What does the person say?"))
    said = say(engine, [first])
    talk = [first, Message("assistant", (said,)), Message("user", ("Say it again, please.",))]
    *_, last = engine.reply(talk, GREEDY)
    assert last.n_reused > 0.6 * last.n_prompt


def test_it_is_small_and_says_so(engine):
    assert sum(file.stat().st_size for file in PACKAGED.iterdir()) < 170e6
    assert engine.about.name == "Earshot-mini"
    assert engine.about.note and engine.about.licence == "Apache-2.0"
