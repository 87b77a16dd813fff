"""Sampling, stopping, whole characters, order of service."""

import re
import threading
import time
from math import ceil

import numpy as np
import pytest
import torch

from model.errors import DoesNotFit
from model.generate import Sampler
from model.longcontext import logn_scale, ntk_alpha
from model.messages import Clip, Message, Missing, Sampling
from model.tasks import TASKS
from model.turnstile import Turnstile
from model.windows import split
from tests.model.conftest import noise, tiny_engine

CPU = torch.device("cpu")
LOGITS = torch.tensor([[2.0, 1.0, 0.5, -1.0]])


def draws(sampling, n=300, banned=()):
    sampler = Sampler(sampling, CPU, banned)
    return [sampler(LOGITS) for _ in range(n)]


def test_temperature_0_takes_the_likeliest():
    assert set(draws(Sampling(temperature=0))) == {0}


def test_the_same_seed_draws_the_same():
    one, two, other = (draws(Sampling(temperature=1, top_p=1, seed=s)) for s in (7, 7, 8))
    assert one == two != other


def test_top_k_and_top_p_leave_out_the_unlikely():
    assert set(draws(Sampling(temperature=1, top_p=1, top_k=2, seed=0))) == {0, 1}
    assert set(draws(Sampling(temperature=1, top_p=0.7, seed=0))) == {0, 1}
    assert set(draws(Sampling(temperature=1, top_p=1, seed=0), 3000)) == {0, 1, 2, 3}


def test_repetition_penalty_turns_away_from_what_was_said():
    said = draws(Sampling(temperature=0, repetition_penalty=5), 3)
    assert said == [0, 1, 2]


def test_what_is_banned_is_never_said():
    assert set(draws(Sampling(temperature=1, top_p=1, seed=0), banned={0, 2})) == {1, 3}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"max_tokens": 0},
        {"repetition_penalty": 0},
        {"temperature": float("nan")},
    ],
)
def test_nonsense_is_refused_with_the_value(nonsense):
    with pytest.raises(ValueError, match=str(next(iter(nonsense.values())))):
        Sampling(**nonsense)


@pytest.mark.parametrize(
    "length, alpha", [(1, 1), (2048, 1), (2049, 3), (4096, 3), (4097, 7), (8192, 7)]
)
def test_the_rotary_base_widens_in_steps(length, alpha):
    assert ntk_alpha(length, 2048) == alpha


def test_queries_are_sharpened_only_beyond_the_trained_length():
    scale = logn_scale(torch.tensor([[0, 2047, 4095]]), 2048)
    torch.testing.assert_close(scale, torch.tensor([[1.0, 1.0, 12 / 11]]))


def test_text_is_whole_characters():
    engine = tiny_engine()
    pieces = list(engine.reply([Message("user", ("x",))], Sampling(max_tokens=64, seed=1)))
    streamed = "".join(piece.text for piece in pieces)
    raw = b"".join(engine.tokens.bytes_of(i) for piece in pieces for i in piece.token_ids)
    assert streamed == raw.decode(errors="replace")
    assert pieces[-1].finish in ("stop", "length")


def test_the_limit_is_kept_and_said():
    engine = tiny_engine()
    pieces = list(engine.reply([Message("user", ("x",))], Sampling(max_tokens=3, temperature=0)))
    n = sum(len(piece.token_ids) for piece in pieces)
    assert (n == 3) == (pieces[-1].finish == "length")


def test_inference_mode_does_not_leak_to_the_listener():
    stream = tiny_engine().reply([Message("user", ("x",))], Sampling(max_tokens=5))
    for _ in stream:
        assert not torch.is_inference_mode_enabled()


def test_a_window_is_encoded_once():
    engine = tiny_engine()
    calls = []
    forward = engine.model.audio.forward
    engine.model.audio.forward = lambda *args: calls.append(1) or forward(*args)
    clip = noise(1)
    for question in ("what?", "who?", "where?"):
        list(engine.reply([Message("user", (clip, question))], Sampling(max_tokens=2)))
    assert len(calls) == 1


