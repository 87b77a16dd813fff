"""A checkpoint grows rows for the tags, and stays what it was."""

import torch

from model import checkpoint, tokenizer
from model.placement import Placement
from model.qwen_audio import QwenAudio
from model.spec import MARKS, SOUND, TAGS
from model.training import base, ends, toy

WHOLE = Placement(torch.device("cpu"), torch.float32, 32)


def test_a_checkpoint_without_tags_grows_them(tmp_path):
    tokens = toy.write_tokenizer(tmp_path / "with" / "tokenizer.json")
    first = tokens[TAGS[0]]
    old = QwenAudio(toy.config({name: tokens[name] for name in SOUND}))  # as many rows as that
    checkpoint.save(old, tmp_path / "old")
    (tmp_path / "with" / "tokenizer.json").rename(tmp_path / "old" / "tokenizer.json")
    base.grow(tmp_path / "old", tmp_path / "new")

    new = checkpoint.load(tmp_path / "new", WHOLE)
    words, before = new.llm.embed_tokens.weight, old.llm.embed_tokens.weight
    assert len(before) == first and len(words) == first + len(TAGS) - len(MARKS)
    assert torch.equal(words[:first], before)
    assert new.head.weight is words
    apart = words[first:] - before.mean(0)
    assert 0.05 < float(apart.std() / before.std()) < 0.2 and len(words[first:].unique(dim=0)) > 300
    assert ends.first_new_token(tokenizer.load(tmp_path / "new"), new) == first
    assert ends.first_new_token(tokenizer.load(tmp_path / "new"), old) is None


def test_control_tokens_that_are_there_keep_their_ids(tmp_path):
    file = tmp_path / "tokenizer.json"
    once = toy.write_tokenizer(file)
    assert base.with_control(file, file) == once
    assert not set(MARKS) & set(tokenizer.load(tmp_path).control)
