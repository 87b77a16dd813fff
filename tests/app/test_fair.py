"""Whose turn it is, with things that take as long as they are told."""

import threading
from functools import partial

import pytest

from app.chat import Refused
from app.fair import Fair


class Bench:
    """Things that are done when they may be, and the order in which they were."""

    def __init__(self, first=None):
        self.fair = Fair(first)
        self.done, self.may = [], threading.Semaphore(0)
        self.over = threading.Condition()

    def ask(self, who, thing):
        self.fair.add(who, thing, partial(self.may.acquire), partial(self.ended, thing))

    def begin(self, who, thing):
        """The first, so that the others wait."""
        began = threading.Event()
        work = lambda: (began.set(), self.may.acquire())  # noqa: E731
        self.fair.add(who, thing, work, partial(self.ended, thing))
        assert began.wait(10)

    def ended(self, thing):
        with self.over:
            self.done.append(thing)
            self.over.notify_all()

    def finish(self, n):
        for _ in range(n):
            self.may.release()
        with self.over:
            assert self.over.wait_for(lambda: len(self.done) >= n, 10)
        return self.done


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    for _ in range(99):
        bench.may.release()
    bench.fair.close()


def test_who_asks_much_waits_for_who_asks_little(bench):
    bench.begin("ada", "ada 0")
    for i in range(1, 4):
        bench.ask("ada", f"ada {i}")
    bench.ask("bob", "bob 0")
    bench.ask("eve", "eve 0")
    bench.ask("bob", "bob 1")
    expected = ["ada 0", "ada 1", "bob 0", "eve 0", "ada 2", "bob 1", "ada 3"]
    assert [bench.fair.ahead(thing) for thing in expected] == list(range(7))
    assert bench.finish(7) == expected


def test_the_owner_goes_first_where_they_like():
    bench = Bench(first="")
    bench.begin("ada", "running")
    bench.ask("ada", "ada")
    bench.ask("bob", "bob")
    bench.ask("", "owner 0")
    bench.ask("", "owner 1")
    assert bench.finish(5) == ["running", "owner 0", "owner 1", "ada", "bob"]
    bench.fair.close()


def test_what_is_cancelled_is_not_done_and_counts_no_more(bench):
    bench.begin("ada", "one")
    bench.ask("bob", "two")
    bench.ask("ada", "three")
    assert bench.fair.cancel("two") and not bench.fair.cancel("two")
    assert not bench.fair.cancel("one"), "it has begun"
    assert bench.fair.ahead("three") == 1
    assert bench.finish(2) == ["one", "three"]


def test_between_two_things_there_is_rest(bench):
    bench.ask("ada", "one")
    with pytest.raises(Refused, match="An answer is being given"):
        bench.fair.between(lambda: None, "Resting.")
    bench.finish(1)
    may = threading.Event()
    bench.fair.between(lambda: may.wait(10), "Resting.")
    with pytest.raises(Refused, match="Resting"), bench.fair.coming():
        pass
    may.set()
    bench.fair.close()
    with bench.fair.coming():
        pass


def test_what_fails_does_not_stop_the_line(bench, caplog):
    bench.fair.add("ada", "bad", lambda: 1 / 0, lambda: bench.ended("bad"))
    bench.ask("bob", "good")
    assert bench.finish(2) == ["bad", "good"]
    assert "ZeroDivisionError" in caplog.text
