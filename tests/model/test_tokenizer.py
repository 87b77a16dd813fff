"""Two vocabularies, one promise: text stays text, and bytes come back."""

from pathlib import Path

import pytest

from model import spec, tokenizer
from model.errors import NoWeights

FIXTURES = Path(__file__).parents[3] / "shared/parity/checkpoint"
MINI = Path(__file__).parents[2] / "assets/earshot-mini"
TEXTS = [
    "Hello, world!",
    "现在这段录音说的是什么语言？😀 naïve café",
    "  two\n\n\tlines  ",
    "1234 o'clock",
]


def folders():
    for folder, why in ((FIXTURES, "no parity fixtures"), (MINI, "no Earshot-mini")):
        there = any((folder / name).exists() for name in ("qwen.tiktoken", "tokenizer.json"))
        marks = [] if there else [pytest.mark.skip(reason=f"{why} beside the checkout")]
        yield pytest.param(folder, marks=marks, id=folder.name)


@pytest.fixture(scope="module", params=folders())
def tokens(request):
    return tokenizer.load(request.param)


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_come_back(tokens, text):
    ids = tokens.encode(text)
    assert b"".join(map(tokens.bytes_of, ids)).decode() == text


@pytest.mark.parametrize("name", [*spec.STRUCTURE, *spec.SOUND, "<|2.33|>", "<|en|>"])
def test_names_of_control_tokens_are_text_unless_allowed(tokens, name):
    typed = tokens.encode(f"a {name} b")
    assert not set(typed) & set(tokens.control.values())
    assert b"".join(map(tokens.bytes_of, typed)).decode() == f"a {name} b"
    if name in tokens.control:
        assert tokens.control[name] in tokens.encode(f"a {name} b", {name})


def test_what_chat_needs_is_there(tokens):
    assert {*spec.STRUCTURE, *spec.SOUND} <= tokens.control.keys()


def test_ids_beyond_the_vocabulary_are_silent(tokens):
    assert tokens.bytes_of(10**6) == b""


def test_a_folder_without_a_vocabulary_says_so(tmp_path):
    with pytest.raises(NoWeights, match="neither qwen.tiktoken nor tokenizer.json"):
        tokenizer.load(tmp_path)
