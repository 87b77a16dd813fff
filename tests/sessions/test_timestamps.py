"""Which clip a time is about, and from where it counts."""

import time

import pytest

from sessions.records import ClipRef, Heard, Turn
from sessions.timestamps import MARK, Following, Sources, has_loose, read, written

DOG, CAT, COW = (ClipRef(letter * 32, f"{letter}.wav", 20.0) for letter in "dce")
LONG = ClipRef("a" * 32, "long.wav", 80.0)
WINDOWS = ((0.0, 28.42), (28.42, 55.1), (55.1, 80.0))
HEARD = tuple(Heard(0, 1, LONG.digest, *window) for window in WINDOWS)


def turn(*parts, role="assistant", heard=()):
    about = dict(id=1, conversation="x", parent=None, status="done", created=0.0, updated=0.0)
    return Turn(role=role, parts=parts, heard=heard, **about)


def asked(*parts):
    return turn(*parts, role="user")


def sources(*turns, before=()):
    """Of the last turn."""
    following = Following(before)
    return [following.of(one) for one in turns][-1]


def played(text, *turns, heard=(), before=()):
    """(clip, second) of each time; None for one that is tied to nothing."""
    found = read(text, sources(*turns, turn(text, heard=heard), before=before))
    return [(mark.clip, round(mark.at, 2)) if mark.is_tied else None for mark in found]


TWO = (asked(DOG, CAT, "What is it?"),)
AUDIO_1 = [  # ways to name the first of two recordings …
    "In Audio 1 it barks at <|2.00|>.",
    "audio 1: <|2.00|>",
    "At <|2.00|> in Audio 1.",
    "**Audio 1**\n- <|2.00|> a dog",
    "| Audio 1 | <|2.00|> |",
    "The first recording begins at <|2.00|>.",
    "In recording 1, <|2.00|>",
    "Recording no. 1: <|2.00|>",
    "recording one: <|2.00|>",
    "The 1st clip, at <|2.00|>",
    "In der ersten Aufnahme bei <|2.00|>.",
    "Aufnahme 1: <|2.00|>",
    "Dans le premier enregistrement, à <|2.00|>.",
    "Dans l'enregistrement 1, à <|2.00|>.",
    "En la primera grabación, a los <|2.00|>.",
    "Grabación 1: <|2.00|>",
    "最初の録音では<|2.00|>です。",
    "1つ目の録音では<|2.00|>です。",
    "録音1の<|2.00|>です。",
    "Audio 1では<|2.00|>です。",
    "第一个录音在<|2.00|>。",
    "第1段音频，<|2.00|>",
    "录音1中<|2.00|>",
    "音频一：<|2.00|>",
]
AUDIO_2 = [  # … and the second
    "Audio 2 barks at <|2.00|>.",
    "the second audio clip: <|2.00|>",
    "the last recording: <|2.00|>",
    "zweite Aufnahme: <|2.00|>",
    "la deuxième piste : <|2.00|>",
    "el segundo audio: <|2.00|>",
    "2番目の音声<|2.00|>",
    "最後の録音<|2.00|>",
    "第二段录音<|2.00|>",
    "最后一段录音<|2.00|>",
]


@pytest.mark.parametrize("text", AUDIO_1)
def test_a_time_is_about_the_first_recording_where_that_is_named(text):
    assert played(text, *TWO) == [(DOG, 2.0)]


@pytest.mark.parametrize("text", AUDIO_2)
def test_a_time_is_about_the_second_recording_where_that_is_named(text):
    assert played(text, *TWO) == [(CAT, 2.0)]


def test_each_time_is_about_what_its_sentence_names():
    text = "In Audio 1 <|1.00|>, and in Audio 2 <|2.00|>. Then <|3.00|>."
    assert played(text, *TWO) == [(DOG, 1.0), (CAT, 2.0), (CAT, 3.0)]
    text = "At <|1.00|> in Audio 1 and at <|2.00|> in Audio 2."
    assert played(text, *TWO) == [(DOG, 1.0), (CAT, 2.0)]
    text = "Audio 1:\n- <|1.00|> bark\n- <|2.00|> bark\n\nAudio 2:\n- <|3.00|> mew\n"
    assert played(text, *TWO) == [(DOG, 1.0), (DOG, 2.0), (CAT, 3.0)]


@pytest.mark.parametrize(
    "text", ["At <|2.00|>.", "Audio 3: <|2.00|>", "the third recording: <|2.00|>"]
)
def test_a_time_that_may_be_about_either_is_about_neither(text):
    assert played(text, *TWO) == [None]
    assert has_loose(text, sources(*TWO, turn(text)))


def test_where_the_answer_names_none_the_question_may():
    both = asked(DOG, CAT, "When does it bark in Audio 1?")
    assert played("At <|2.00|>.", both) == [(DOG, 2.0)]
    either = asked(DOG, CAT, "When in Audio 1 and Audio 2?")
    assert played("At <|2.00|>.", either) == [None]
    later = asked("And in the second recording?")
    assert played("At <|2.00|>.", *TWO, turn("A dog."), later) == [(CAT, 2.0)]


@pytest.mark.parametrize("text", ["a 2 second recording: <|2.00|>", "a two-second clip <|2.00|>"])
def test_a_length_in_seconds_is_no_second_recording(text):
    assert played(text, *TWO) == [None]
    assert played(text, asked(DOG, "?")) == [(DOG, 2.0)]


