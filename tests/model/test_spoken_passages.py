"""Units of spoken passages keep their format, and what is made of them is true."""

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest

from model.training import passage_units
from model.training.passage_questions import NO_ANSWER, stands_in
from model.training.passage_tellings import Filling
from model.training.passage_units import alternatives, defined, read, slots_of
from model.training.spoken_amounts import AMOUNTS, in_words, ordinal
from model.training.spoken_passages import passage, passages

OUTSIDE = ("yesno", "which", "mention", "at", "unanswerable", "summary")  # not quotes in a row
MADE = 250  # passages that a test looks at


@pytest.fixture(scope="module")
def material():
    return read()


def wordings(material):
    """All lists of wordings of one question, each with the held-out one at its end."""
    for unit in material.units:
        for question in unit.questions:
            yield question.wordings
            if question.follow_ups:
                yield question.follow_ups
        yield unit.missing
    yield from (ways for name, ways in material.wordings.items() if name != "filler")


def alike(wording):
    return re.sub(r"\d}", "}", wording.lower())


def test_there_are_units_enough_of_many_kinds(material):
    assert len(material.units) >= 330
    assert len({unit.domain for unit in material.units}) >= 20
    assert len(material.slots) >= 200
    assert sum(unit.held_out for unit in material.units) >= 20
    kinds = {question.kind for unit in material.units for question in unit.questions}
    assert kinds >= set(
        "who what when where why many number price phone ask will whose yesno".split()
    )


def test_no_unit_stands_twice(material):
    tags = Counter(unit.tag for unit in material.units)
    sayings = Counter(saying for unit in material.units for saying in unit.sayings)
    assert not [name for name, count in (tags | sayings).items() if count > 1]


def test_every_unit_can_be_said_and_asked_in_many_ways(material):
    for unit in material.units:
        assert len(unit.sayings) >= 3, unit.tag
        assert len(unit.questions) >= 2 and len(unit.missing) >= 2, unit.tag
        for question in unit.questions:
            assert len(set(question.wordings)) >= 3, (unit.tag, question)
            assert len(question.follow_ups) != 1, (unit.tag, question)


def test_every_slot_is_defined_and_every_brace_is_a_slot(material):
    for unit in material.units:
        templates = [unit.about, *unit.sayings, *unit.missing]
        for question in unit.questions:
            templates += [question.answer, *question.wordings, *question.follow_ups]
        for template in templates:
            assert template.count("{") == len(slots_of(template)), (unit.tag, template)
            for slot in slots_of(template):
                assert defined(slot.rstrip("0123456789"), material), (unit.tag, slot)


def test_questions_name_only_what_a_saying_can_name(material):
    for unit in material.units:
        said = {slot for saying in unit.sayings for slot in slots_of(saying)}
        for question in unit.questions:
            for wording in question.wordings + question.follow_ups:
                assert set(slots_of(wording)) <= said | {"speaker", "speaker_s"}, (
                    unit.tag,
                    wording,
                )


def test_what_is_missing_is_asked_about_what_every_saying_names(material):
    for unit in material.units:
        said = [set(slots_of(saying)) for saying in unit.sayings]
        for wording in unit.missing:
            named = set(slots_of(wording)) - {"speaker", "speaker_s"}
            assert named <= set.intersection(*said), (unit.tag, wording)


def test_every_question_is_answered_by_a_saying(material):
    for unit in material.units:
        ways = [way for saying in unit.sayings for way in alternatives(saying)]
        for question in unit.questions:
            if question.answer:
                filling = Filling(Random(1), material, set(), "woman")
                answer = filling.fill(question.answer)
                assert any(stands_in(answer, filling.fill(way)) for way in ways), (
                    unit.tag,
                    question.answer,
                )


def test_no_held_out_wording_is_trained_with_another_unit(material):
    trained = {alike(way) for ways in wordings(material) for way in ways[:-1]}
    held = {alike(ways[-1]) for ways in wordings(material)}
    assert not trained & held


