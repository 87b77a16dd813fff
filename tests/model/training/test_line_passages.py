"""Questions by patterns are answered by the lines, and refused where no line could answer."""

from random import Random

import pytest

from model.training.line_passages import FEWEST, PATTERNS, Lines, line_passage
from model.training.passage_questions import NO_ANSWER, words

LINES = [
    "I'm looking for the key to the cellar.",
    "My name is Billie Jean.",
    "We lost the old map.",
    "I found a pine stake.",
    "The rooster crowed before dawn because somebody had woken it.",
    "There are seven bridges over the river.",
    "We leave on Friday.",
    "Her umbrella was left in the library.",
    "The elevator stands still.",
    "Why is the panel open?",
    *(f"This sentence speaks of {thing}." for thing in "apples barrels candles donkeys".split()),
    *(f"Nothing rhymes with {thing}." for thing in "orange purple silver month pint".split()),
    "too short",
    "It ends without a mark",
    "Everybody waits outside the door.",
    "The soup needs salt.",
]


@pytest.fixture(scope="module")
def lines():
    return Lines(LINES)


@pytest.fixture(scope="module")
def made(lines):
    return [line_passage(Random(seed), lines) for seed in range(300)]


def turns(made):
    return [(passage, turns[0]) for passage in made for turns in passage.conversations]


def test_only_sentences_are_taken(lines):
    assert len(lines.all) == len(LINES) - 2 >= FEWEST
    with pytest.raises(ValueError, match="at least"):
        Lines(LINES[:5])


def test_answers_are_quotes(made):
    kinds = set()
    for passage, turn in turns(made):
        kinds.add(turn.kind)
        said = " ".join(s.text for r in passage.recordings for s in r.sentences)
        if turn.answer != NO_ANSWER and turn.kind not in ("mention", "at", "which"):
            assert " ".join(words(turn.answer)) in " ".join(words(said)), turn
    assert kinds >= {"what", "who", "why", "many", "when", "about", "after", "ask", "mention", "at"}


@pytest.mark.parametrize(
    ("asks", "line", "answer"),
    [
        ("looked for", LINES[0], "The key to the cellar."),
        ("name", LINES[1], "Billie Jean."),
        ("lost", LINES[2], "The old map."),
        ("find", LINES[3], "A pine stake."),
        ("reason", LINES[4], "Somebody had woken it."),
        ("how many bridges", LINES[5], "Seven."),
        ("day or time", LINES[6], "On Friday."),
        ("was left in the library", LINES[7], "Her umbrella."),
        ("question is asked", LINES[9], LINES[9]),
    ],
)
def test_a_pattern_asks_for_what_its_line_says(made, asks, line, answer):
    answered = [
        turn.answer
        for passage, turn in turns(made)
        if asks in turn.question.lower()
        and line in [s.text for r in passage.recordings for s in r.sentences]
    ]
    assert answered and set(answered) == {answer}


def test_what_could_not_be_answered_is_refused(made):
    refused = [(p, t) for p, t in turns(made) if t.answer == NO_ANSWER]
    assert len(refused) > 100
    for passage, turn in refused:
        said = " ".join(s.text for r in passage.recordings for s in r.sentences).lower()
        if "lose" in turn.question or "lost" in turn.question:
            assert "lost" not in said
        if "name" in turn.question:
            assert "name" not in said


def test_every_pattern_has_wordings():
    assert len(PATTERNS) >= 10 and all(pattern.wordings for pattern in PATTERNS)
