"""Where the language changes within a window: the stretches between its pauses, each by the
language in which it is spoken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from model.listening.pauses import FRAME, quiet, runs
from model.listening.speech_reader import Sound, SpeechReader
from model.spec import SAMPLE_RATE

_SHORTEST = 2.0  # seconds in which a language can be told
_PAUSE = 0.25  # seconds of quiet between two stretches
_SURE = 0.8  # probability from which a change is believed, of either side


@dataclass(frozen=True)
class Stretch:
    """Samples [start, end) of a window, and their language; "" where nobody knows yet."""

    start: int
    end: int
    language: str = ""
    probability: float = 0.0


def stretches(reader: SpeechReader, sound: Sound, samples: np.ndarray) -> list[Stretch]:
    """The window (n,) cut where its language surely changes; else all of it as one."""
    whole = Stretch(0, len(samples))
    cuts = pauses(samples)
    if not cuts:
        return [whole]
    spans = list(zip([0, *cuts], [*cuts, len(samples)], strict=True))
    glances = [sound.part(a / SAMPLE_RATE, b / SAMPLE_RATE) for a, b in spans]
    first = _likeliest(reader, sound)[0]
    if all(language == first and p >= _SURE for language, p in _each(reader, glances)):
        return [whole]
    # encoded together they know of each other: of 36 languages 27 were told right, alone 9 of 12
    # changes of language were found, and none where there was none (6)
    alone = _each(reader, (reader.hear(samples[a:b]) for a, b in spans))
    told = [Stretch(*span, *known) for span, known in zip(spans, alone, strict=True)]
    return joined(told) or [whole]


def _each(reader: SpeechReader, sounds: Iterable[Sound]) -> Iterator[tuple[str, float]]:
    return (_likeliest(reader, sound) for sound in sounds)


def _likeliest(reader: SpeechReader, sound: Sound) -> tuple[str, float]:
    shares, _ = reader.tell_language(sound)
    language = max(shares, key=shares.__getitem__)
    return language, shares[language]


def joined(told: list[Stretch]) -> list[Stretch]:
    """Neighbours of one language together; those of which it is not sure go with the one before.
    Empty where no language surely changes."""
    sure = [part for part in told if part.probability >= _SURE]
    if len({part.language for part in sure}) < 2:
        return []
    runs = [replace(sure[0], start=told[0].start)]
    for part in told:
        if part.probability >= _SURE and part.language != runs[-1].language:
            runs.append(part)
        elif part.end > runs[-1].end:
            best = max(runs[-1].probability, part.probability * (part in sure))
            runs[-1] = replace(runs[-1], end=part.end, probability=best)
    return runs


def pauses(samples: np.ndarray) -> list[int]:
    """Samples (n,) -> where to cut them, in the middle of pauses, so that no stretch is too short
    for its language to be told."""
    far, cuts = _SHORTEST * SAMPLE_RATE, []
    for first, last in runs(quiet(samples)):
        middle = int(first + last) // 2 * FRAME
        before = middle - (cuts[-1] if cuts else 0)
        if last - first >= _PAUSE * 50 and before >= far and len(samples) - middle >= far:
            cuts.append(middle)
    return cuts
