"""Whether the times in an answer are right: of words, of sounds, of speakers. mir_eval matches
sounds, pyannote.metrics counts who speaks when.
"""

import re
import warnings
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from model import labels
from model.evaluation.pair import Pair

COLLAR = 0.2  # seconds by which a sound may begin or end off, as in DCASE's event-based F1
COLLAR_SHARE = 0.2  # of its length by which it may end off, where that is more
_MARK = re.compile(r"<\|(\d{1,2}\.\d+)\|>")


def shift(pair: Pair) -> tuple[float, int]:
    """Seconds by which the edges of words that were found lie off, out of the edges."""
    off, words = _shift(labels.timed(pair.true), labels.timed(pair.answer))
    return off, 2 * words


def shift_of_words(pair: Pair) -> tuple[float, int]:
    """The same as the published evaluation counts it: both edges of a word added up, out of the
    words; a silence is a word."""
    return _shift(_all(pair.true), _all(pair.answer))


def _all(text: str) -> list[labels.Timed]:
    """What stands between two marks, silence too."""
    parts = _MARK.split(text)
    times = [float(mark) for mark in parts[1::2]]
    edges = zip(times, times[1:], strict=False)
    return [
        labels.Timed(what.strip(), *edge) for what, edge in zip(parts[2:-1:2], edges, strict=True)
    ]


def _shift(true: Sequence[labels.Timed], said: Sequence[labels.Timed]) -> tuple[float, int]:
    off, words = 0.0, 0
    names = [[word.what.lower() for word in row] for row in (true, said)]
    for block in SequenceMatcher(None, *names, autojunk=False).get_matching_blocks():
        for i in range(block.size):
            one, other = true[block.a + i], said[block.b + i]
            off += abs(one.start - other.start) + abs(one.end - other.end)
            words += 1
    return off, words


def events(pair: Pair) -> tuple[int, int]:
    """F1 of sounds with their times: (2 × hits, found + true). A hit has the right name, begins
    within the collar, and ends within it or within a share of its length (Mesaros et al., Metrics
    for polyphonic sound event detection, 2016)."""
    from mir_eval.transcription import match_notes

    true, said = (
        [one for one in labels.timed(text) if one.end > one.start]
        for text in (pair.true, pair.answer)
    )
    total = len(true) + len(said)
    if not true or not said:
        return 0, total
    names = sorted({labels.label(one.what) for one in (*true, *said)})
    # a name is a "pitch", an octave from the next: notes match where pitches are nearly the same
    hertz = {name: 2.0**i for i, name in enumerate(names)}
    rows = [
        (
            np.array([[one.start, one.end] for one in row]),
            np.array([hertz[labels.label(one.what)] for one in row]),
        )
        for row in (true, said)
    ]
    hits = match_notes(
        *rows[0],
        *rows[1],
        onset_tolerance=COLLAR,
        offset_ratio=COLLAR_SHARE,
        offset_min_tolerance=COLLAR,
    )
    return 2 * len(hits), total


def diarisation_errors(pair: Pair) -> tuple[float, float]:
    """Seconds of speech given to nobody, to the wrong speaker, or heard where there is none, out of
    those spoken. Names do not matter: they are matched as is best. No collar."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    annotations = []
    for text in (pair.true, pair.answer):
        annotation = Annotation()
        for track, one in enumerate(labels.timed(text)):
            if one.end > one.start:
                annotation[Segment(one.start, one.end), track] = one.what.lower()
        annotations.append(annotation)
    with warnings.catch_warnings():  # it says that the whole of both is scored, as is meant
        warnings.simplefilter("ignore", UserWarning)
        found = DiarizationErrorRate()(*annotations, detailed=True)
    wrong = found["confusion"] + found["missed detection"] + found["false alarm"]
    return float(wrong), float(found["total"])
