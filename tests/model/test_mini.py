"""The model that ships, on real recordings it was never taught."""

import json

import pytest

from model import audio
from model.evaluation.metrics import METRICS, Pair
from model.local import LocalEngine
from model.machine import PACKAGED
from model.messages import Message, Sampling
from model.tasks import TASKS

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


def asked(engine, task, longest=float("inf")):
    """Pairs: what is true of a clip of the sample, and the answer to the task's own question."""
    rows = [json.loads(line) for line in (SAMPLE / "manifest.jsonl").open()]
    rows = [row for row in rows if row["task"] == task and not row.get("before")]
    rows = [row for row in rows if row["duration"] < longest]
    assert len(rows) >= 15
    clips = (audio.decode(SAMPLE / row["audio"]) for row in rows)
    answers = (say(engine, [Message("user", (clip, TASKS[task].asks))]) for clip in clips)
    return [Pair(row["text"], answer) for row, answer in zip(rows, answers, strict=True)]


def test_it_writes_down_most_of_what_is_said(engine):
    assert METRICS["word error rate"].of(asked(engine, "transcribe", longest=6.0)) < 0.5


@pytest.mark.parametrize(
    "task, least", [("kind of sound", 0.6), ("gender", 0.75), ("language", 0.6)]
)
def test_it_knows_what_it_hears(engine, task, least):
    pairs = asked(engine, task)
    assert sum(pair.answer == pair.true for pair in pairs) / len(pairs) >= least


def test_three_kinds_of_sound_and_a_follow_up(engine):
    kinds = {"queue-youarenext.g722": "Speech.", "cat.ogg": "An animal."}
    kinds |= {"violin.ogg": "An instrument.", "guitar-chord.flac": "An instrument."}
    for name, kind in kinds.items():
        talk = [Message("user", (audio.decode(SAMPLE / name), "What kind of sound is it?"))]
        assert say(engine, talk) == kind
    talk.append(Message("assistant", (kind,)))
    talk.append(Message("user", ("And which family of instruments is it?",)))
    assert say(engine, talk) == "Guitar."


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