def test_a_question_longer_than_the_context_is_refused_before_the_first_piece():
    with pytest.raises(DoesNotFit, match="leaves no room for an answer"):
        next(tiny_engine().reply([Message("user", ("word " * 2000,))], Sampling()))


def test_what_of_a_long_recording_is_not_heard_is_said():
    engine = tiny_engine()
    seconds = 900  # a context of 8192 holds about four minutes
    clip = Clip.of((np.sin(np.arange(seconds * 16_000) / 9) * 9000).astype(np.int16))
    room = engine.room([Message("user", (clip, "?"))])
    (unheard,) = room.unheard
    assert unheard.digest == clip.digest and unheard.end == seconds
    assert 200 < unheard.start < 300
    assert 0 < room.used < room.context
    both = [Message("user", (clip, noise(20), "?"))]
    assert [u.start for u in engine.room(both).unheard] == [unheard.start, 0]
    assert list(engine.reply(both, Sampling(max_tokens=2)))[-1].n_prompt == engine.room(both).used


def test_a_new_recording_is_heard_and_the_old_ones_make_room_from_their_ends():
    engine = tiny_engine()
    old, new = long_tone(900), noise(70)
    talk = [Message("user", (old, "?")), Message("assistant", ("well",))]
    before = engine.room(talk).unheard[0].start
    talk.append(Message("user", (new, "and this?")))
    (unheard,) = engine.room(talk).unheard
    assert unheard.digest == old.digest and 0 < unheard.start < before
    talk += [Message("assistant", ("hm",)), Message("user", ("sure?",))]
    assert engine.room(talk).unheard == (unheard,)  # what is talked about stays heard


def test_a_long_question_about_a_long_recording_is_read_and_takes_room_from_it():
    engine = tiny_engine()
    question = Message("user", (long_tone(900), "word " * 1200))
    room = engine.room([question])
    assert room.is_cut and room.has_answer and 0 < room.unheard[0].start < 100
    assert list(engine.reply([question], Sampling(max_tokens=2)))[-1].n_prompt == room.used


def test_what_is_heard_names_each_window_and_its_clip_by_the_prompts_numbers():
    engine = tiny_engine()
    one, other = noise(70), noise(3, seed=1)
    talk = [Message("user", (Missing("f" * 32), one, other)), Message("assistant", ("a",))]
    heard = engine.room([*talk, Message("user", (one, "?"))]).heard
    windows = [(w.start / 16_000, w.end / 16_000) for w in split(one)]
    assert [(h.message, h.number, h.digest, h.start, h.end) for h in heard] == [
        *((0, 2, one.digest, *window) for window in windows),
        (0, 3, other.digest, 0.0, 3.0),
        *((2, 1, one.digest, *window) for window in windows),
    ]


def test_a_task_by_tags_is_about_one_recording_and_what_it_leaves_out_is_told():
    engine, first, second = tiny_engine(), noise(3), noise(2, seed=1)
    earlier = [Message("user", (first, "?")), Message("assistant", ("a",))]
    talk = [*earlier, Message("user", (second, "?"))]
    room = engine.room(talk, task="caption")
    assert [(u.digest, u.start, u.end) for u in room.unheard] == [(first.digest, 0, 3)]
    assert [h.digest for h in room.heard if h.end > h.start] == [second.digest]
    for task in ("caption", TASKS["caption"]):
        read = engine._prompt(talk, task)
        assert [window.clip.digest for window in read.windows] == [second.digest]
    assert engine.room(earlier[1:], task="caption").heard == ()  # an answer without a question
    only_tags = tiny_engine(chats=False)
    both = [Message("user", (first, second, "?"))]
    assert [u.digest for u in only_tags.room(both, task="caption").unheard] == [first.digest]


@pytest.mark.parametrize("task", ["caption", "same speaker"])
def test_a_task_about_two_recordings_in_one_question_hears_both(task):
    engine, both = tiny_engine(), [Message("user", (noise(3), noise(2, seed=1), "?"))]
    assert len(engine._prompt(both, task).windows) == 2
    assert engine.room(both, task=task).unheard == ()


