"""An engine whose checkpoint has a reader: it takes notes, answers from them what they say, and its
language model reads them."""

from dataclasses import replace

import numpy as np
import pytest

from model import audio
from model.listening.notes import Note, Word
from model.local import LocalEngine
from model.machine import PACKAGED
from model.messages import Clip, Message, Sampling
from model.spec import SAMPLE_RATE
from model.tasks import TASKS
from tests.model import tiny_whisper

PLAIN = Sampling(temperature=0, max_tokens=64)
SPEECH = next((PACKAGED.parent / "sample").rglob("*youarenext*"), None)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tiny_whisper.joined(tmp_path_factory.mktemp("reads"))
    engine = LocalEngine.open(folder, bits=32)
    yield engine
    engine.close()


def tone(seconds=1.0):
    return Clip.of((9000 * np.sin(np.arange(int(seconds * SAMPLE_RATE)) / 6)).astype(np.int16))


@pytest.fixture
def noted():
    words = (Word(0.1, 0.4, "Hello"), Word(65.0, 65.3, "Ada."))
    return replace(
        tone(70),
        notes=(
            Note(start=0.0, end=30.0, reader="x", text="Hello", words=words[:1], language="en"),
            Note(start=60.0, end=70.0, reader="x", text="Ada.", words=words[1:], language="en"),
        ),
    )


def said(engine, *parts, **more):
    pieces = list(engine.reply([Message("user", parts)], more.pop("sampling", PLAIN), **more))
    return "".join(piece.text for piece in pieces), pieces[-1].finish


def test_each_window_has_a_note(engine):
    clip = tone(61)
    notes = list(engine.notes(clip))
    assert notes[0].start == 0 and notes[-1].end == pytest.approx(clip.seconds)
    assert [n.end for n in notes[:-1]] == [n.start for n in notes[1:]] and len(notes) == 3
    assert all(note.text == "" and note.level > -30 for note in notes), "nobody speaks in a tone"


def test_a_window_is_listened_to_once(engine, monkeypatch):
    clip = audio.decode(SPEECH)
    first = list(engine.notes(clip))
    monkeypatch.setattr(type(engine.listener), "_taken", lambda *_: pytest.fail("again"))
    assert list(engine.notes(audio.decode(SPEECH))) == first


@pytest.mark.parametrize("task", ["transcribe", TASKS["transcribe"]])
def test_a_task_is_answered_from_all_notes_word_for_word(engine, noted, task):
    assert said(engine, noted, "whatever", task=task) == ("Hello Ada.", "stop")
    assert said(engine, noted, "What does the person say?") == ("Hello Ada.", "stop")
    told, _ = said(engine, noted, "x", task="transcribe with times")
    assert told == "0:00 Hello\n1:05 Ada."
    assert said(engine, tone(), noted, "What is said?") == (
        "Recording 1: No words were heard.\nRecording 2: Hello Ada.",
        "stop",
    )


def test_it_is_about_the_newest_recordings_and_of_them_all_is_heard(engine, noted):
    old = [Message("user", (tone(), "What is it?")), Message("assistant", ("A tone.",))]
    talk = [*old, Message("user", (noted, "Listen.")), Message("assistant", ("Yes.",))]
    talk.append(Message("user", ("What does the person say?",)))
    assert "".join(piece.text for piece in engine.reply(talk, PLAIN)) == "Hello Ada."
    room = engine.room(talk)
    heard = [(h.digest, h.start, h.end) for h in room.heard if h.end]
    assert heard[-1][2] == 70 and {digest for digest, *_ in heard} == {noted.digest}
    assert room.has_answer


def test_an_answer_that_was_cut_off_goes_on(engine, noted):
    short = replace(PLAIN, max_tokens=2)
    begun, finish = said(engine, noted, "x", task="transcribe", sampling=short)
    assert finish == "length" and "Hello Ada.".startswith(begun) and begun != "Hello Ada."
    talk = [Message("user", (noted, "x")), Message("assistant", (begun,))]
    rest = "".join(piece.text for piece in engine.reply(talk, PLAIN, task="transcribe"))
    assert begun + rest == "Hello Ada."


def test_the_language_model_reads_the_notes(engine, noted):
    question = [Message("user", (replace(noted, notes=()), "Who is greeted?"))]
    with_notes = [Message("user", (noted, "Who is greeted?"))]
    n = len(engine.tokens.encode("Hello Ada."))
    assert engine.room(with_notes).used > engine.room(question).used + n
    list(engine.reply(with_notes, PLAIN))


def test_without_a_recording_nothing_is_answered_from_notes(engine):
    pieces = list(engine.reply([Message("user", ("What is said?",))], PLAIN))
    assert pieces[-1].n_prompt > 0


def test_a_model_without_slots_reads_notes_alone(engine, noted, monkeypatch):
    monkeypatch.setattr(engine, "renderer", replace(engine.renderer, has_slots=False))
    with_slots = replace(engine.renderer, has_slots=True)
    messages = [Message("user", (noted, "Who is greeted?"))]
    windows = engine._select(messages).windows
    bare, full = (r.chat(messages, windows) for r in (engine.renderer, with_slots))
    slots = sum(with_slots.n_slots(w.end - w.start) + 2 for w in windows[0])
    assert len(full) - len(bare) == slots and bare.windows == []
    list(engine.reply(messages, PLAIN))
