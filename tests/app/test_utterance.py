"""Where utterances begin and end: nothing is cut off, nobody waits longer than was asked for."""

import numpy as np
import pytest

from app.ear import Ear, Heard
from app.recorder import Recordings
from app.utterance import PRE_ROLL, TAIL, Began, Bounds, Ended, Hearing, Paused
from benchmarks import microphone as bench
from model import audio
from model.spec import SAMPLE_RATE


def events(sound, hearing, rate=SAMPLE_RATE):
    """(what, at which second it was said) of a whole sound."""
    bounds, at, found = Bounds(rate, hearing), 0, []
    for block in bench.in_blocks(sound, rate):
        at += len(block)
        found += [(event, at / rate) for event in bounds.hear(block)]
    return found


@pytest.fixture(scope="module")
def said():
    clip = audio.decode(bench.SAMPLE / "vm-theperson.g722").samples
    return clip, np.flatnonzero(bench.spoken(clip)) * bench.GRID / SAMPLE_RATE


@pytest.mark.parametrize("silence", [0.4, 0.8, 1.5])
def test_an_utterance_is_over_after_as_long_a_silence_as_was_asked_for(said, silence):
    clip, times = said
    sound = np.concatenate([bench.silence(1), clip, bench.silence(silence + 1)])
    *_, (paused, _), (ended, at) = events(sound, Hearing(silence=silence))
    assert isinstance(paused, Paused) and isinstance(ended, Ended)
    assert at - (1 + times[-1] + 0.01) == pytest.approx(silence, abs=0.1)


def test_it_begins_before_its_first_sound(said):
    clip, times = said
    sound = np.concatenate([bench.silence(1), clip])
    (began, at), *_ = events(sound, Hearing())
    assert isinstance(began, Began)
    assert at - began.ago <= 1 + times[0]
    assert at - began.ago >= 1 + times[0] - PRE_ROLL - 0.1


def test_a_short_pause_is_no_end(said):
    clip, _ = said
    sound = np.concatenate([bench.silence(1), clip, bench.silence(0.4), clip, bench.silence(2)])
    kinds = [type(event) for event, _ in events(sound, Hearing(silence=1.0))]
    assert kinds.count(Began) == kinds.count(Ended) == 1 and Paused in kinds


def test_no_first_syllable_of_fifty_is_lost():
    found = bench.starts(50)
    assert found["utterances"] == 50 and found["clipped"] == 0


def test_neither_a_tone_nor_noise_is_speech():
    times = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    assert events(0.3 * np.sin(2 * np.pi * 440 * times), Hearing()) == []
    assert events(np.random.default_rng(0).normal(0, 0.1, len(times)), Hearing()) == []


def test_a_recording_by_speech_ends_with_a_short_tail(said, tmp_path):
    clip, times = said
    sound = np.concatenate([bench.silence(1), clip, bench.silence(3)])
    source = bench.Played(bench.in_blocks(sound, SAMPLE_RATE), SAMPLE_RATE)
    ear = Ear(source, Recordings(tmp_path), hearing=Hearing(silence=2))
    ear._thread.join(20)
    heard = ear.heard.get()
    while not isinstance(heard, Heard):
        heard = ear.heard.get()
    assert heard.spoken
    assert heard.take.seconds - (times[-1] - times[0]) < PRE_ROLL + TAIL + 0.35


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="sensitivity lies between 0 and 1"):
        Hearing(sensitivity=2)
    with pytest.raises(ValueError, match="silence lies between"):
        Hearing(silence=0)


@pytest.mark.parametrize("level, misses, alarms", [(10, 0.1, 0.25)])
def test_speech_in_noise_is_found_and_noise_is_not(monkeypatch, level, misses, alarms):
    monkeypatch.setattr(bench, "_SOUNDS", bench.sounds())
    sound, truth = bench.in_noise(level, seed=level)
    part = slice(0, 60 * SAMPLE_RATE)
    found = bench.rates(bench.by_silero(sound[part]), truth[: 60 * 100])
    assert found["miss"] < misses and found["false_alarm"] < alarms
