"""The questions written by hand are well formed, answerable from their passages, and apart from
what is trained on."""

import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from model.training import talk
from model.training.passage_questions import stands_in, words
from model.training.passage_tellings import Filling
from model.training.passage_units import KINDS, SLOT, alternatives, read
from model.training.spoken_amounts import AMOUNTS

FOLDER = Path(__file__).parents[3] / "model"
NOT_QUOTED = ("yesno", "which")  # the answer is not in the passage
ANY = ".{1,60}?"
REFERENCES = {
    "speaker": ("the speaker", "he", "she", "the man", "the woman"),
    "speaker_s": ("the speaker s", "his", "her", "the man s", "the woman s"),
}


def rows(file):
    return [json.loads(line) for line in (FOLDER / file).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def material():
    return read()


@pytest.fixture(scope="module")
def passages():
    return rows("evaluation/questions_from_notes.jsonl")


def spoken(passage):
    return [text for recording in passage["recordings"] for _, _, text in recording]


def amount():
    """A pattern of numbers, prices, times and the like."""
    drawn = [draw(Random(seed)) for draw in AMOUNTS.values() for seed in range(400)]
    spelt = sorted({word for value in drawn for word in words(value) if word.isalpha()})
    token = rf"(?:[a-z]*\d\w*|{'|'.join(spelt)})"
    return f"{token}(?: {token})*"


AMOUNT = amount()


def normal(text):
    return " ".join(words(text))


def maker(template, material):
    """A test of whether a sentence can be made from the template: roughly first, then exactly."""

    def put(exact):
        parts, other = SLOT.split(template), AMOUNT if exact else ANY
        made = [re.escape(normal(parts[0]))]
        for article, name, text in zip(parts[1::4], parts[2::4], parts[4::4], strict=True):
            fillers = material.slots.get(name) if exact else None
            fillers = REFERENCES.get(name) if name in REFERENCES else fillers
            value = "|".join(re.escape(normal(f)) for f in fillers) if fillers else other
            made += [
                f"(?:an? )?(?:{value})" if article else f"(?:{value})",
                re.escape(normal(text)),
            ]
        return re.compile(" ?".join(made))

    rough, fixed = put(exact=False), [normal(part) for part in SLOT.split(template)[::4]]
    return lambda text: (
        all(part in text for part in fixed)
        and rough.fullmatch(text)
        and put(exact=True).fullmatch(text)
    )


def test_there_are_passages_and_questions_enough(passages):
    kinds = Counter(q["kind"] for passage in passages for q in passage["questions"])
    assert len(passages) >= 45 and kinds.total() >= 180
    assert kinds["unanswerable"] / kinds.total() >= 0.2
    assert sum(len(passage["recordings"]) > 1 for passage in passages) >= 5
    assert sum(q["follows"] is not None for p in passages for q in p["questions"]) >= 20


def test_each_passage_is_a_few_sentences_in_time(passages):
    for passage in passages:
        assert 3 <= len(spoken(passage)) <= 12
        for recording in passage["recordings"]:
            times = [time for start, end, _ in recording for time in (start, end)]
            assert times == sorted(times)


def test_each_question_is_well_formed(passages):
    for passage in passages:
        asked = [q["question"] for q in passage["questions"]]
        assert len(set(asked)) == len(asked) >= 4
        for number, question in enumerate(passage["questions"]):
            assert set(question) == {"question", "kind", "accept", "follows"}
            assert question["kind"] in (*KINDS, "which", "unanswerable")
            assert bool(question["accept"]) is (question["kind"] != "unanswerable"), question
            assert question["follows"] is None or 0 <= question["follows"] < number


def test_answers_stand_in_their_passages(passages):
    for passage in passages:
        said = " ".join(spoken(passage))
        for question in passage["questions"]:
            if question["accept"] and question["kind"] not in NOT_QUOTED:
                assert any(stands_in(way, said) for way in question["accept"]), question


def test_no_sentence_can_be_made_by_the_units(passages, material):
    sayings = {
        part
        for unit in material.units
        for saying in unit.sayings
        for way in alternatives(saying)
        for part in (way, *re.split(r"(?<=[.!?]) ", way))
    }
    makers = [maker(part, material) for part in (*sayings, *material.wordings["filler"])]
    for sentence in (normal(text) for passage in passages for text in spoken(passage)):
        assert not [make for make in makers if make(sentence)], sentence


def test_no_question_has_a_wording_of_the_units(passages, material):
    asked = {
        wording
        for unit in material.units
        for ways in (unit.missing, *(q.wordings for q in unit.questions))
        for wording in ways
    }
    makers = [maker(wording, material) for wording in asked]
    for question in (q for passage in passages for q in passage["questions"]):
        plain = normal(question["question"])
        trained = [make for make in makers if make(plain)]
        assert question["follows"] is not None or not trained, plain


def test_a_made_sentence_is_known_as_made(material):
    unit = next(unit for unit in material.units if unit.tag == "lost-dog")
    known = [maker(saying, material) for way in unit.sayings for saying in alternatives(way)]
    filled = Filling(Random(3), material, set(), "woman").fill(unit.sayings[0])
    assert any(make(normal(filled)) for make in known)
    assert not any(make(normal("Our dog has run away again.")) for make in known)


def test_names_and_places_are_none_of_the_slots(passages, material):
    names = {
        normal(filler)
        for slot in ("name", "surname", "city", "village", "street", "firm", "petname", "ship")
        for filler in material.slots[slot]
    }
    for passage in passages:
        for question in passage["questions"]:
            if question["kind"] in ("who", "where", "whose"):
                assert not names & {normal(way) for way in question["accept"]}, question


def test_plain_chat_can_be_checked_and_is_not_trained_on():
    questions = rows("evaluation/plain_chat.jsonl")
    assert len(questions) == 24 and all(set(q) == {"question", "accept"} for q in questions)
    assert all(q["accept"] for q in questions)
    asked = {normal(q["question"]) for q in questions}
    rehearsed = (FOLDER / "training/chat_prompts.txt").read_text("utf-8").splitlines()
    trained = [*rehearsed, *(prompt.text for prompt in talk.prompts())]
    assert len(asked) == 24 and not asked & {normal(prompt) for prompt in trained}


def test_rehearsed_prompts_are_many_and_new():
    rehearsed = (FOLDER / "training/chat_prompts.txt").read_text("utf-8").splitlines()
    plain = [normal(prompt) for prompt in rehearsed]
    assert len(set(plain)) == len(plain) >= 400 and all(plain)
    assert not set(plain) & {normal(prompt.text) for prompt in talk.prompts()}
