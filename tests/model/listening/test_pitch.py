"""The note of a steady tone."""

import numpy as np
import pytest

from model.listening.pitch import note_name, pitch
from model.spec import SAMPLE_RATE

pytest.importorskip("swift_f0", reason="swift-f0 is not installed")


def played(hertz, seconds=1.0):
    """A string that is plucked: harmonics that fade, the higher ones sooner."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * k * hertz * t) / k * np.exp(-t * k) for k in range(1, 9)]
    return (0.2 * sum(tones)).astype(np.float32)


@pytest.mark.parametrize(
    ("hertz", "note"),
    [(440, "A4"), (261.63, "C4"), (369.99, "F#4"), (65.41, "C2"), (1046.5, "C6"), (452, "A4")],
)
def test_a_note_has_its_name_and_octave(hertz, note):
    found = pitch(played(hertz))
    assert found.note == note and found.hertz == pytest.approx(hertz, rel=0.01)
    assert 0 < found.confidence <= 1


def test_a_long_steady_tone_is_sure():
    assert pitch(played(220, 0.5)).is_sure


def test_a_melody_has_no_note():
    notes = [played(hertz, 0.3) for hertz in (261.63, 329.63, 392.0, 523.25)]
    assert pitch(np.concatenate(notes)) is None


@pytest.mark.parametrize("seconds", [0, 0.04, 1])
def test_noise_and_next_to_nothing_have_no_note(seconds):
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
    assert pitch(samples) is None
    assert pitch(np.zeros_like(samples)) is None


@pytest.mark.parametrize(
    ("hertz", "name"), [(440, "A4"), (27.5, "A0"), (16.35, "C0"), (2093, "C7"), (466.16, "A#4")]
)
def test_names_of_notes(hertz, name):
    assert note_name(hertz) == name
