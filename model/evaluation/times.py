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

MISSED = 1.0  # seconds that each edge of a word counts which has no partner, and any edge at most
COLLAR = 0.2  # seconds by which a sound may begin or end off, as in DCASE's event-based F1
COLLAR_SHARE = 0.2  # of its length by which it may end off, where that is more
_MARK = re.compile(r"<\|(\d{1,2}\.\d+)\|>")


def shift(pair: Pair) -> tuple[float, int]:
    """Seconds by which the edges of words lie off, out of the edges of all words: of those to be
    found and of those that the answer has besides. An edge counts `MISSED` at most, and both edges
    of a word without a partner count so much: an empty answer has the worst figure there is."""
    return _with_misses(labels.timed(pair.true), labels.timed(pair.answer))


def shift_of_words(pair: Pair) -> tuple[float, float]:
    """The same with both edges of a word added up, out of the words; a silence is a word. Where
    every word has a partner this is what the published evaluation counts. That one leaves out the
    others, so by its rule a figure is never higher than this one."""
    off, edges = _with_misses(_all(pair.true), _all(pair.answer))
    return off, edges / 2


def _all(text: str) -> list[labels.Timed]:
    """What stands between two marks, silence too."""
    parts = _MARK.split(text)
    times = [float(mark) for mark in parts[1::2]]
    edges = zip(times, times[1:], strict=False)
    return [
        labels.Timed(what.strip(), *edge) for what, edge in zip(parts[2:-1:2], edges, strict=True)
    ]


def _with_misses(true: Sequence[labels.Timed], said: Sequence[labels.Timed]) -> tuple[float, int]:
    pairs = _matched(true, said)
    off = sum(min(edge, MISSED) for pair in pairs for edge in _off(*pair))
    alone = len(true) + len(said) - 2 * len(pairs)
    return off + 2 * MISSED * alone, 2 * (len(pairs) + alone)


def _off(one: labels.Timed, other: labels.Timed) -> tuple[float, float]:
    """Seconds between their beginnings, and between their ends."""
    return abs(one.start - other.start), abs(one.end - other.end)


def _matched(
    true: Sequence[labels.Timed], said: Sequence[labels.Timed]
) -> list[tuple[labels.Timed, labels.Timed]]:
    """The same words in the same order."""
    names = [[word.what.lower() for word in row] for row in (true, said)]
    blocks = SequenceMatcher(None, *names, autojunk=False).get_matching_blocks()
    return [(true[b.a + i], said[b.b + i]) for b in blocks for i in range(b.size)]


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
