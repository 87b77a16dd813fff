"""Prompts read side by side give the very ids that each gives alone."""

import pytest
import torch

from model import batch
from model.cache import KeyValues
from model.messages import Message, Sampling
from model.prompt import Prompt
from tests.model.conftest import noise, tiny_engine

QUESTIONS = ["what?", "who is it, and why?", "x", "tell me all that you know of this, please"]


def talks():
    yield [Message("user", ("no sound at all",))]
    for number, question in enumerate(QUESTIONS):
        yield [Message("user", (noise(0.3 + number, seed=number), question))]
    yield [Message("user", (noise(1, seed=8), noise(2, seed=9), "which?"))]
    yield [*list(talks_of_two()), Message("user", ("and then?",))]


def talks_of_two():
    yield Message("user", (noise(1, seed=5), "what?"))
    yield Message("assistant", ("Nothing.",))


def alone(engine, talk, n):
    return [
        i for p in engine.reply(talk, Sampling(max_tokens=n, temperature=0)) for i in p.token_ids
    ]


def together(engine, group, limits):
    prompts = [engine._chat(talk) for talk in group]
    return batch.answers(engine.model, prompts, engine._hear, limits, engine._stop, engine._banned)


@pytest.mark.parametrize("kv_heads", [4, 2])
def test_each_row_says_what_it_says_alone(kv_heads):
    engine = tiny_engine(kv_heads=kv_heads)
    group = list(talks())
    expected = [alone(engine, talk, 24) for talk in group]
    assert together(engine, group, [24] * len(group)) == expected
    assert len({tuple(answer) for answer in expected}) > 3


def test_each_row_stops_at_its_own_end_and_limit():
    engine = tiny_engine()
    group = list(talks())
    whole = [alone(engine, talk, 24) for talk in group]
    engine._stop = {answer[3 + i] for i, answer in enumerate(whole) if len(answer) > 3 + i}
    limits = [1 + i * 3 for i in range(len(group))]
    expected = [alone(engine, talk, n) for talk, n in zip(group, limits, strict=True)]
    assert together(engine, group, limits) == expected
    assert len({len(answer) for answer in expected}) > 2


def test_an_answer_that_turns_in_circles_ends_and_says_so():
    engine = tiny_engine()
    group, words = list(talks()), engine.model.config.text_config.vocab_size
    engine._banned = set(range(words)) - {65}
    assert together(engine, group, [256] * len(group)) == [[65] * 32] * len(group)
    *said, last = engine.reply(group[0], Sampling(max_tokens=256, temperature=0))
    assert [i for piece in said for i in piece.token_ids] == [65] * 32
    assert last.finish == "circles"


def test_sharpened_queries_and_widened_bases_are_each_rows_own():
    engine = tiny_engine(trained=64)  # every prompt is longer, by different powers of two
    group = list(talks())
    assert len({engine.model.config.alpha(len(engine._chat(talk))) for talk in group}) > 1
    expected = [
        b"".join(map(engine.tokens.bytes_of, alone(engine, talk, 12))).decode(errors="replace")
        for talk in group
    ]
    assert engine.reply_all(group, 12) == expected


def test_what_all_begin_with_is_read_once():
    engine, read = tiny_engine(), []
    whole = engine.model.read
    engine.model.read = lambda embeds, **more: (
        read.append(embeds.shape[:2]) or whole(embeds, **more)
    )
    group = [[Message("user", (noise(1), question))] for question in QUESTIONS]
    prompts = [engine._chat(talk) for talk in group]
    answers = together(engine, group, [9] * len(group))
    (rows, n), (others, rest) = read
    assert (rows, others) == (1, len(group))
    assert n + rest == max(map(len, prompts)) and n > 25  # the sound, too
    engine.model.read = whole
    assert answers == [alone(engine, talk, 9) for talk in group]


def test_short_and_long_are_not_read_together():
    prompts = [Prompt(ids=[0] * n) for n in (60, 40, 500, 61, 300, 2100)]
    found = batch.groups(prompts, lambda n: 1 + n // 2048)
    assert found == [[0, 1, 3], [2, 4], [5]]


def test_every_clip_is_encoded_alone():
    engine, heard = tiny_engine(), []
    forward = engine.model.audio.forward
    engine.model.audio.forward = lambda mels, n: heard.append(len(mels)) or forward(mels, n)
    together(engine, list(talks()), [2] * 7)
    assert heard == [1] * 7


def test_rows_that_are_done_leave_the_memory():
    past = KeyValues(1)
    for n in (3, 1):
        new = torch.randn(4, 2, n, 8)
        past.update(new, new, 0)
        past.advance(n)
    kept = past.keys[0][[1, 3], :, :4].clone()
    past.keep(torch.tensor([1, 3]))
    keys, _ = past.update(new[:2], new[:2], 0)
    assert torch.equal(keys[:, :, :4], kept) and keys.shape == (2, 2, 5, 8)


def test_what_the_gpu_cannot_hold_at_once_is_asked_in_halves(monkeypatch):
    engine, sizes = tiny_engine(), []
    group = [[Message("user", (noise(1), f"what is {thing}?"))] for thing in "abcd"]
    expected = engine.reply_all(group, 8)
    whole = batch.answers

    def small(model, prompts, *more):
        sizes.append(len(prompts))
        if len(prompts) > 1:
            raise torch.OutOfMemoryError
        return whole(model, prompts, *more)

    monkeypatch.setattr(batch, "answers", small)
    assert engine.reply_all(group, 8) == expected
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