def test_numbers_are_of_the_newest_message_then_of_the_conversation():
    turns = (asked(DOG, "?"), turn("A dog."), asked(CAT, "And this?"))
    assert played("<|1.00|>", *turns) == [(CAT, 1.0)]
    assert played("Audio 1: <|1.00|>", *turns) == [(CAT, 1.0)]  # as the prompt numbers it
    assert played("the first recording: <|1.00|>", *turns) == [(DOG, 1.0)]
    assert played("the second recording: <|1.00|>", *turns) == [(CAT, 1.0)]
    assert played("recording 1: <|1.00|>", *turns, before=[(COW,)]) == [(COW, 1.0)]


def test_a_question_without_an_answer_is_counted_with_the_next_as_the_model_reads_it():
    turns = (asked(DOG, "?"), turn(), asked(CAT, "And?"))
    assert played("Audio 1: <|1.00|> Audio 2: <|2.00|>", *turns) == [(DOG, 1.0), (CAT, 2.0)]


def test_what_was_read_is_noted_and_counts():
    turns = (asked(DOG, "too long"), turn(), asked(CAT, "And?"))
    heard = (Heard(0, 1, CAT.digest, 0.0, 20.0),)  # the dog was left out
    assert played("Audio 1: <|1.00|>", *turns, heard=heard) == [(CAT, 1.0)]
    missing = (Heard(0, 2, CAT.digest, 0.0, 20.0),)  # the dog's file was gone
    assert played("Audio 2: <|1.00|>", *TWO, heard=missing) == [(CAT, 1.0)]
    assert played("Audio 1: <|1.00|>", *TWO, heard=missing) == [None]
    unheard = (Heard(0, 1, DOG.digest, 0.0, 0.0), *missing)
    assert played("Audio 1: <|1.00|>", *TWO, heard=unheard) == [None]


def test_what_was_read_counts_by_its_numbers_in_any_order():
    heard = (Heard(1, 1, CAT.digest, 0.0, 20.0), Heard(0, 1, DOG.digest, 0.0, 20.0))
    turns = (asked(DOG, "?"), turn("A dog."), asked(CAT, "And this?"))
    for rows in (heard, heard[::-1]):
        assert played("the first recording: <|1.00|>", *turns, heard=rows) == [(DOG, 1.0)]
        assert played("<|1.00|>", *turns, heard=rows) == [(CAT, 1.0)]


@pytest.mark.parametrize(
    "stretch",
    ["0:28 to 0:55", "0:28–0:55", "0:28 bis 0:55", "0:28 à 0:55", "0:28 a 0:55", "0:28から0:55"],
)
def test_a_time_counts_from_the_window_that_is_named(stretch):
    text = f"Audio 1 ({stretch}): a bark <|5.00|>"
    assert played(text, asked(LONG, "?"), heard=HEARD) == [(LONG, 33.42)]


def test_each_window_has_its_own_times():
    text = "Audio 1 (0:00 to 0:28): <|5.00|>\nAudio 1 (0:55 to 1:20): <|1.00|>a<|2.00|>"
    found = played(text, asked(LONG, "?"), heard=HEARD)
    assert found == [(LONG, 5.0), (LONG, 56.1), (LONG, 57.1)]
    last = read(text, sources(asked(LONG, "?"), turn(text, heard=HEARD)))[-1]
    assert (last.start, last.end) == (pytest.approx(56.1), pytest.approx(57.1))


@pytest.mark.parametrize("text", ["At <|5.00|>.", "Audio 1 (0:10 to 0:20): <|5.00|>"])
def test_a_time_in_one_of_several_windows_is_tied_to_none(text):
    assert played(text, asked(LONG, "?"), heard=HEARD) == [None]
    assert played(text, asked(LONG, "?")) == [None]  # nobody noted what was heard


def test_a_time_in_the_only_window_that_was_heard_is_tied_to_it():
    assert played("At <|5.00|>.", asked(LONG, "?"), heard=HEARD[:1]) == [(LONG, 5.0)]
    assert played("At <|5.00|>.", asked(LONG, "?"), heard=HEARD[1:2]) == [(LONG, 33.42)]


def test_the_question_may_name_the_window():
    assert played("<|5.00|>", asked(LONG, "And from 0:28 to 0:55?"), heard=HEARD) == [(LONG, 33.42)]


def test_times_are_written_as_they_count_in_the_clip():
    about = sources(asked(LONG, "?"), turn("x", heard=HEARD))
    assert written("(0:28 to 0:55) <|5.00|>", about) == "(0:28 to 0:55) [33.42 s]"
    assert written("<|5.00|>") == "[5.00 s]" and not has_loose("<|5.00|>")
    assert written("<|5.00|>", Sources.of(DOG)) == "[5.00 s]"


def test_an_answer_full_of_times_and_names_takes_no_time():
    text = "Audio 1 (0:00 to 0:28) <|1.00|>, then <|2.00|>. " * 20_000
    begun = time.process_time()
    assert len(read(text, sources(*TWO, turn(text)))) == 40_000
    assert time.process_time() - begun < 5
    assert MARK.search(f"<|{'9' * 400}.00|>") is None
    read(f"{'9' * 5000}:00 to 1:00, audio {'9' * 5000} <|1.00|>", sources(*TWO, turn("x")))
