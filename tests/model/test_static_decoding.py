"""Steps over buffers that stay, as a GPU takes them, give what growing ones give; and what is kept
of a conversation takes the room of its positions. Graphs themselves need a GPU."""

import pytest
import torch

from model import static_decoding
from model.cache import KeyValues, Memories
from model.generate import Sampler, decode, prefill
from model.messages import Sampling
from model.static_decoding import StaticDecoding
from tests.model.conftest import noise, tiny_engine, tiny_model
from tests.model.test_reuse import (
    CAT,
    DOG,
    assert_like_fresh,
    assistant,
    judge,
    say,
    user,
)

LONG = Sampling(max_tokens=40, temperature=0)
SMALL = (64, 128, 256, 512, 1024)


@pytest.fixture(autouse=True)
def close_ahead(monkeypatch):
    monkeypatch.setattr(static_decoding, "_AHEAD", 4)


def static_engine(**kwargs):
    """One that decodes as on a GPU, but for the capture."""
    engine = tiny_engine(**kwargs)
    engine.static = StaticDecoding(engine.model, SMALL)
    return engine


def captures(engine):
    """Counts what is captured, by its capacity."""
    made, capture = [], engine.static.capture
    engine.static.capture = lambda work: made.append(1) or capture(work)
    return made


@pytest.mark.parametrize("trained", [2048, 160, 80])
@pytest.mark.parametrize("kwargs", [{}, {"kv_heads": 2}, {"pool": "stack", "pool_size": 4}])
def test_an_answer_in_buffers_that_stay_is_the_judges(trained, kwargs):
    """Through several capacities in mid-answer, and across the trained length."""
    engine = static_engine(trained=trained, **kwargs)
    messages = [user(DOG, "what is that sound?")]
    prompt = engine._chat(messages)
    judged = [t for t, _ in judge(tiny_engine(trained=trained, **kwargs), prompt, LONG)]
    assert say(engine, messages, LONG)[0] == judged


def test_it_grows_in_mid_answer_and_remembers_what_it_said():
    engine = static_engine()
    made = captures(engine)
    question = "x" * 20
    while len(engine._chat([user(question)])) < 118:
        question += "x"
    ids, n_prompt, _ = say(engine, [user(question)], LONG)
    assert n_prompt < 128 < n_prompt + len(ids) and len(made) == 2
    (memory,) = engine.memories._kept
    assert len(memory.past) == len(memory.slots) == n_prompt + len(ids) - 1
    said = bytes(i for i in ids if i < 128).decode()
    assert_like_fresh(engine, [user(question), assistant(said), user("go on")], reused=(0.5, 1))


def test_a_graph_is_captured_once_for_a_capacity_and_a_widening():
    engine = static_engine(trained=100)
    made = captures(engine)
    short, long = [user("short")], [user("long " * 30)]
    for messages in (short, short, [user("other")]):
        say(engine, messages)
    assert len(made) == 1
    say(engine, long)  # larger buffers: what pointed into the old ones is gone
    say(engine, long)
    assert len(made) == 2
    say(engine, short)
    say(engine, long)
    assert len(made) == 3 and engine.static.n_graphs == 2
    assert len({alpha for _, alpha in engine.static._graphs}) == 2


def test_a_widening_has_a_graph_of_its_own_in_the_same_capacity():
    engine = static_engine(trained=100)
    engine.static.capacities = (512,)
    for messages in ([user("short")], [user("long " * 30)], [user("shorter")]):
        prompt = engine._chat(messages)
        judged = [token for token, _ in judge(tiny_engine(trained=100), prompt, LONG)]
        assert say(engine, messages, LONG)[0] == judged
    assert engine.static.n_graphs == 2


def test_conversations_take_turns_in_the_same_buffers():
    engine = static_engine()
    one, other = [user(DOG, "what is that sound?")], [user("tell me a story about rivers")]
    say(engine, one, LONG)
    say(engine, other, LONG)
    one += [assistant("a dog"), user(CAT, "and that?")]
    other += [assistant("once"), user("go on")]
    assert_like_fresh(engine, one, reused=(0.3, 0.99))
    assert_like_fresh(engine, other, reused=(0.5, 0.99))
    edited = [user(DOG, "what was this noise?")]  # leaves the first line: a copy
    assert_like_fresh(engine, edited, reused=(0.3, 0.95))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_an_answer_that_is_stopped_leaves_what_it_has_computed(n):
    engine = static_engine()
    stream = engine.reply([user(DOG, "what is that sound?")], LONG)
    seen = 0
    for piece in stream:
        seen += len(piece.token_ids)
        if seen == n:
            break
    stream.close()
    (memory,) = engine.memories._kept
    assert len(memory.past) == len(memory.slots) == piece.n_prompt + n - 1
    assert_like_fresh(engine, [user(DOG, "what is that sound?")], reused=(0.9, 1.0))


def test_memory_that_runs_out_takes_the_buffers_with_it(monkeypatch):
    engine, whole = static_engine(), say(tiny_engine(), [user(DOG, "what?")], LONG)[0]
    step, n = static_decoding.fixed_step, iter(range(1000))

    def runs_out(*args):
        if next(n) == 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(*args)

    monkeypatch.setattr(static_decoding, "fixed_step", runs_out)
    cleared, clear = [], engine.static.clear
    engine.static.clear = lambda: cleared.append(engine.static.nbytes) or clear()
    assert say(engine, [user(DOG, "what?")], LONG)[0] == whole
    assert any(cleared), "buffers were given back before it went on"
    engine.close()
    assert not hasattr(engine, "static")


