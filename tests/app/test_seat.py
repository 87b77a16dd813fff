"""Engines that take each other's place: which answers, which is let go of, and when."""

import threading

import pytest

from app.chat import Refused
from app.seat import Seat
from model.engine import Parrot
from model.errors import NoRoom, NoWeights
from model.listening.notes import Word
from model.messages import Message, Sampling
from model.windows import split
from tests.model.conftest import noise

ASKED = [Message("user", ("one two three",))]


class Bird(Parrot):
    """A parrot that knows when it is let go of, and that memory holds only so many of."""

    alive = []

    def __init__(self, name, room=9):
        super().__init__()
        if len(self.alive) >= room:
            raise NoRoom("Too little memory for another bird.")
        self.name = name
        self.alive.append(name)

    def close(self):
        self.alive.remove(self.name)


@pytest.fixture
def seat():
    Bird.alive = []
    return Seat(Bird("a"), "a")


def test_who_sits_here_takes_the_notes():
    seat, sound = Seat(Parrot(words=[Word(0.1, 0.3, "hello")])), noise(2)
    assert [note.text for note in seat.notes(sound, split(sound))] == ["hello"]
    assert seat.room(ASKED, task="emotion") == Parrot().room(ASKED)


def said(engine):
    return "".join(piece.text for piece in engine.reply(ASKED, Sampling()))


def test_another_takes_the_place_and_the_one_before_is_let_go_of(seat):
    assert said(seat) == "one two three" and seat.room(ASKED).used == 3
    seat.change("b", Bird)
    assert (seat.name, Bird.alive) == ("b", ["b"])
    assert said(seat) == "one two three"


def test_one_that_cannot_come_leaves_the_other_where_it_is(seat):
    def broken(name):
        raise NoWeights("It is damaged.")

    before = seat._engine
    with pytest.raises(NoWeights):
        seat.change("b", broken)
    assert seat._engine is before and Bird.alive == ["a"] and said(seat)


def test_where_two_are_too_many_the_first_leaves_first(seat):
    seat.change("b", lambda name: Bird(name, room=1))
    assert (seat.name, Bird.alive) == ("b", ["b"]) and said(seat)


def test_and_comes_back_where_even_one_is_too_many(seat):
    with pytest.raises(NoRoom):
        seat.change("b", lambda name: Bird(name, room=0 if name == "b" else 1))
    assert (seat.name, Bird.alive) == ("a", ["a"]) and said(seat)


def test_nobody_is_let_go_of_in_the_middle_of_an_answer(seat):
    answer = seat.reply(ASKED, Sampling())
    next(answer)
    change = threading.Thread(target=seat.change, args=("b", Bird))
    change.start()
    change.join(0.3)
    assert change.is_alive() and "a" in Bird.alive
    answer.close()
    change.join(10)
    assert Bird.alive == ["b"]


def test_without_an_engine_there_is_a_sentence(seat):
    seat.close()
    with pytest.raises(Refused, match="No model is loaded"):
        seat.room(ASKED)
