"""A long recording to windows of at most 30 s, cut at pauses. Pure arithmetic on samples."""

from dataclasses import dataclass

import numpy as np

from model.messages import Clip
from model.spec import HOP, SAMPLE_RATE, WINDOW

_LOOK_BACK = 5 * SAMPLE_RATE  # samples before the limit in which a pause is looked for
_STEP = SAMPLE_RATE // 50  # samples: 20 ms, the grain of the search
SHORTEST = 4 * HOP  # samples that make one slot; a shorter window would be lost


@dataclass(frozen=True, eq=False)
class Window:
    """At most 30 s of a clip: samples [start, end)."""

    clip: Clip
    start: int
    end: int

    @property
    def samples(self) -> np.ndarray:
        return self.clip.samples[self.start : self.end]

    @property
    def key(self) -> tuple[str, int, int]:
        """Names the sound of this window, whatever prompt it stands in."""
        return (self.clip.digest, self.start, self.end)


def split(clip: Clip, longest: int = WINDOW) -> list[Window]:
    """The whole clip as windows, cut before the quietest 20 ms of the last 5 s before each limit.
    No window is too short for a slot."""
    cuts, start = [0], 0
    while len(clip.samples) - start > longest:
        limit = min(start + longest, len(clip.samples) - SHORTEST)
        look_back = min(_LOOK_BACK, longest // 2) // _STEP * _STEP
        tail = clip.samples[limit - look_back : limit].reshape(-1, _STEP)
        loudness = np.square(tail).mean(axis=1)  # (20 ms steps,)
        start = limit - look_back + int(loudness.argmin()) * _STEP
        cuts.append(start)
    cuts.append(len(clip.samples))
    return [Window(clip, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
