"""Answers to learn are true of the notes: quoted as a reader wrote the words, or refused."""

import json
import re
from collections import Counter
from itertools import islice
from random import Random

import pytest

from model.listening.notes import FAMILY, KIND, VOICE, Label, Note, Pitch
from model.training import heard_passages, wordings
from model.training.gather_reader_errors import beside
from model.training.heard_passages import NO_WORDS, NOT_TAKEN, examples
from model.training.passage_questions import NO_ANSWER, words
from model.training.passage_tellings import Passage, Recording, Sentence, Turn
from model.training.reader_errors import counted, misread, quoted, written
from model.training.spoken_commands import command

QUOTED = ("who", "what", "where", "when", "why", "many", "price", "number", "phone", "ask", "begin")


@pytest.fixture(scope="module")
def made():
    return list(islice(examples(5), 300))


def text_of(example):
    return " ".join(note.text for notes in example.recordings for note in notes)


def test_facts_are_quoted_from_the_notes(made):
    n = 0
    for example in made:
        there = f" {' '.join(words(text_of(example)))} "
        for turns in example.conversations:
            for turn in turns:
                if turn.kind in QUOTED and turn.answer not in (NO_ANSWER, NOT_TAKEN, NO_WORDS):
                    n += 1
                    assert f" {' '.join(words(turn.answer))} " in there, (turn, there)
    assert n > 500


def test_summaries_are_sentences_with_their_times(made):
    summaries = [
        (example, turn)
        for example in made
        for turns in example.conversations
        for turn in turns
        if turn.kind == "summary"
    ]
    assert len(summaries) > 10
    for example, turn in summaries:
        parts = re.findall(r'At (\d+:\d\d): "([^"]*)"', turn.answer)
        assert parts
        for _, sentence in parts:
            assert " ".join(words(sentence)) in " ".join(words(text_of(example)))


def test_of_what_was_not_taken_down_nothing_is_told(made):
    unread = [e for e in made if len(e.recordings) == 1 and not e.recordings[0][0].text]
    assert len(unread) > 10
    answers = {t.answer for e in unread for turns in e.conversations for t in turns}
    assert answers & {NO_WORDS, NOT_TAKEN}
    for example in unread:
        for turns in example.conversations:
            for turn in turns:
                if turn.kind == "unread":
                    expected = NOT_TAKEN if example.recordings[0][0].withheld else NO_WORDS
                    assert turn.answer == expected


def test_findings_are_told_as_sure_as_they_are():
    labels = (Label(KIND, "instrument", 0.9), Label(FAMILY, "strings", 0.4, is_sure=False))
    played = Note(start=0, end=4, reader="", labels=labels, pitch=Pitch(440, "A4", 0.9))
    known = {fact: heard_passages._known(fact, (played,)) for fact in ("kind", "family", "note")}
    assert known == {
        "kind": "An instrument.",
        "family": "Perhaps strings. I am not sure.",
        "note": "A4.",
    }
    assert heard_passages._known("gender", (played,)) == wordings.CANNOT
    assert heard_passages._known("transcript", (played,)) == NO_WORDS
    said = Note(start=0, end=4, reader="", text="Hi.", labels=(Label(VOICE, "male", 0.9),))
    assert heard_passages._known("gender", (said,)) == "A man."
    assert heard_passages._known("transcript", (said,)) == "Hi."


def test_a_misread_word_is_quoted_as_it_was_written():
    read = [("It's", "It's"), ("Black", "Block"), ("ice.", "eyes."), ("Again.", "")]
    assert written(read) == "It's Block eyes."
    assert quoted("black ice", read) == "Block eyes"
    assert quoted("It's", read) == "It's"
    assert quoted("again", read) == ""
    assert quoted("black snow", read) is None


def test_errors_come_as_often_as_they_should():
    text = "We agreed that Sanjay is to count the stock before Thursday at half past nine"
    read = [pair for seed in range(300) for pair in misread(Random(seed), text, 0.2)]
    share = sum(said != there for said, there in read) / len(read)
    assert 0.13 < share < 0.22
    assert misread(Random(1), text, 0.0) == [(word, word) for word in text.split()]


def test_what_was_counted_is_misread_as_it_was(tmp_path):
    file = tmp_path / "errors.json"
    table = {"grey": [40, {"great": 20, "": 10}], "the": [400, {}], "house": [60, {}]}
    file.write_text(json.dumps(table))
    counts = counted(file)
    assert counts.risks["grey"] > 5 > 1 > counts.risks["the"] > 0
    read = [misread(Random(seed), "The Grey, house", 0.06, counts) for seed in range(400)]
    greys = Counter(pairs[1][1] for pairs in read)
    assert greys.keys() == {"Grey,", "Great,", ""} and greys["Great,"] > greys[""] > 20
    assert sum(pairs[0][1] != "The" for pairs in read) < 15


def test_words_are_laid_beside_those_that_were_said():
    said = "we met sam at half past nine on friday".split()
    written = "we met some at half past 9 o clock friday".split()
    pairs = dict(beside(said, written))
    assert pairs["sam"] == "some" and pairs["friday"] == "friday"
    assert pairs.get("on") != "friday"
    assert dict(beside(["a", "b"], ["a"])) == {"a": "a", "b": ""}


@pytest.fixture
def told():
    sentences = (Sentence(0.5, 2.0, "Hello."), Sentence(2.4, 5.0, "It is Ann."))
    asked = (
        (Turn("Who is it?", "Ann.", "who"),),
        (Turn("How does it end?", "It is Ann.", "end"),),
        (Turn("Sum it up.", "It is Ann.", "summary", ((0, 1),)),),
    )
    return Passage((Recording("woman", sentences),), asked)


def test_a_spoken_command_is_quoted_and_not_obeyed(told):
    for seed in range(40):
        changed, extra = command(Random(seed), told)
        said = [s.text for s in changed.recordings[0].sentences]
        assert len(said) == 3 and {"Hello.", "It is Ann."} < set(said)
        (order,) = set(said) - {"Hello.", "It is Ann."}
        ((question,), *_) = extra
        assert " ".join(words(question.answer)) in " ".join(words(order))
        answers = {turns[0].kind: turns[0] for turns in changed.conversations}
        assert answers["who"].answer == "Ann." and "end" not in answers
        ((recording, number),) = answers["summary"].quotes
        assert changed.recordings[recording].sentences[number].text == "It is Ann."
        times = [t for s in changed.recordings[0].sentences for t in (s.start, s.end)]
        assert times == sorted(times)


def test_examples_are_the_same_again_and_hold_every_kind(made):
    assert list(islice(examples(5), 20)) == made[:20]
    kinds = {t.kind for e in made for turns in e.conversations for t in turns}
    assert kinds >= {*QUOTED, "summary", "which", "unanswerable", "unread", "command", "yesno"}
    assert kinds >= {f"label {fact}" for fact in ("kind", "gender", "language", "family", "note")}
    shares = [
        sum(map(bool, values)) / len(made) for values in zip(*map(_traits, made), strict=True)
    ]
    several, later, no_words, misread_share = shares
    assert several > 0.3 and later > 0.3 and 0.15 < no_words < 0.5


def _traits(example):
    turns = example.conversations
    empty = any(not note.text for notes in example.recordings for note in notes)
    return len(example.recordings) > 1, any(len(t) > 1 for t in turns), empty, True
