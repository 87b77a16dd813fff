"""Answers being given, whoever is looking.

The one place with a thread of our own. Gradio closes a handler's generator when its page is
reloaded or loses the network, and a question waiting in Gradio's queue is lost with its page;
an answer here goes on, and any page may look at it.
"""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from app import chat
from model.engine import Engine
from model.messages import Sampling
from sessions.records import STOPPED, Part, Turn
from sessions.store import Store

WAITING = 16  # questions that may wait for their answer

log = logging.getLogger(__name__)


class Talk:
    """One answer: what has been said, and whether it goes on."""

    def __init__(self, turn: Turn):
        self.turn = turn
        self.said = ""
        self.stopping = threading.Event()
        self.over = threading.Event()


class Talks:
    """All answers of this process, one at a time, in the order in which they were asked for."""

    def __init__(self, engine: Engine, store: Store, waiting: int = WAITING):
        self._engine = engine
        self._store = store
        self._waiting = waiting
        self._recall = chat.Recall(store)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talk")
        self._live: dict[str, tuple[Talk, Future]] = {}  # by conversation, oldest first
        self._lock = threading.Lock()

    def start(self, conversation: str, parts: Iterable[Part], sampling: Sampling) -> Talk:
        """Store a question and begin its answer. Refuses, storing nothing, when the conversation
        is being answered or too many wait."""
        with self._lock:
            if conversation in self._live:
                raise chat.Refused("This answer is not finished: wait for it, or stop it first.")
            if len(self._live) > self._waiting:
                raise chat.Refused(
                    f"{self._waiting} questions are waiting already: send this one in a minute."
                )
            self._store.ask(conversation, parts)
            turn = chat.begin(self._engine, self._store, conversation, sampling)
            talk = Talk(turn)
            self._live[conversation] = talk, self._worker.submit(self._run, talk)
        return talk

    def find(self, conversation: str) -> Talk | None:
        talk, _ = self._live.get(conversation, (None, None))
        return talk

    def ahead(self, talk: Talk) -> int:
        """How many answers come before this one."""
        waiting = [other.turn.id for other, _ in list(self._live.values())]
        return waiting.index(talk.turn.id) if talk.turn.id in waiting else 0

    def stop(self, conversation: str) -> None:
        """End an answer at its next token, or before its first. What was said is kept."""
        talk, future = self._live.get(conversation, (None, None))
        if talk is None:
            return
        talk.stopping.set()
        if future.cancel():  # it was still waiting
            self._store.finish(talk.turn.id, "", STOPPED)
            self._end(talk)

    def close(self) -> None:
        for conversation in list(self._live):
            self.stop(conversation)
        self._worker.shutdown()

    def _run(self, talk: Talk) -> None:
        try:
            with closing(chat.answer(self._engine, self._store, talk.turn, self._recall)) as words:
                for talk.said in words:
                    if talk.stopping.is_set():
                        break
        except Exception:
            log.exception("The answer of turn %s failed", talk.turn.id)
        finally:
            self._end(talk)

    def _end(self, talk: Talk) -> None:
        self._live.pop(talk.turn.conversation, None)
        talk.over.set()
