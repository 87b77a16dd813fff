"""Answers being given, whoever is looking.

The one place with a thread of our own (in fair.py). Gradio closes a handler's generator when its
page is reloaded or loses the network, and a question waiting in Gradio's queue is lost with its
page; an answer here goes on, and any page may look at it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from app import chat
from app.fair import Fair
from model.engine import Engine
from model.messages import Sampling
from sessions.errors import StoreTrouble
from sessions.lines import LEAF
from sessions.records import INTERRUPTED, STOPPED, Part, Turn
from sessions.store import Store

WAITING = 16  # questions that may wait for their answer

log = logging.getLogger(__name__)


class Talk:
    """One answer: what has been said, what is being done, and whether it goes on."""

    def __init__(self, turn: Turn):
        self.turn = turn
        self.said = turn.text
        self.doing = ""  # before its first word: a word of chat.py
        self.is_noted = False  # notes were taken for it
        self.stopping = threading.Event()
        self.broken_off = STOPPED  # how it ends where it is stopped
        self.over = threading.Event()

    def does(self, what: str) -> None:
        self.doing = what
        self.is_noted = self.is_noted or what == chat.NOTING


class Talks:
    """All answers given from one store, one at a time, and in turn with those of other stores that
    wait in the same line. `who` they are there. `may_ask` refuses an answer before it begins."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        waiting: int = WAITING,
        *,
        who: str = "",
        line: Fair | None = None,
        recalled: float = chat.REMEMBERED_SECONDS,
        may_ask: Callable[[], object] = lambda: None,
    ):
        self._engine = engine
        self._store = store
        self._waiting = waiting
        self._who, self._may_ask = who, may_ask
        self._line = line or Fair()
        self._is_alone = line is None
        self.recall = chat.Recall(store, recalled)
        self._live: dict[str, Talk] = {}  # by conversation, oldest first
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        return bool(self._live)

    def start(
        self,
        conversation: str,
        parts: Sequence[Part],
        sampling: Sampling,
        after: int | None = LEAF,
        task: str = "",
    ) -> Talk:
        """Store a question after a turn and begin its answer. `task` is the row of model/tasks.py
        that it puts in words."""

        def begun() -> Turn:
            question = chat.ask(self._store, conversation, parts, after, task)
            return chat.begin(self._engine, self._store, question, sampling)

        return self._queue(conversation, begun)

    def again(self, question: Turn, sampling: Sampling) -> Talk:
        """Begin another answer to a question."""
        return self._queue(
            question.conversation,
            lambda: chat.begin(self._engine, self._store, question, sampling),
        )

    def go_on(self, answer: Turn, sampling: Sampling) -> Talk:
        """Go on with an answer that ended."""
        return self._queue(
            answer.conversation,
            lambda: chat.resume(self._engine, self._store, answer, sampling),
        )

    def _queue(self, conversation: str, begun: Callable[[], Turn]) -> Talk:
        """Refuses, storing nothing, when the conversation is being answered or too many wait."""
        with self._lock, self._line.coming():
            if conversation in self._live:
                raise chat.Refused("This answer is not finished: wait for it, or stop it first.")
            if len(self._live) > self._waiting:
                raise chat.Refused(
                    f"{self._waiting} questions are waiting already: send this one in a minute."
                )
            self._may_ask()
            talk = self._live[conversation] = Talk(begun())
            self._line.add(self._who, talk, lambda: self._run(talk), lambda: self._end(talk))
        return talk

    def between(self, work: Callable[[], object], why: str) -> None:
        """Begin work during which nothing is answered: what is asked is refused with `why`. It is
        done where answers are given, and is refused itself while there is one."""
        self._line.between(work, why)

    def find(self, conversation: str) -> Talk | None:
        return self._live.get(conversation)

    def ahead(self, talk: Talk) -> int:
        """How many answers come before this one."""
        return self._line.ahead(talk)

    def seconds_until(self, talk: Talk) -> float | None:
        """How long this one will wait, going by the latest answers; None while nobody knows."""
        return self._line.seconds_until(talk)

    def stop(self, conversation: str) -> None:
        """End an answer at its next token, or before its first. What was said is kept."""
        talk = self._live.get(conversation)
        if talk is not None and not self._give_up(talk, STOPPED):
            talk.stopping.set()

    def close(self, patience: float = 0.0) -> None:
        """Every answer ends, and is stored as far as it was given. One that is being given has so
        many seconds to come to its own end."""
        ends = time.monotonic() + patience
        self.drop_waiting()
        for talk in list(self._live.values()):
            talk.over.wait(max(0.0, ends - time.monotonic()))
            talk.stopping.set()
            talk.over.wait()
        if self._is_alone:
            self._line.close()

    def drop_waiting(self) -> None:
        """Answers that were not begun end before their first word."""
        for talk in list(self._live.values()):
            self._give_up(talk, INTERRUPTED)

    def _give_up(self, talk: Talk, how: str) -> bool:
        """Whether an answer was still waiting, and has ended."""
        talk.broken_off = how
        if not self._line.cancel(talk):
            return False
        with suppress(StoreTrouble):  # then the store remembers it until the disk takes it
            self._store.finish(talk.turn.id, talk.said, how)
        self._end(talk)
        return True

    def _run(self, talk: Talk) -> None:
        answer = chat.answer(
            self._engine, self._store, talk.turn, self.recall, talk.does, lambda: talk.broken_off
        )
        try:
            with closing(answer) as words:
                for talk.said in words:
                    if talk.stopping.is_set():
                        break
        except Exception:
            log.exception("The answer of turn %s failed", talk.turn.id)

    def _end(self, talk: Talk) -> None:
        self._live.pop(talk.turn.conversation, None)
        talk.over.set()
