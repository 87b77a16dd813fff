"""Lines of a conversation: edited, answered anew, taken back, gone on with, marked."""

import pytest

from sessions.errors import Gone, StillWriting
from sessions.records import DONE, LENGTH, WRITING, Versions
from sessions.store import Store


def said(store, id, **which):
    return [turn.text for turn in store.turns(id, **which)]


def test_an_edited_question_is_a_branch_and_the_old_line_stays(store, talk):
    id = talk("one", "first", "two", "second")
    one, first, two, second = store.turns(id)
    edited = store.ask(id, ("two, but better",), after=two.parent)
    store.finish(store.begin(id).id, "better", DONE)

    assert said(store, id) == ["one", "first", "two, but better", "better"]
    assert said(store, id, leaf=second.id) == ["one", "first", "two", "second"]
    assert store.siblings(edited.id) == Versions((two.id, edited.id), 1)
    assert store.siblings(two.id) == Versions((two.id, edited.id), 0)
    assert store.siblings(one.id) == Versions((one.id,), 0)

    assert store.choose(id, two.id) == second.id
    assert said(store, id) == ["one", "first", "two", "second"]
    talk("three", id=id)
    assert said(store, id)[-1] == "three", "one goes on where one is"


def test_the_first_question_can_be_edited_too(store, talk):
    id = talk("one", "first")
    store.ask(id, ("one, again",), after=None)
    assert said(store, id) == ["one, again"]
    assert store.siblings(store.turns(id)[0].id).shown == 1
    talk("elsewhere")  # beginnings of other conversations are no versions
    assert len(store.siblings(store.turns(id)[0].id).ids) == 2


def test_another_answer_stands_beside_the_first(store, talk):
    id = talk("one", "first")
    question, answer = store.turns(id)
    again = store.begin(id, after=question.id)
    store.finish(again.id, "second try", DONE)
    assert said(store, id) == ["one", "second try"]
    assert store.versions(store.turns(id)) == {again.id: Versions((answer.id, again.id), 1)}


def test_choosing_shows_the_newest_line_under_a_turn(store, talk):
    id = talk("one", "first", "two", "second")
    one, first, two, second = store.turns(id)
    three = store.ask(id, ("three",), after=first.id)
    store.ask(id, ("another beginning",), after=None)
    assert store.choose(id, one.id) == three.id
    assert said(store, id) == ["one", "first", "three"]


def test_undo_takes_back_the_last_exchange_and_choose_brings_it_back(store, talk):
    id = talk("one", "first", "two", "second")
    taken = store.undo(id)
    assert (taken.text, said(store, id)) == ("two", ["one", "first"])
    store.choose(id, taken.id)
    assert said(store, id) == ["one", "first", "two", "second"]
    store.undo(id), store.undo(id)
    assert said(store, id) == [] and store.undo(id) is None
    assert [c.id for c in store.conversations()] == [id], "it can still be found"
    talk("anew", id=id)
    assert said(store, id) == ["anew"]
    assert len(store.siblings(store.turns(id)[0].id).ids) == 2


def test_an_answer_that_goes_on_stays_one_turn(store, talk):
    id = talk("tell me")
    answer = store.begin(id, model="parrot")
    store.finish(answer.id, "so long", LENGTH)
    again = store.resume(answer.id, model="parrot 2")
    assert (again.id, again.text, again.status, again.model) == (
        answer.id,
        "so long",
        WRITING,
        "parrot 2",
    )
    store.finish(answer.id, "so long and no longer", DONE)
    assert said(store, id) == ["tell me", "so long and no longer"]
    assert store.search("longer").hits[0].turn == answer.id
    with pytest.raises(Gone):
        store.resume(store.turns(id)[0].id)


def test_an_answer_that_is_being_given_is_not_gone_on_with(store, talk):
    answer = store.begin(talk("tell me"))
    with pytest.raises(StillWriting, match="not finished"):
        store.resume(answer.id)


def test_a_verdict_and_its_note_are_kept_and_taken_back(store, talk):
    answer = store.turns(talk("one", "first"))[1]
    store.rate(answer.id, False, "It was a cat.")
    assert (store.turn(answer.id).good, store.turn(answer.id).note) == (False, "It was a cat.")
    store.rate(answer.id, None)
    assert (store.turn(answer.id).good, store.turn(answer.id).note) == (None, "")
    with pytest.raises(Gone):
        store.rate(10**6, True)


def test_turns_of_another_conversation_are_refused(store, talk):
    id, elsewhere = talk("one", "first"), talk("two")
    foreign = store.turns(elsewhere)[0].id
    with pytest.raises(Gone):
        store.ask(id, ("hello",), after=foreign)
    with pytest.raises(Gone):
        store.choose(id, foreign)
    assert store.turns(id, leaf=foreign) == []
    assert said(store, id) == ["one", "first"]


def test_a_long_line_is_read_in_pages(store, talk, keep):
    id = talk((keep("a.wav"), "0"), "1", (keep("b.wav"), "2"), "3", "4", "5", "6")
    last = store.turns(id, limit=3)
    assert [turn.text for turn in last] == ["4", "5", "6"]
    middle = store.turns(id, before=last[0].id, limit=3)
    assert [turn.text for turn in middle] == ["1", "2", "3"]
    first = store.turns(id, before=middle[0].id, limit=3)
    assert [turn.text for turn in first] == ["0"]
    assert store.turns(id, before=first[0].id, limit=3) == []
    assert store.turns(id, limit=0) == []
    assert store.count(id) == (7, 2)
    assert store.count(id, before=middle[0].id) == (1, 1)
    assert store.count(id, before=first[0].id) == (0, 0)


def test_two_stores_on_one_folder_agree_on_the_line(store, talk):
    id = talk("one", "first", "two")
    with Store(store.folder) as second:
        second.undo(id)
        assert said(store, id) == ["one", "first"]


def test_a_branch_is_asked_for_while_an_answer_is_being_given(store, talk):
    id = talk("one")
    answer = store.begin(id)
    store.ask(id, ("meanwhile",), after=None)
    store.finish(answer.id, "first", DONE)
    assert said(store, id) == ["meanwhile"]
    assert said(store, id, leaf=answer.id) == ["one", "first"]
