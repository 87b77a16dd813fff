"""Memory across turns changes nothing but the time: reuse equals a fresh start."""

import pytest
import torch

from model.cache import KeyValues
from model.generate import Sampler, decode, embed_rest, naive, prefill
from model.messages import Message, Sampling
from model.static_decoding import fixed_step
from tests.model.conftest import noise, tiny_engine

GREEDY = Sampling(max_tokens=8, temperature=0)


def user(*parts):
    return Message("user", parts)


def assistant(text):
    return Message("assistant", (text,))


def say(engine, messages, sampling=GREEDY):
    """(token ids, positions of the prompt, positions remembered)."""
    pieces = list(engine.reply(messages, sampling))
    return [i for p in pieces for i in p.token_ids], pieces[-1].n_prompt, pieces[-1].n_reused


def next_logits(engine, messages):
    """The logits for the first token of the answer, by the engine's own path and memory."""
    prompt = engine._chat(messages)
    alpha = engine.model.config.alpha(len(prompt))
    memory = engine.memories.recall(prompt.keys, alpha)
    rest = embed_rest(engine.model, prompt, len(memory.past), engine._hear)
    *_, logits = prefill(engine.model, rest, memory.past, alpha)
    memory.slots = prompt.keys[: len(memory.past)]
    return logits


def judge(engine, prompt, sampling):
    """What the naive loop says, with the logits it says it from."""
    sampler = Sampler(sampling, torch.device("cpu"), engine._banned)
    with torch.inference_mode():
        return list(naive(engine.model, prompt, engine._hear, sampler, engine._stop))


def assert_like_fresh(engine, messages, *, reused):
    """`messages` on the warm engine and on a new one: same logits, same tokens; and how much of
    the prompt was remembered lies in the range `reused`."""
    cold = tiny_engine(trained=engine.model.config.trained_length)
    prompt = engine._chat(messages)
    judged = judge(cold, prompt, GREEDY)
    tokens, n_prompt, n_reused = say(engine, messages)
    assert tokens == [token for token, _ in judged]
    torch.testing.assert_close(next_logits(engine, messages), judged[0][1], atol=2e-4, rtol=1e-4)
    low, high = reused
    assert low <= n_reused / n_prompt <= high, f"{n_reused} of {n_prompt} positions remembered"


DOG, CAT = noise(3.0, seed=1), noise(2.2, seed=2)


def test_a_follow_up_reads_only_what_is_new(engine):
    first = [user(DOG, "what is that sound?")]
    ids, *_ = say(engine, first)
    said = bytes(i for i in ids if i < 256).decode(errors="ignore")
    assert_like_fresh(engine, [*first, assistant(said), user("and how loud?")], reused=(0.6, 0.99))


def test_an_edited_question_keeps_what_stands_before_it(engine):
    say(engine, [user(DOG, "what is that sound?")])
    assert_like_fresh(engine, [user(DOG, "what was this noise?")], reused=(0.5, 0.95))


def test_another_answer_to_the_same_question_reads_one_position(engine):
    messages = [user(DOG, "what is that sound?")]
    _, n_prompt, _ = say(engine, messages)
    assert_like_fresh(engine, messages, reused=((n_prompt - 1) / n_prompt,) * 2)


def test_another_clip_in_the_same_words_is_not_the_same_prompt(engine):
    say(engine, [user(DOG, "what is that sound?")])
    assert_like_fresh(engine, [user(CAT, "what is that sound?")], reused=(0.0, 0.7))


def test_a_clip_in_a_later_turn_is_heard(engine):
    first = [user(DOG, "what is that sound?"), assistant("a dog"), user("sure?")]
    say(engine, first)
    later = [*first, assistant("yes"), user(CAT, "and that?")]
    assert_like_fresh(engine, later, reused=(0.4, 0.95))


def test_crossing_the_trained_length_starts_over_and_then_remembers():
    engine = tiny_engine(trained=160)
    below = [user(DOG, "one")]
    _, n_prompt, _ = say(engine, below)
    assert n_prompt < 160
    beyond = [*below, assistant("two " * 10), user("three " * 10)]
    assert_like_fresh(engine, beyond, reused=(0.0, 0.0))
    further = [*beyond, assistant("four"), user("five")]
    assert 160 < len(engine._chat(further)) <= 320
    assert_like_fresh(engine, further, reused=(0.8, 0.99))


