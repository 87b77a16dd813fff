"""Where an utterance begins and ends, in live sound. Decides only: records nothing."""

from dataclasses import dataclass

import numpy as np

from model.resample import Resampler
from model.spec import SAMPLE_RATE
from model.speech import FRAME, Speech

FRAME_SECONDS = FRAME / SAMPLE_RATE
ONSET = 3  # frames with speech among the latest ONSET_OF that begin an utterance: 0.1 s
ONSET_OF = 5
RELEASE = 0.15  # by which the probability may fall below the threshold within speech
PRE_ROLL = 0.5  # seconds kept from before the first frame with speech: soft beginnings
TAIL = 0.3  # seconds kept after the last one
FULL = 32768.0


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How speech is told from the rest."""

    sensitivity: float = 0.5  # 0: only loud and clear speech; 1: anything that may be speech
    silence: float = 0.8  # seconds without speech that end an utterance

    def __post_init__(self):
        if not 0 <= self.sensitivity <= 1:
            raise ValueError(f"sensitivity lies between 0 and 1; got {self.sensitivity:g}")
        if not 0.2 <= self.silence <= 10:
            raise ValueError(f"silence lies between 0.2 and 10 seconds; got {self.silence:g}")

    @property
    def threshold(self) -> float:
        """The probability from which a frame is speech: 0.9 to 0.1."""
        return 0.9 - 0.8 * self.sensitivity


@dataclass(frozen=True)
class Began:
    ago: float  # seconds before the latest sample: where to cut, with its pre-roll


class Paused:
    """Nobody has spoken for TAIL: if that goes on, here is where to cut."""


class Ended:
    """Nobody has spoken for as long as ends an utterance."""


Event = Began | Paused | Ended


class Bounds:
    """Follows one live sound. Speaking begins with a few frames of speech and ends with a silence
    as long as it was asked for."""

    def __init__(self, rate: int, hearing: Hearing):
        self.hearing = hearing
        self._speech = Speech()
        self._resampler = Resampler(rate, SAMPLE_RATE)
        self._n = 0  # frames judged
        self._recent: list[bool] = []
        self.is_speaking = False
        self._voiced = 0  # the end of the last frame with speech, in frames
        self._has_paused = False  # since then

    def hear(self, block: np.ndarray) -> list[Event]:
        """(n,) int16 at the sound's own rate."""
        events = []
        for likely in self._speech.hear(self._resampler.hear(block.astype(np.float32) / FULL)):
            self._n += 1
            event = self._speaking(likely) if self.is_speaking else self._waiting(likely)
            events += [event] if event else []
        return events

    def _ago(self, frame: int) -> float:
        return (self._n - frame) * FRAME_SECONDS

    def forget(self) -> None:
        """What follows has nothing to do with what was heard: speaking is over."""
        self._speech.forget()
        self._recent.clear()
        self.is_speaking = False

    def _waiting(self, likely: float) -> Began | None:
        self._recent = [*self._recent, likely >= self.hearing.threshold][-ONSET_OF:]
        if sum(self._recent) < ONSET:
            return None
        first = self._n - len(self._recent) + self._recent.index(True)
        self.is_speaking, self._voiced, self._has_paused = True, self._n, False
        self._recent.clear()
        return Began(self._ago(first) + PRE_ROLL)

    def _speaking(self, likely: float) -> Paused | Ended | None:
        if likely >= max(0.05, self.hearing.threshold - RELEASE):
            self._voiced, self._has_paused = self._n, False
        quiet = self._ago(self._voiced)
        if quiet >= self.hearing.silence - FRAME_SECONDS:  # the network hears an end a frame late
            self.is_speaking = False
            return Ended()
        if quiet >= TAIL and not self._has_paused:
            self._has_paused = True
            return Paused()
        return None