def test_where_buffers_do_not_fit_an_answer_goes_without_and_the_next_tries_again(monkeypatch):
    engine, whole = static_engine(), say(tiny_engine(), [user(DOG, "what?")], LONG)[0]
    hold = StaticDecoding._hold
    full = torch.OutOfMemoryError("CUDA out of memory.")
    monkeypatch.setattr(StaticDecoding, "_hold", lambda *args: (_ for _ in ()).throw(full))
    assert say(engine, [user(DOG, "what?")], LONG)[0] == whole
    assert not engine.static.is_broken and engine.static.nbytes == 0
    monkeypatch.setattr(StaticDecoding, "_hold", hold)
    engine.memories.clear()
    assert say(engine, [user(DOG, "what?")], LONG)[0] == whole
    assert engine.static.nbytes > 0


def test_what_cannot_be_captured_is_tried_once():
    engine, whole = static_engine(), say(tiny_engine(), [user(DOG, "what?")], LONG)[0]
    tried = []

    def refuse(work):
        tried.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    engine.static.capture = refuse
    for _ in range(2):
        assert say(engine, [user(DOG, "what?")], LONG)[0] == whole
    assert len(tried) == 1 and engine.static.is_broken


def test_only_models_on_a_gpu_that_are_not_in_8_bits_have_captured_steps():
    assert StaticDecoding.of(tiny_model()) is None


# How much room a memory takes -------------------------------------------------------------------

FULL_SHAPE = {"layers": 32, "heads": 32, "width": 128}  # of Qwen-7B
POSITION = 2 * 32 * 32 * 128 * 2  # bytes: keys and values of all layers, in 16 bits


def meta_stretch(past: KeyValues, n: int) -> None:
    """`n` positions of the full shape are read, without computing or taking memory."""
    new = torch.empty(1, FULL_SHAPE["heads"], n, FULL_SHAPE["width"], dtype=torch.bfloat16)
    for layer in range(FULL_SHAPE["layers"]):
        past.update(new.to("meta"), new.to("meta"), layer)
    past.advance(n)


@pytest.mark.parametrize("n_prompt, n_answer", [(310, 40), (310, 512), (1, 1), (2040, 40)])
def test_a_memory_takes_the_room_of_its_positions(n_prompt, n_answer):
    """10 s of sound are 250 positions; 310 with what stands around them. 1 GB is left: a third of
    it is for memories (model/local.py)."""
    memories = Memories(budget=(1 << 30) // 3, n_layers=FULL_SHAPE["layers"])
    first = [("clip", i) for i in range(n_prompt)]
    memory = memories.recall(first, 1.0)
    memory.past.reserve(n_prompt + 128)
    for n in (n_prompt, *[1] * n_answer):
        meta_stretch(memory.past, n)
    memory.slots = first + list(range(n_answer))
    memories.settle()
    needed = POSITION * (n_prompt + n_answer)
    if needed > memories.budget:
        assert memories.nbytes == 0
        return
    assert needed <= memories.nbytes <= 1.1 * needed
    second = memory.slots + list(range(1000, 1025))  # a follow-up of 25 positions
    assert len(memories.recall(second, 1.0).past) == n_prompt + n_answer
    if (n_prompt, n_answer) == (310, 40):
        assert (n_prompt + n_answer) / len(second) >= 0.9


def test_a_memory_that_was_trimmed_goes_on():
    model = tiny_model()
    embeds = torch.randn(1, 300, 64)
    *_, whole = prefill(model, embeds, KeyValues(2), 1.0)
    past = KeyValues(2)
    for start in range(0, 300, 75):
        *_, logits = prefill(model, embeds[:, start : start + 75], past, 1.0)
        past.trim()
        assert past.keys[0].shape[2] <= 1.05 * len(past)
    torch.testing.assert_close(logits, whole, atol=1e-4, rtol=1e-4)


def test_a_memory_that_was_trimmed_grows_by_what_it_needs():
    past = KeyValues(FULL_SHAPE["layers"])
    past.reserve(4096)
    meta_stretch(past, 300)
    assert past.keys[0].shape[2] == 4096
    past.trim()
    meta_stretch(past, 40)
    assert past.keys[0].shape[2] < 1024


def test_decoding_without_a_sampler_of_ones_own_closes_its_steps():
    """`decode` alone, as benchmarks use it: what it computed is held once it is closed."""
    model, past = tiny_model(), KeyValues(2)
    *_, logits = prefill(model, torch.randn(1, 20, 64), past, 1.0)
    sampler = Sampler(LONG, torch.device("cpu"))
    static = StaticDecoding(model, SMALL)
    tokens = list(decode(model, logits, past, 1.0, sampler, (), 12, static))
    assert len(tokens) == 12 and len(past) == 20 + 11


def test_noise_of_another_clip_is_not_left_in_the_buffers():
    engine = static_engine()
    say(engine, [user(noise(6, seed=3), "a long one " * 5)], LONG)
    assert_like_fresh(engine, [user("short")], reused=(0, 0.9))
