"""What is drawn of a sound is where and as loud as the sound is."""

import numpy as np
import pytest

from model import picture
from model.messages import Clip
from model.spec import SAMPLE_RATE


def tone(hertz, seconds):
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return 8000 * np.sin(2 * np.pi * hertz * times)


def clip(*pieces):
    return Clip.of(np.concatenate(pieces).astype(np.int16))


def test_peaks_stand_where_the_sound_is():
    peaks = picture.peaks(clip(np.zeros(SAMPLE_RATE), tone(440, 1), tone(440, 2) / 4))
    assert peaks.shape == (picture.PEAKS,) and peaks.dtype == np.uint8
    assert peaks[:99].max() == 0 and peaks[101:199].min() > 240
    assert peaks[202:].max() == pytest.approx(255 / 4, abs=2)


def test_the_shortest_clip_has_all_its_peaks():
    assert len(picture.peaks(clip(tone(440, 0.1)))) == picture.PEAKS


def test_a_higher_tone_stands_higher_and_silence_is_empty():
    shades = picture.spectrum(clip(tone(300, 1), tone(3000, 1), np.zeros(SAMPLE_RATE))).shades
    assert shades.shape == (80, 300)
    low, high = shades[:, 20:80].mean(1).argmax(), shades[:, 120:180].mean(1).argmax()
    assert low < 15 and high > 45
    assert shades[:, 210:].max() < 20


def test_a_long_clip_is_shown_by_the_windows_the_model_hears():
    long = clip(tone(300, 40))
    first, second = picture.spectrum(long, 3.0), picture.spectrum(long, 39.0)
    assert first.start == 0 and first.end == second.start and second.end == 40
    assert first.shades.shape[1] <= picture.COLUMNS
