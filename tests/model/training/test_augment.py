"""Sound made new: what is true of it stays true."""

from pathlib import Path

import numpy as np
import torch

from model import mel
from model.spec import SAMPLE_RATE
from model.training import augment
from model.training.data import Row


def row(task, **facts) -> Row:
    return Row(audio=Path("a"), duration=1.0, task=task, text="", facts=facts)


def pitch(wave) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(wave))


def test_a_batch_hears_what_the_model_hears():
    wave = np.random.default_rng(1).normal(0, 0.1, 16_077).astype(np.float32)
    whole = mel.log_mel(wave)[:, : mel.n_frames(len(wave))]
    torch.testing.assert_close(augment.log_mel(torch.from_numpy(wave)[None])[0], whole)


def test_speed_is_left_alone_where_pitch_is_the_answer():
    assert augment.play_of([row("transcribe")]) == augment.PLAY
    for task in ("note", "instrument", "instrument family"):
        assert augment.play_of([row("transcribe"), row(task)]) == 0
    assert augment.play_of([row("gender")]) == augment.play_of([row("kind", gender="f")]) == 0.05


def test_stretching_shifts_pitch_and_roughening_does_not():
    tone = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert abs(pitch(augment.stretched(tone, 1.1)) - 484) < 2
    assert len(augment.stretched(tone, 0.9)) > len(tone)
    for seed in range(20):
        rough = augment.roughened(tone, np.random.default_rng(seed))
        assert rough.dtype == np.float32 and rough.shape == tone.shape
        assert abs(pitch(rough) - 440) < 2


def test_a_mask_hides_a_part_and_leaves_most():
    mels = torch.randn(80, 200)
    masked = augment.masked(mels.clone(), np.random.default_rng(3))
    changed = float((masked != mels).float().mean())
    assert 0 < changed < 0.6


def test_a_clip_is_placed_whole():
    sound = np.arange(1, 101, dtype=np.float32)
    wave, start = augment.placed(sound, 150, np.random.default_rng(0))
    np.testing.assert_array_equal(wave[start : start + 100], sound)
    assert wave.sum() == sound.sum()
