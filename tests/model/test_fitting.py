"""What of a conversation is read where it is too long: measured by counting words."""

from dataclasses import replace

import numpy as np
import pytest

from model.engine import SHORTEST_ANSWER, Heard, Room
from model.fitting import fitted, joined
from model.messages import Clip, Message

CONTEXT = 1000
CLIP = Clip(np.zeros(1, np.float32), "c" * 32)
SOUND = 600  # words that a clip is worth


def measure(messages):
    """Words, and clips as far as they may fill the context or the words let them."""
    words = sum(len(p.split()) for m in messages for p in m.parts if isinstance(p, str))
    clips = [(i, clip) for i, message in enumerate(messages) for clip in message.clips]
    room = max(0, min(750, CONTEXT - SHORTEST_ANSWER - words))
    n = min(len(clips), room // SOUND)
    heard = tuple(
        Heard(i, 1, clip.digest, 0, 1 if j < n else 0) for j, (i, clip) in enumerate(clips)
    )
    return Room(words + n * SOUND, CONTEXT, heard=heard, is_cut=n < min(1, len(clips)))


def user(*parts):
    return Message("user", parts)


def answer(words):
    return Message("assistant", (words,))


def talk(n, words=10):
    """`n` exchanges, each question and answer of so many words, the first of them its number."""
    for i in range(n):
        yield user(f"{i} " + "q " * (words - 1))
        yield answer(f"{i} " + "a " * (words - 1))


def numbers(found):
    """The exchanges that are read."""
    return [int(m.parts[0].split()[0]) for m in found.messages if m.role == "assistant"]


NOW = user("now?")
TOLD = Message("system", ("be brief",))


@pytest.mark.parametrize("n, words", [(40, 10), (65, 3), (300, 1)])
def test_what_fits_is_read_whole(n, words):
    turns = [TOLD, *talk(n, words), NOW]
    assert fitted(measure, turns).messages == tuple(turns)
    assert fitted(measure, turns).left_out == 0


@pytest.mark.parametrize("n", [49, 64, 65, 100, 129, 1000])
def test_the_oldest_are_left_out_and_as_few_as_can_be(n):
    found = fitted(measure, [TOLD, *talk(n), NOW])
    most = (CONTEXT - SHORTEST_ANSWER - 3) // 20
    assert found.messages[0] == TOLD and found.messages[-1] == NOW
    assert numbers(found) == list(range(n - most, n))
    assert found.left_out == 2 * (n - most)
    assert found.room == measure(found.messages)


def test_measuring_a_long_conversation_costs_little_more_than_what_is_read():
    read = []

    def counted(messages):
        room = measure(messages)
        read.append(room.used)
        return room

    fitted(counted, [*talk(20_000), NOW])
    assert sum(read) < 30 * CONTEXT


def test_one_question_that_nobody_can_read_costs_no_other_turn():
    too_long = user("word " * 5000)  # its answer was a refusal, and is no turn
    turns = [*talk(5), too_long, user("and this?"), answer("5 yes"), NOW]
    found = fitted(measure, turns)
    assert numbers(found) == [0, 1, 2, 3, 4, 5] and found.left_out == 1
    assert not any("word" in str(m.parts) for m in found.messages)
    alone = fitted(measure, [too_long, NOW])
    assert alone.messages == (NOW,) and alone.left_out == 1


def test_of_a_question_that_nobody_can_read_the_recording_stays():
    too_long = user(CLIP, "word " * 5000)
    found = fitted(measure, [*talk(2), too_long, user("shorter, then?")])
    assert found.messages[-1] == user(CLIP, "shorter, then?") and found.left_out == 1
    assert numbers(found) == [0, 1]


def test_an_answer_that_nobody_can_read_is_left_out_with_its_question():
    found = fitted(measure, [*talk(2), user("go on"), answer("9 " + "word " * 5000), NOW])
    assert numbers(found) == [0, 1] and found.left_out == 2
    assert [m.role for m in found.messages] == ["user", "assistant"] * 2 + ["user"]


def test_a_question_without_an_answer_is_read_with_the_next():
    found = fitted(measure, [user("one"), user("two"), answer("2"), user("three"), NOW])
    assert [m.parts for m in found.messages] == [("one", "two"), ("2",), ("three", "now?")]
    assert found.left_out == 0


def test_the_newest_question_stays_alone_where_it_is_too_long_itself():
    long = user("word " * 2000)
    found = fitted(measure, [TOLD, *talk(3), long])
    assert found.messages == (TOLD, long) and found.left_out == 6
    assert not found.room.has_answer


def test_an_answer_that_was_begun_stays_with_its_question():
    begun = answer("half " * 300)
    found = fitted(measure, [*talk(60), NOW, begun])
    assert found.messages[-2:] == (NOW, begun) and found.messages[0].role == "user"
    assert found.left_out == 2 * (60 - numbers_but_last(found))


def numbers_but_last(found):
    return sum(m.role == "assistant" for m in found.messages) - 1


def test_the_newest_recording_stays_while_older_words_go():
    turns = [user("old", CLIP), answer("0 a"), user("what?", CLIP), answer("1 dog"), *talk(40), NOW]
    found = fitted(measure, turns)
    assert found.messages[0].clips == [CLIP] and found.messages[0].parts[0] == "what?"
    most = (CONTEXT - SHORTEST_ANSWER - SOUND - 4) // 20
    assert numbers(found) == [1, *range(40 - most, 40)]
    assert found.left_out == 2 + 2 * (40 - most)


def test_a_recording_in_the_question_makes_older_ones_dispensable():
    question = user("this?", CLIP)
    found = fitted(measure, [user("old", CLIP), answer("0 a"), *talk(40), question])
    assert found.messages[-1] == question and not any(m.clips for m in found.messages[:-1])


def test_a_recording_makes_room_for_a_long_question_and_goes_if_it_must():
    def elastic(messages):
        room = measure(messages)
        windows = tuple(replace(heard, end=1) for heard in room.heard)
        return replace(room, heard=windows) if room.used < 700 else room

    turns = [user("what?", CLIP), answer("0 dog")]
    found = fitted(elastic, [*turns, *talk(3), user("word " * 500)])
    assert found.messages[0].clips == [CLIP] and found.room.is_cut
    found = fitted(measure, [*turns, *talk(3), user("word " * 960)])
    assert len(found.messages) == 1 and found.left_out == 8


def test_neighbours_of_a_side_are_joined_in_order():
    assert joined([TOLD, user("a"), user(CLIP, "b"), answer("c")]) == (
        TOLD,
        user("a", CLIP, "b"),
        answer("c"),
    )
