"""A microphone that is heard in a thread of its own: its level, and recordings that begin and end
by hand or with speech. Where they begin it reaches back, so that no first syllable is lost.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from app.meter import Meter
from app.recorder import Recording, Recordings, Take
from app.utterance import ONSET_OF, PRE_ROLL, Began, Bounds, Ended, Event, Hearing, Paused
from model.errors import EarshotError

HELD_SECONDS = PRE_ROLL + 2 * ONSET_OF * 0.032 + 0.3  # of sound before a beginning
BY_HAND = 0.25  # seconds of it that a recording begun by hand takes: fingers are late
LONGEST_UTTERANCE = 120.0  # seconds: noise that is taken for speech must end too
BROKEN = "Something went wrong inside Earshot while it recorded; its log says what."

log = logging.getLogger(__name__)


class Source(Protocol):
    """What gives sound: a microphone."""

    name: str
    rate: int
    dropped: int

    def blocks(self) -> Iterator[np.ndarray]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Heard:
    """A recording that is over, and why it ended by itself, if it did."""

    take: Take
    trouble: str = ""
    spoken: bool = False  # speech began and ended it


@dataclass(frozen=True)
class Pause:
    """A recording that may be over with so many seconds if nobody speaks again: time to prepare."""

    id: str
    path: Path
    seconds: float


class Ear:
    """Close it to let the microphone go. What is being recorded then is finished, and kept."""

    def __init__(
        self,
        source: Source,
        recordings: Recordings,
        *,
        hearing: Hearing | None = None,
        name: str = "",
    ):
        self.source = source
        self.meter = Meter(source.rate)
        self.trouble = ""  # why it hears no more
        self.n_ended = 0  # recordings that ended by themselves
        self.heard: queue.SimpleQueue[Heard | Pause] = queue.SimpleQueue()
        self._recordings = recordings
        self._name = name or source.name
        self._recording: Recording | None = None
        self._bounds = Bounds(source.rate, hearing) if hearing else None
        self._is_deaf = False  # to speech
        self._is_spoken = False  # the recording goes on until speech ends
        self._over = 0  # samples with which it would be over, if nobody speaks again
        self._is_paused = False
        self._held: deque[np.ndarray] = deque()  # the latest blocks
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    # What may be asked of it, by any thread

    @property
    def is_recording(self) -> bool:
        return self._recording is not None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def seconds(self) -> float:
        """Of the recording that goes on."""
        recording = self._recording
        return recording.seconds if recording else 0.0

    def begin(self, name: str = "") -> None:
        """Record from now on, and a little before. Raises where the disk refuses."""
        with self._lock:
            if self._recording is None:
                self._name = name or self._name
                self._start(BY_HAND)
                self._is_spoken = False

    def end(self) -> Take | None:
        """End the recording that goes on, if one does."""
        with self._lock:
            self._is_paused = False
            if self._bounds:
                self._bounds.forget()
            recording, self._recording = self._recording, None
            return recording.finish() if recording else None

    def drop(self) -> None:
        """End the recording, and forget it."""
        if take := self.end():
            take.discard()

    def pause(self, paused: bool = True) -> None:
        """Leave out what comes now, until it is to go on."""
        self._is_paused = paused

    def mark(self) -> float | None:
        """Remember this moment of the recording; in its seconds."""
        with self._lock:
            return self._recording.mark() if self._recording else None

    def deafen(self, deaf: bool = True) -> None:
        """Begin nothing by speech, as while an answer is played."""
        with self._lock:
            if self._bounds and deaf != self._is_deaf:
                self._bounds.forget()
            self._is_deaf = deaf

    def listen_for(self, hearing: Hearing | None) -> None:
        """Begin and end with speech told so; None: by hand only."""
        with self._lock:
            self._bounds = Bounds(self.source.rate, hearing) if hearing else None

    def close(self) -> Take | None:
        self.source.close()
        self._thread.join(5)
        return self.end()

    # In its thread

    def _run(self) -> None:
        try:
            for block in self.source.blocks():
                with self._lock:
                    self._take(block)
        except EarshotError as error:
            self.trouble = str(error)
        except Exception:
            log.exception("Recording from %s failed", self.source.name)
            self.trouble = BROKEN
        finally:
            with self._lock:
                if self.trouble and (take := self.end()):
                    self.heard.put(Heard(take, self.trouble))
            self.source.close()

    def _take(self, block: np.ndarray) -> None:
        self.meter.hear(block)
        self._hold(block)
        if self._recording and not self._is_paused:
            self._write(block)
        if self._bounds and not self._is_deaf and (self._is_spoken or not self._recording):
            for event in self._bounds.hear(block):
                self._follow(event)

    def _hold(self, block: np.ndarray) -> None:
        self._held.append(block)
        most = HELD_SECONDS * self.source.rate
        while sum(map(len, self._held)) - len(self._held[0]) > most:
            self._held.popleft()

    def _follow(self, event: Event) -> None:
        recording = self._recording
        if isinstance(event, Began) and recording is None:
            self._start(event.ago)
            self._is_spoken = True
        elif isinstance(event, Paused) and recording is not None:
            self._over = recording.n_samples
            self.heard.put(Pause(recording.id, recording.path, recording.seconds))
        elif isinstance(event, Ended) and recording is not None:
            recording.cut(self._over or recording.n_samples)
            self._conclude()

    def _start(self, ago: float) -> None:
        """Record from so many seconds ago on, as far as they are still held."""
        self._recording, self._over = self._recordings.begin(self.source.rate, self._name), 0
        held = np.concatenate(self._held) if self._held else np.zeros(0, np.int16)
        self._write(held[max(0, len(held) - round(ago * self.source.rate)) :])

    def _write(self, block: np.ndarray) -> None:
        try:
            self._recording.write(block)
        except EarshotError as error:  # the disk is full, or it is as long as one may be
            self._conclude(str(error))
            return
        if self._is_spoken and self._recording.seconds > LONGEST_UTTERANCE:
            self._conclude()

    def _conclude(self, trouble: str = "") -> None:
        spoken, self._is_spoken = self._is_spoken, False
        if take := self.end():
            self.heard.put(Heard(take, trouble, spoken))
            self.n_ended += 1
