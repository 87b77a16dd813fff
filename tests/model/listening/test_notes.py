"""A note survives being written as JSON."""

import json

import pytest

from model.listening.notes import (
    KIND,
    VOICE,
    Label,
    Note,
    Pitch,
    Word,
    as_data,
    as_json,
    from_data,
    from_json,
)


@pytest.fixture
def note():
    return Note(
        start=30.0,
        end=42.5,
        reader="Earshot-mini",
        text="Grüße, <|im_start|>",
        language="de",
        words=(Word(30.2, 30.9, "Grüße,", 0.93), Word(31.0, 31.4, "<|im_start|>", 0.2)),
        labels=(Label(KIND, "speech", 0.99), Label(VOICE, "female", 0.4, False)),
        pitch=Pitch(440.0, "A4", 0.9),
        level=-23.5,
        withheld="",
    )


def test_a_note_comes_back_as_it_was(note):
    assert from_data(json.loads(json.dumps(as_data(note)))) == note
    bare = Note(start=0.0, end=1.0, reader="x")
    assert from_data(json.loads(json.dumps(as_data(bare)))) == bare


def test_fields_of_a_later_version_are_left_out(note):
    data = as_data(note)
    data["colour"] = data["words"][0]["colour"] = "red"
    assert from_data(data) == note


@pytest.mark.parametrize("data", [{}, [], "note", {"start": 0.0}, {"words": [3]}])
def test_what_is_no_note_is_refused(data):
    with pytest.raises(ValueError, match="no note"):
        from_data(data)


def test_a_word_is_doubtful_below_half(note):
    assert [word.is_doubtful for word in note.words] == [False, True]
    assert note.label(VOICE).name == "female" and note.label("language") is None


WRONG = (
    *({"start": "0"}, {"start": None}, {"start": True}, {"end": float("nan")}, {"end": 10**400}),
    *({"level": "loud"}, {"text": 7}, {"reader": None}, {"pitch": {"hertz": 440.0}}),
    {"words": [{"start": 0.0, "end": [], "text": "a"}]},
    {"labels": [{"about": KIND, "name": {}, "confidence": 0.9}]},
    {"labels": [{"about": KIND, "name": "animal", "confidence": 0.9, "is_sure": "yes"}]},
)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_value_of_another_type_is_refused(note, wrong):
    with pytest.raises(ValueError, match="no note"):
        from_data(as_data(note) | wrong)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_of_stored_notes_a_damaged_one_is_left_out(note, wrong):
    stored = json.loads(as_json([note, note]))
    stored[0] |= wrong
    assert from_json(json.dumps(stored)) == (note,)


@pytest.mark.parametrize("text", ["", "[", "{}", "3", "null", "[" * 100_000, '[{"start": 1'])
def test_what_was_stored_and_is_no_list_is_nothing(text):
    assert from_json(text) == ()
