"""Our decoder beside transformers' Whisper, at toy size."""

import numpy as np
import pytest
import torch

from model.mel import log_mel
from model.nn.speech_decoder import DecoderMemory, SpeechDecoderConfig, rename
from model.training import add_reader, toy
from tests.model import tiny_whisper

SIZES = {"width": 64, "layers": 2, "heads": 4, "inner": 128, "vocabulary": 300, "positions": 64}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return tiny_whisper.make(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def ours(theirs, tmp_path_factory):
    """The composite with the same weights."""
    folder = tmp_path_factory.mktemp("joined")
    tiny_whisper.make(folder / "whisper")
    base, _ = toy.make(folder)
    model, _ = add_reader.join(folder / "whisper", base)
    return model


@pytest.fixture(scope="module")
def mel():
    samples = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    return log_mel(samples)[None]


@pytest.fixture(scope="module")
def steps(ours, mel):
    return ours.reader.normalise(ours.audio.trunk(mel, [3000]))


def test_steps_and_logits_are_those_of_transformers(theirs, ours, mel, steps):
    ids = torch.tensor([[257, 258, 263, 267, *b"Hello, you."]])
    given = theirs(input_features=mel, decoder_input_ids=ids)
    torch.testing.assert_close(steps, given.encoder_last_hidden_state, atol=1e-4, rtol=1e-4)
    logits = ours.reader.logits(ours.reader(ids, steps, DecoderMemory()))
    assert given.logits.std() > 0.5  # or anything would be close to it
    torch.testing.assert_close(logits, given.logits, atol=1e-4, rtol=1e-4)


def test_the_likeliest_tokens_are_those_of_transformers(theirs, ours, mel, steps):
    begun = [257, 258, 263, 267]
    wanted = theirs.model, theirs.proj_out
    memory, ids, feed, expected = DecoderMemory(), list(begun), begun, list(begun)
    for _ in range(30):
        hidden = ours.reader(torch.tensor([feed]), steps, memory)
        feed = [int(ours.reader.logits(hidden[0, -1]).argmax())]
        ids += feed
        whole = wanted[0](input_features=mel, decoder_input_ids=torch.tensor([expected]))
        expected.append(int(wanted[1](whole.last_hidden_state[0, -1]).argmax()))
    assert ids == expected and len(set(ids)) > 5


def test_token_by_token_is_the_same_as_at_once(ours, steps):
    ids = torch.tensor([[257, 258, 263, 267, *b"abcdefgh"]])
    whole = ours.reader(ids, steps, DecoderMemory())
    memory = DecoderMemory()
    parts = [
        ours.reader(ids[:, a:b], steps, memory) for a, b in ((0, 1), (1, 4), (4, 11), (11, 12))
    ]
    assert len(memory) == 12
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)


def test_a_memory_begins_again_with_the_same_sound(ours, steps):
    ids, memory = torch.tensor([[257, 258]]), DecoderMemory()
    first = ours.reader(ids, steps, memory)
    again = memory.again()
    second = ours.reader(ids, torch.full_like(steps, torch.nan), again)  # not read once more
    torch.testing.assert_close(second, first)


def test_windows_side_by_side_are_read_as_alone(ours, steps):
    other = steps.flip(1)
    ids = torch.tensor([[257, 258, 263], [257, 259, 262]])
    both = ours.reader(ids, torch.cat((steps, other)), DecoderMemory())
    for row, sound in enumerate((steps, other)):
        alone = ours.reader(ids[row : row + 1], sound, DecoderMemory())
        torch.testing.assert_close(both[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_what_is_not_looked_at_changes_nothing(ours, steps):
    ids, seen = torch.tensor([[257, 258, 263]]), torch.arange(1500)[None] < 300
    part = ours.reader(ids, steps, DecoderMemory(), seen)
    cut = ours.reader(ids, steps[:, :300], DecoderMemory())
    torch.testing.assert_close(part, cut, atol=1e-5, rtol=1e-5)


def test_alignment_is_the_cross_attention_of_the_heads_that_are_named(theirs, ours, mel, steps):
    ids = torch.tensor([[257, 258, 263, 267, *b"abc"]])
    memory = DecoderMemory(watches=True)
    ours.reader(ids, steps, memory)
    theirs.set_attn_implementation("eager")
    crossed = theirs(
        input_features=mel, decoder_input_ids=ids, output_attentions=True
    ).cross_attentions
    theirs.set_attn_implementation("sdpa")
    wanted = torch.stack([crossed[1][0, head] for head in range(4)])
    assert ours.config.reader["alignment_heads"] == [[1, head] for head in range(4)]
    torch.testing.assert_close(ours.reader.alignment(memory), wanted, atol=1e-4, rtol=1e-3)


def test_a_weight_that_is_none_of_a_whispers_is_refused():
    with pytest.raises(KeyError, match="no weight of a Whisper"):
        rename({"model.decoder.layers.0.unknown.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    "wrong, why",
    [
        ({"layers": 0}, "from 1"),
        ({"width": "64"}, "from 1"),
        ({"heads": 5}, "do not go into"),
        ({"alignment_heads": [[2, 0]]}, "no such alignment heads"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        SpeechDecoderConfig(**{**SIZES, **wrong})
