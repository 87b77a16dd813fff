"""An answer holds no word that was neither heard nor asked nor in the short list."""

import pytest

from model import tokenizer
from model.listening.quoting import QuotedWords
from model.machine import PACKAGED
from model.spec import IM_END

HEARD = '0:05 "Winifred\'s left the casserole on your step, 271 crates, ZL-7615."'


@pytest.fixture(scope="module")
def tokens():
    return tokenizer.load(PACKAGED)


@pytest.fixture(scope="module")
def quoted(tokens):
    return QuotedWords(tokens, [HEARD, "Who rang at half past four?"])


def can_be_said(quoted, tokens, text):
    """Whether every token is allowed after those before it, and the end after the last."""
    ids = [*tokens.encode(text), tokens.control[IM_END]]
    return all(token in quoted.allowed(ids[:i]) for i, token in enumerate(ids))


@pytest.mark.parametrize(
    "answer",
    [
        "The casserole.",
        "On your step.",
        "Winifred's.",
        "271 crates.",
        "ZL-7615.",
        "7615",
        'At 0:05: "Winifred\'s left the casserole on your step."',
        "Half past four.",
        "The recording does not say.",
        "Yes.",
    ],
)
def test_what_was_heard_or_asked_can_be_said(quoted, tokens, answer):
    assert can_be_said(quoted, tokens, answer)


@pytest.mark.parametrize("answer", ["Barnaby.", "The castle.", "Your stepmother.", "272 crates."])
def test_other_words_cannot(quoted, tokens, answer):
    assert not can_be_said(quoted, tokens, answer)


def test_an_answer_says_something_and_ends_after_a_word(quoted, tokens):
    stop = tokens.control[IM_END]
    assert stop not in quoted.allowed([])
    ids = tokens.encode("casserole")
    assert len(ids) > 1 and stop not in quoted.allowed(ids[:1])
    assert stop in quoted.allowed(ids)
    assert quoted.allowed([*ids, 1]) == {stop}  # nothing goes on from what is not allowed
