"""Answers being given, whoever is looking.

The one place with a thread of our own. Gradio closes a handler's generator when its page is
reloaded or loses the network, and a question waiting in Gradio's queue is lost with its page;
an answer here goes on, and any page may look at it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from app import chat
from model.engine import Engine
from model.messages import Sampling
from sessions.lines import LEAF
from sessions.records import STOPPED, Part, Turn
from sessions.store import Store

WAITING = 16  # questions that may wait for their answer
REMEMBERED = 8  # answers whose length says how long one takes

log = logging.getLogger(__name__)


class Talk:
    """One answer: what has been said, what is being done, and whether it goes on."""

    def __init__(self, turn: Turn):
        self.turn = turn
        self.said = turn.text
        self.doing = ""  # before its first word: a word of chat.py
        self.stopping = threading.Event()
        self.over = threading.Event()

    def does(self, what: str) -> None:
        self.doing = what


class Talks:
    """All answers of this process, one at a time, in the order in which they were asked for."""

    def __init__(self, engine: Engine, store: Store, waiting: int = WAITING):
        self._engine = engine
        self._store = store
        self._waiting = waiting
        self.recall = chat.Recall(store)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talk")
        self._live: dict[str, tuple[Talk, Future]] = {}  # by conversation, oldest first
        self._lock = threading.Lock()
        self._resting = ""  # why nothing can be asked at the moment
        self._took: deque[float] = deque(maxlen=REMEMBERED)  # seconds of the latest answers
        self._since = 0.0  # when the present one began

    def start(
        self,
        conversation: str,
        parts: Sequence[Part],
        sampling: Sampling,
        after: int | None = LEAF,
    ) -> Talk:
        """Store a question after a turn and begin its answer."""

        def begun() -> Turn:
            question = chat.ask(self._store, conversation, parts, after)
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
        with self._lock:
            if self._resting:
                raise chat.Refused(self._resting)
            if conversation in self._live:
                raise chat.Refused("This answer is not finished: wait for it, or stop it first.")
            if len(self._live) > self._waiting:
                raise chat.Refused(
                    f"{self._waiting} questions are waiting already: send this one in a minute."
                )
            talk = Talk(begun())
            self._live[conversation] = talk, self._worker.submit(self._run, talk)
        return talk

    def between(self, work: Callable[[], object], why: str) -> None:
        """Begin work during which nothing is answered: what is asked is refused with `why`. It is
        done where answers are given, and is refused itself while there is one."""
        with self._lock:
            if self._live:
                raise chat.Refused("An answer is being given: wait for it, or stop it first.")
            if self._resting:
                raise chat.Refused(self._resting)
            self._resting = why
            self._worker.submit(self._rest, work)

    def _rest(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            log.exception("What was to be done between two answers failed")
        finally:
            self._resting = ""

    def find(self, conversation: str) -> Talk | None:
        talk, _ = self._live.get(conversation, (None, None))
        return talk

    def ahead(self, talk: Talk) -> int:
        """How many answers come before this one."""
        waiting = [other.turn.id for other, _ in list(self._live.values())]
        return waiting.index(talk.turn.id) if talk.turn.id in waiting else 0

    def seconds_until(self, talk: Talk) -> float | None:
        """How long this one will wait, going by the latest answers; None while nobody knows."""
        if not self._took or not (ahead := self.ahead(talk)):
            return None
        usual = sum(self._took) / len(self._took)
        return max(0.0, usual - (time.monotonic() - self._since)) + (ahead - 1) * usual

    def stop(self, conversation: str) -> None:
        """End an answer at its next token, or before its first. What was said is kept."""
        talk, future = self._live.get(conversation, (None, None))
        if talk is None:
            return
        talk.stopping.set()
        if future.cancel():  # it was still waiting
            self._store.finish(talk.turn.id, talk.said, STOPPED)
            self._end(talk)

    def close(self) -> None:
        for conversation in list(self._live):
            self.stop(conversation)
        self._worker.shutdown()

    def _run(self, talk: Talk) -> None:
        self._since = time.monotonic()
        answer = chat.answer(self._engine, self._store, talk.turn, self.recall, talk.does)
        try:
            with closing(answer) as words:
                for talk.said in words:
                    if talk.stopping.is_set():
                        break
        except Exception:
            log.exception("The answer of turn %s failed", talk.turn.id)
        finally:
            self._took.append(time.monotonic() - self._since)
            self._end(talk)

    def _end(self, talk: Talk) -> None:
        self._live.pop(talk.turn.conversation, None)
        talk.over.set()