def test_a_model_that_was_taught_no_tags_is_asked_in_words():
    engine, both = tiny_engine(reads_tags=False), [Message("user", (noise(3), noise(2, 1), "?"))]
    assert engine._prompt(both, "caption").ids == engine._prompt(both, None).ids
    assert engine.room(both, task="caption").unheard == ()


def test_a_model_that_reads_tags_hears_the_beginning_of_the_newest_recording_and_says_so():
    engine = tiny_engine(chats=False)
    old, new = noise(3), noise(70, seed=1)
    talk = [Message("user", (old, "?")), Message("assistant", ("a",)), Message("user", (new, "?"))]
    end = split(new)[0].end / 16_000
    assert [(u.digest, u.start, u.end) for u in engine.room(talk).unheard] == [
        (old.digest, 0, 3),
        (new.digest, end, 70),
    ]
    assert list(engine.reply(talk, Sampling(max_tokens=2)))[-1].finish
    with pytest.raises(DoesNotFit, match="at most 30 s"):  # who names a task means all of it
        next(engine.reply(talk, Sampling(), task="caption"))
    with pytest.raises(DoesNotFit, match="shorten it by"):
        next(engine.reply([Message("user", (old, "word " * 2000))], Sampling()))


FRAME = 57  # positions around a question: who speaks, and the usual instructions


@pytest.mark.parametrize("words", [1639, 2000, 20_000])
def test_a_question_that_is_too_long_is_told_by_how_much(words):
    """Shortened by so much it fits, and by a little less it does not."""
    engine, text = tiny_engine(), "word " * words
    with pytest.raises(DoesNotFit) as refused:
        next(engine.reply([Message("user", (text,))], Sampling()))
    used, context, over, percent = map(int, re.findall(r"\d+", str(refused.value)))
    assert (used, context, over) == (len(text) + FRAME, 8192, len(text) + FRAME + 32 - 8192)
    shorter = text[: -ceil(percent / 100 * len(text))]
    assert engine.room([Message("user", (shorter,))]).has_answer
    longer = text[: -int((percent - 1.5) / 100 * len(text))] if percent > 1 else text
    assert not engine.room([Message("user", (longer,))]).has_answer


def test_whose_words_are_too_many_is_said():
    engine = tiny_engine()
    told = Message("system", ("word " * 2000,))
    with pytest.raises(DoesNotFit, match="instructions of this conversation take"):
        next(engine.reply([told, Message("user", ("?",))], Sampling()))
    begun = [Message("user", ("?",)), Message("assistant", ("word " * 2000,))]
    with pytest.raises(DoesNotFit, match="cannot go on"):
        next(engine.reply(begun, Sampling()))


def long_tone(seconds):
    return Clip.of((np.sin(np.arange(seconds * 16_000) / 9) * 9000).astype(np.int16))


def test_what_was_heard_stays_heard_as_the_conversation_grows():
    engine = tiny_engine()
    clip = Clip.of((np.sin(np.arange(900 * 16_000) / 9) * 9000).astype(np.int16))
    talk = [Message("user", (clip, "?"))]
    before = engine.room(talk).unheard
    talk += [Message("assistant", ("well " * 100,)), Message("user", ("and?",))]
    assert engine.room(talk).unheard == before


def test_those_who_wait_are_served_in_order():
    turnstile, served, ready = Turnstile(), [], []

    def visit(name):
        with turnstile.enter() as gate:
            ready.append(name)
            gate.wait()
            served.append(name)

    with turnstile.enter():
        threads = []
        for name in range(8):
            thread = threading.Thread(target=visit, args=(name,))
            thread.start()
            threads.append(thread)
            while name not in ready:
                time.sleep(0.001)
    for thread in threads:
        thread.join(5)
    assert served == list(range(8))


def test_someone_who_waits_can_give_up():
    engine = tiny_engine()
    first = engine.reply([Message("user", ("x",))], Sampling(max_tokens=50, seed=0))
    next(first)
    second = engine.reply([Message("user", ("y",))], Sampling(max_tokens=50, seed=0))
    assert next(second).text == ""
    second.close()
    assert len(engine._turns) == 1
    first.close()
    assert len(engine._turns) == 0
    assert list(engine.reply([Message("user", ("z",))], Sampling(max_tokens=2)))