def test_an_answer_that_crosses_the_trained_length_keeps_its_alpha():
    engine = tiny_engine(trained=160)
    messages = [user(DOG, "x" * 8)]
    assert 150 < len(engine._chat(messages)) <= 160
    cold = tiny_engine(trained=160)
    long = Sampling(max_tokens=24, temperature=0)
    prompt = cold._chat(messages)
    judged = [token for token, _ in judge(cold, prompt, long)]
    assert say(engine, messages, long)[0] == judged


def test_two_conversations_take_turns_and_both_are_remembered(engine):
    one, other = [user(DOG, "what is that sound?")], [user("tell me a story about rivers")]
    say(engine, one)
    say(engine, other)
    one += [assistant("a dog"), user("sure?")]
    other += [assistant("once"), user("go on")]
    assert_like_fresh(engine, one, reused=(0.6, 0.99))
    assert_like_fresh(engine, other, reused=(0.5, 0.99))


def test_stopping_in_the_middle_leaves_a_usable_memory(engine):
    messages = [user(DOG, "what is that sound?")]
    stream = engine.reply(messages, GREEDY)
    for _ in range(5):
        next(stream)
    stream.close()
    assert_like_fresh(engine, messages, reused=(0.9, 1.0))


def test_stopping_while_the_prompt_is_read_leaves_a_usable_memory(engine):
    engine.chunk = 32
    stream = engine.reply([user(DOG, "what is that sound?")], GREEDY)
    next(stream)
    stream.close()
    engine.chunk = None
    assert_like_fresh(engine, [user(DOG, "what is that noise?")], reused=(0.05, 0.4))


def test_an_answer_is_given_room_as_most_take_not_as_it_may_take(engine):
    stream = engine.reply([user(DOG, "what is that sound?")], Sampling(max_tokens=4000))
    n_prompt = next(stream).n_prompt
    (memory,) = engine.memories._kept
    assert memory.past.keys[0].shape[2] == n_prompt + 128
    stream.close()


def test_the_budget_forgets_the_least_recently_used():
    roomy = tiny_engine()
    say(roomy, [user("a" * 300)])
    one = roomy.memories.nbytes
    engine = tiny_engine(budget=int(one * 2.5))
    for letter in "abc":
        say(engine, [user(letter * 300)])
    assert engine.memories.nbytes <= engine.memories.budget
    assert say(engine, [user("c" * 300)])[2] > 300
    assert say(engine, [user("a" * 300)])[2] < 100


def test_a_budget_of_nothing_still_answers():
    engine = tiny_engine(budget=0)
    fresh = tiny_engine()
    messages = [user(DOG, "what is that sound?")]
    assert say(engine, messages)[0] == say(fresh, messages)[0]
    assert engine.memories.nbytes == 0


@pytest.mark.parametrize("kwargs", [{"kv_heads": 2}, {"pool": "stack", "pool_size": 4}])
def test_the_fixed_step_of_the_gpu_equals_the_growing_one(kwargs):
    engine = tiny_engine(**kwargs)
    prompt = engine._chat([user(DOG, "what is that sound?")])
    past = KeyValues(2)
    rest = embed_rest(engine.model, prompt, 0, engine._hear)
    *_, logits = prefill(engine.model, rest, past, 1.0)
    fixed = past.fork(len(past))
    sampler = Sampler(GREEDY, logits.device)
    grown = list(decode(engine.model, logits, past, 1.0, sampler, set(), 8))
    fixed.reserve(len(fixed) + 8)
    token, tokens = int(logits.argmax()), []
    for _ in range(8):
        tokens.append(token)
        fixed.at = torch.tensor([len(fixed)])
        embeds = engine.model.llm.embed_tokens.weight[token][None, None]
        token = int(fixed_step(engine.model, fixed, embeds, 1.0).argmax())
        fixed.advance(1)
    assert tokens == grown


def test_an_answer_that_was_begun_goes_on_as_if_never_stopped(engine):
    for seed in range(20):  # until an answer begins with letters
        messages = [user(noise(3.0, seed), "what is that sound?")]
        whole, *_ = say(engine, messages, Sampling(max_tokens=12, temperature=0))
        letters = next((n for n in (6, 5, 4, 3) if all(i < 128 for i in whole[:n])), None)
        if letters:
            break
    begun = bytes(whole[:letters]).decode()
    rest = Sampling(max_tokens=12 - letters, temperature=0)
    ids, n_prompt, n_reused = say(engine, [*messages, assistant(begun)], rest)
    assert ids == whole[letters:]
    assert n_reused == n_prompt - 1  # it remembers what it has said itself
    assert_like_fresh(engine, [*messages, assistant(begun)], reused=(0.9, 1.0))
