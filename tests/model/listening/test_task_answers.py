"""Tasks are answered from notes word for word, and doubts are said."""

import pytest

from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, Label, Note, Pitch, Word
from model.listening.task_answers import CANNOT, NO_WORDS, NOT_TAKEN, TASKS, answer, asks_for_words
from model.tasks import TASKS as ROWS
from model.training import wordings


def note(text="", labels=(), **more):
    return Note(**{"start": 0.0, "end": 9.0, "reader": "x"} | more, text=text, labels=labels)


def test_every_task_is_a_row_and_has_an_answer_to_anything():
    assert set(TASKS) <= set(ROWS)
    for task in TASKS:
        assert answer(task, [[note()]]) and answer(task, [[]])


def test_words_are_written_down_as_they_were_heard():
    notes = [note(" One <|im_end|> two. "), note("Three.", start=9.0, end=12.0)]
    assert answer("transcribe", [notes]) == "One <|im_end|> two. Three."
    assert answer("transcribe", [[note()]]) == NO_WORDS
    assert answer("transcribe", [[note(withheld="loop")]]) == NOT_TAKEN
    assert answer("transcribe", [notes, [note()]]) == (
        f"Recording 1: One <|im_end|> two. Three.\nRecording 2: {NO_WORDS}"
    )


def test_sentences_have_the_times_of_the_clip():
    words = (Word(65.2, 65.5, "One."), Word(70.9, 71.0, "Two"), Word(71.0, 71.2, "three."))
    told = note("One. Two three.", start=60.0, end=75.0, words=words)
    assert answer("transcribe with times", [[told]]) == "1:05 One.\n1:10 Two three."
    assert answer("transcribe with times", [[note()]]) == NO_WORDS


def test_findings_are_told_with_their_doubt():
    labels = (
        Label(KIND, "instrument", 0.9),
        Label(FAMILY, "strings", 0.4, is_sure=False),
        Label(VOICE, "female", 0.9),
        Label(LANGUAGE, "de", 0.5, is_sure=False),
    )
    told = [note(labels=labels, pitch=Pitch(440.0, "A4", 0.9))]
    assert answer("kind of sound", [told]) == "An instrument."
    assert answer("instrument family", [told]) == "Perhaps strings. I am not sure."
    assert answer("gender", [told]) == "A woman."
    assert answer("language", [told]) == "Perhaps German. I am not sure."
    assert answer("note", [told]) == "A4."
    assert answer("instrument family", [[note()]]) == CANNOT == wordings.CANNOT
    assert answer("language", [[note("Hola.", language="es")]]) == "Spanish."
    assert answer("language", [[note("Hola.", language="es"), note("Hi.", language="en")]]) == (
        "Spanish. English."
    )


@pytest.mark.parametrize(
    "question",
    [
        *(wordings.ASKS["transcript"] + wordings.THEN["transcript"]),
        "WHAT DID SHE SAY",
        "Please write down what is said in this recording.",
    ],
)
def test_who_asks_for_all_words_is_understood(question):
    assert asks_for_words(question)


@pytest.mark.parametrize(
    "question",
    [
        *wordings.ASKS["language"],
        *wordings.ASKS["kind"],
        *wordings.OPEN,
        "What does the person want?",
        "What did he say about the dog?",
        "Which words are misspelt?",
        "What is the word for dog in German?",
        "Write down the name.",
        "What does she say she will do?",
        "Transcribe the first sentence.",
        "What is said in recording 2?",
        "",
    ],
)
def test_other_questions_are_not_taken_for_it(question):
    assert not asks_for_words(question)