@pytest.mark.parametrize("held", [None, "wording", "unit"])
def test_every_answer_stands_in_its_passage(held):
    kinds = Counter()
    for made in islice(passages(3, held), MADE):
        said = " ".join(s.text for r in made.recordings for s in r.sentences)
        assert made.recordings and made.conversations
        for turn in (turn for turns in made.conversations for turn in turns):
            kinds[turn.kind] += 1
            if turn.kind not in OUTSIDE:
                assert stands_in(turn.answer, said), turn
            if turn.kind == "unanswerable":
                assert turn.answer == NO_ANSWER
            if turn.kind == "which":
                number = re.fullmatch(r"Recording (\d)\.", turn.answer)[1]
                assert 1 <= int(number) <= len(made.recordings)
            if turn.kind == "yesno" and turn.answer.startswith("No, "):
                assert stands_in(turn.answer[4:], said)
    assert set(kinds) >= {"who", "what", "where", "summary", "which", "mention", "unanswerable"}
    assert 0.12 < kinds["unanswerable"] / kinds.total() < 0.35


def test_a_held_out_wording_is_never_drawn_in_training(material):
    """No question of training has the form of a held-out wording without slots."""
    held = {ways[-1].lower() for ways in wordings(material) if "{" not in ways[-1]}
    asked = Counter()
    for made in islice(passages(5), MADE):
        for turns in made.conversations:
            for turn in turns:
                asked[turn.question.lower().rstrip("?.")] += 1
    assert not held & set(asked)
    tested = {
        turn.question.lower().rstrip("?.")
        for made in islice(passages(5, "wording"), MADE)
        for turns in made.conversations
        for turn in turns
    }
    assert held & tested


def test_held_out_units_are_never_told_in_training(material):
    held = {saying for unit in material.units if unit.held_out for saying in unit.sayings}
    beginnings = {s.split("{")[0] for s in held if len(s.split("{")[0]) > 12}
    for made in islice(passages(6), MADE):
        for recording in made.recordings:
            for sentence in recording.sentences:
                assert not sentence.text.startswith(tuple(beginnings)), sentence.text
    assert beginnings


def test_the_same_seed_gives_the_same_passages(material):
    first = [passage(Random(9), material) for _ in range(3)]
    assert first == [passage(Random(9), material) for _ in range(3)]
    assert list(islice(passages(1), 4)) != list(islice(passages(2), 4))


def test_some_turns_follow_up_and_some_name_a_recording():
    made = list(islice(passages(4), MADE))
    talks = [turns for each in made for turns in each.conversations]
    assert max(len(turns) for turns in talks) >= 3
    assert any("recording 2" in turns[-1].question.lower() for turns in talks if len(turns) > 1)
    assert {len(each.recordings) for each in made} >= {1, 2, 3}


def test_a_summary_quotes_whole_sentences():
    for made in islice(passages(8), MADE):
        for turn in (turn for turns in made.conversations for turn in turns):
            if turn.kind == "summary":
                quoted = [made.recordings[r].sentences[s].text for r, s in turn.quotes]
                assert turn.answer == " ".join(quoted) and 1 <= len(quoted) <= 3


def test_sentences_follow_each_other_in_time():
    for made in islice(passages(2), 40):
        for recording in made.recordings:
            times = [time for s in recording.sentences for time in (s.start, s.end)]
            assert times == sorted(times) and times[0] >= 0


def test_amounts_are_said_in_words_and_figures():
    assert in_words(0) == "zero" and in_words(14) == "fourteen" and in_words(60) == "sixty"
    assert (
        in_words(342) == "three hundred and forty-two" and in_words(105) == "one hundred and five"
    )
    assert in_words(12_007) == "twelve thousand and seven"
    assert {ordinal(n, Random(1)) for n in (21, 22, 23, 24)} == {"21st", "22nd", "23rd", "24th"}
    for name, draw in AMOUNTS.items():
        drawn = {draw(Random(seed)) for seed in range(60)}
        assert len(drawn) >= 10 and all(value.strip() == value for value in drawn), name


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("[x] x\n- It is {color}.\n? who > {name} who is it\n")
    with pytest.raises(ValueError, match="unit x"):
        passage_units.read(tmp_path)
    (tmp_path / "a.txt").write_text("- a saying before any unit\n")
    with pytest.raises(ValueError, match="a.txt, line 1"):
        passage_units.read(tmp_path)
