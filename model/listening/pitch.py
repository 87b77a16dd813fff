"""The note of a steady tone, by swift-f0. Knows nothing of kinds of sound: speech has a pitch too,
and whose pitch is asked for is the caller's affair.

Source of the pitch: SwiftF0, arXiv 2508.18440. It hears one tone at a time, 47 to 2094 Hz.
"""

import logging
from functools import cache

import numpy as np

from model.listening.notes import Pitch
from model.spec import SAMPLE_RATE

HEARD = 0.3  # confidence from which a frame of the detector counts
FEWEST = 3  # such frames: 48 ms
NEAR = 0.7  # semitones around the commonest note that still belong to it
STEADY = 0.5  # share of the frames with a pitch that is on one note, for the stretch to have one
FADED = 30.0  # dB below the loudest frame: what is softer need not be on the note
SURE = 0.7  # confidence from which 96 % of the notes of held-in sound fonts were right
NAMES = "C C# D D# E F F# G G# A A# B".split()
SHORTEST = SAMPLE_RATE // 20  # samples: 50 ms
log = logging.getLogger(__name__)


@cache
def _detector():
    try:
        from swift_f0 import SwiftF0
    except ImportError:
        log.warning("swift-f0 is not installed: no notes of instruments are told.")
        return None
    return SwiftF0(threads=1, spin=False)


def pitch(samples: np.ndarray) -> Pitch | None:
    """Samples (n,) float32 at 16 kHz -> the tone that most of what has a pitch is on, as confident
    as the share of what sounds that is on it; None where there is no such tone (a melody, noise),
    and without swift-f0.
    A chord may pass for its root, or for a note that is not in it."""
    if len(samples) < SHORTEST or _detector() is None:
        return None
    heard = _detector().detect(samples, SAMPLE_RATE)
    voiced = heard.confidence >= HEARD
    if voiced.sum() < FEWEST:
        return None
    semitones, weight = midi(heard.pitch_hz[voiced]), heard.confidence[voiced]
    commonest = np.bincount(semitones.round().astype(int), weight).argmax()
    near = np.abs(semitones - commonest) <= NEAR
    if weight[near].sum() < STEADY * weight.sum():
        return None
    loud = heard.loudness_db >= heard.loudness_db.max() - FADED
    share = min(1.0, float(weight[near].sum() / loud.sum()))
    hertz = float(np.median(heard.pitch_hz[voiced][near]))
    return Pitch(round(hertz, 1), note_name(hertz), round(share, 3), is_sure=share >= SURE)


def midi(hertz: np.ndarray | float) -> np.ndarray:
    """Hertz -> semitones as MIDI counts them, unrounded: A4, 440 Hz, is 69."""
    return 69 + 12 * np.log2(np.asarray(hertz) / 440)


def note_name(hertz: float) -> str:
    """The nearest note of the equal-tempered scale, with its octave: 440 is "A4", 370 "F#4"."""
    number = int(midi(hertz).round())
    return f"{NAMES[number % 12]}{number // 12 - 1}"
