"""The one door to whatever answers: the protocol, what an engine tells of itself, and Parrot.

Free of torch, so that the page and its tests load in no time. `model/local.py` is the engine that
thinks in this process.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log10
from typing import Protocol

import numpy as np

from model.listening.notes import Note, Word
from model.listening.notes_as_text import notes_as_text
from model.messages import Clip, Message, Piece, Sampling, numbered
from model.spec import SAMPLE_RATE
from model.tasks import TASKS, Task
from model.windows import Window, split

SHORTEST_ANSWER = 32  # positions that must be left for an answer


@dataclass(frozen=True, kw_only=True)
class About:
    """What people are told about an engine."""

    name: str
    device: str  # "cuda: NVIDIA …", "cpu", "mps"
    bits: int  # 4, 8, 16 or 32 a weight of the language model
    memory_bytes: int  # what the weights take
    context: int  # positions the model reads at once
    licence: str
    note: str = ""  # an honest sentence on what it can and cannot do
    sampling: Sampling = Sampling()  # what suits it, where nobody chose
    questions: tuple[str, ...] = ("What do you hear?",)  # what one may well ask it first
    chats: bool = True  # False: it hears one clip and a task's tags
    weights: str = ""  # tells these very weights from others of that name
    tasks: tuple[str, ...] = ()  # rows of model/tasks.py that it was taught, by name
    understands: tuple[str, ...] = ()  # codes of languages that questions may be in; none: any
    n_weights: int = 0  # 0 where nobody knows
    hears: float = 0.0  # seconds of sound that fit at once; 0 where nobody knows


@dataclass(frozen=True)
class Unheard:
    """A stretch of a clip that no longer fits, in seconds of that clip."""

    digest: str
    start: float
    end: float


@dataclass(frozen=True)
class Heard:
    """A window of a clip that is read, in seconds of that clip; of no length for a clip of which
    nothing is."""

    message: int  # in which message the clip stands, from 0 …
    number: int  # … and which of its clips it is, from 1: "Audio 1" in the prompt
    digest: str
    start: float
    end: float


@dataclass(frozen=True)
class Room:
    """How full the context is for given messages."""

    used: int  # positions these messages take, as they would be read
    context: int  # positions there are
    unheard: tuple[Unheard, ...] = ()  # what would be left out, and is said to be
    costs: tuple[int, ...] = ()  # positions of each clip, in reading order
    heard: tuple[Heard, ...] = ()  # in reading order
    is_cut: bool = False  # whether sound had to make room for words

    @property
    def left(self) -> int:
        return max(0, self.context - self.used)

    @property
    def has_answer(self) -> bool:
        """Whether there is room for an answer."""
        return self.left >= SHORTEST_ANSWER


class Engine(Protocol):
    """Closing the iterator of `reply` stops generation at the next token."""

    about: About

    def reply(
        self, messages: Sequence[Message], sampling: Sampling, *, task: str | Task | None = None
    ) -> Iterator[Piece]:
        """Stream the answer to the last message; with `task`, a row of model/tasks.py or its name,
        to that, about the last clip alone where it reads the task's tags. A last message of the
        assistant's is an answer that was begun: what is streamed goes on from it. Of sound what
        `room` says is heard; raises DoesNotFit before the first piece where the words alone are too
        many (model/fitting.py leaves out earlier ones)."""
        ...

    def room(self, messages: Sequence[Message], *, task: str | Task | None = None) -> Room:
        """What `reply` would read of these messages, with their clips' notes."""
        ...

    def notes(self, clip: Clip, windows: Sequence[Window] | None = None) -> Iterator[Note]:
        """What it hears of each window, in order and as it comes; of the whole clip without
        `windows`. Nothing where it takes no notes. A note begins in its window."""
        ...

    def close(self) -> None: ...


class Parrot:
    """Says what it was told, word by word: for work on the page and its tests. It takes notes where
    it is handed the `words` that it is to hear in every clip."""

    def __init__(self, pause: float = 0.0, words: Sequence[Word] | None = None):
        self.pause = pause  # seconds before each word and note: a model takes its time
        self.words = words

    about = About(
        name="parrot",
        device="cpu",
        bits=16,
        memory_bytes=0,
        context=8192,
        licence="Apache-2.0",
        note="Parrot repeats what you write; it understands nothing.",
        tasks=tuple(task.name for task in TASKS.values() if task.published),
    )

    def reply(self, messages, sampling, *, task=None):
        said, message = "", messages[-1]
        if message.role == "assistant":
            said, message = "".join(message.parts), messages[-2]
        heard = "".join(f"[heard {clip.seconds:.1f} s] " for clip in message.clips)
        heard += f"[{task if isinstance(task, str) else task.name}] " if task else ""
        whole = heard + " ".join(p for p in message.parts if isinstance(p, str))
        words = whole.removeprefix(said).split(" ")
        n_prompt = self.room(messages).used
        for i, word in enumerate(words[: sampling.max_tokens]):
            time.sleep(self.pause)
            yield Piece(word if i == 0 else " " + word, (i,), n_prompt)
        finish = "length" if len(words) > sampling.max_tokens else "stop"
        yield Piece("", (), n_prompt, 0, finish)

    def room(self, messages, *, task=None):
        words = sum(len(p.split()) for m in messages for p in m.parts if isinstance(p, str))
        costs = tuple(
            round(25 * clip.seconds) + 2 + len(notes_as_text(clip.notes).split())
            for message in messages
            for clip in message.clips
        )
        heard = tuple(
            Heard(i, number, clip.digest, window.start / SAMPLE_RATE, window.end / SAMPLE_RATE)
            for i, message in enumerate(messages)
            for number, clip in numbered(message)
            for window in split(clip)
        )
        return Room(words + sum(costs), self.about.context, costs=costs, heard=heard)

    def notes(self, clip, windows=None):
        if self.words is None:
            return
        for window in split(clip) if windows is None else windows:
            time.sleep(self.pause)
            start, end = window.start / SAMPLE_RATE, window.end / SAMPLE_RATE
            words = tuple(word for word in self.words if start <= word.start < end)
            text = " ".join(word.text for word in words)
            told = {"text": text, "words": words, "level": _level(window.samples)}
            yield Note(start=start, end=end, reader=self.about.name, **told)

    def close(self):
        pass


def _level(samples: np.ndarray) -> float | None:
    """Root mean square of samples (n,) in dBFS; None where there is nothing but zeros."""
    power = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return round(10 * log10(power), 1) if power else None
