"""Recordings far from full scale, with offsets, and with values that are no numbers."""

import struct

import numpy as np
import pytest

from model import errors
from model.audio import decode
from model.levels import Gain, Level
from model.messages import Clip
from tests.model.recordings import ffmpeg, likeness, original, voice, wav

A = voice(1)


@pytest.mark.parametrize("form", ["<f4", "<f8"])
@pytest.mark.parametrize(
    "decibels",
    [
        -3000,
        -600,
        -350,
        -200,
        -130,
        -110,
        -100,
        -80,
        -60,
        6,
        12,
        18,
        40,
        160,
        201,
        210,
        220,
        240,
        300,
        600,
        3000,
    ],
)
def test_float_samples_of_any_level_are_scaled(tmp_path, form, decibels):
    if form == "<f4" and not -700 < decibels < 700:
        pytest.skip("no float32")
    clip = decode(wav(tmp_path / "x.wav", [A.astype(float) * 10 ** (decibels / 20) / 0.3], form))
    assert likeness(clip.samples, A)[0] > 0.99
    assert 0.5 < np.abs(clip.samples).max() < 0.999
    louder = "louder" if decibels < 0 else "quieter"
    assert len(clip.remarks) == 1 and clip.remarks[0].endswith(f"dB {louder}.")


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_whole_numbers_written_as_floats_are_scaled(tmp_path, bits):
    clip = decode(wav(tmp_path / "x.wav", [A / 0.3 * 2 ** (bits - 1)], "<f4"))
    assert likeness(clip.samples, A)[0] > 0.99 and np.abs(clip.samples).max() < 0.999


@pytest.mark.parametrize(
    "name, options",
    [
        ("x.wav", "-c:a pcm_s24le"),
        ("x.wav", "-c:a pcm_s32le"),
        ("x.flac", "-sample_fmt s32"),
        ("x.aiff", "-c:a pcm_s24be"),
        ("x.m4a", "-c:a alac -sample_fmt s32p"),
        ("x.wv", "-sample_fmt fltp"),
    ],
)
def test_24_bits_hold_a_quiet_voice(tmp_path, name, options):
    quiet = wav(tmp_path / "quiet.wav", [A * 5e-5], "<f4")
    clip = decode(ffmpeg(tmp_path / name, "-i", quiet, *options.split()))
    assert likeness(clip.samples, A)[0] > 0.99 and np.abs(clip.samples).max() > 0.5


@pytest.mark.parametrize("peak", [0.011, 0.1, 0.5, 1.0, 1.05])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_usual_levels_stay_as_they_are(tmp_path, peak, n_channels):
    path = wav(tmp_path / "x.wav", [A / 0.3 * peak] * n_channels, "<f4")
    clip = decode(path)
    assert (clip.pcm() == original(path)).all() and clip.remarks == ()


def test_16_bits_of_a_quiet_recording_stay_as_they_are(tmp_path):
    path = wav(tmp_path / "x.wav", [A * 0.005])
    assert (decode(path).pcm() == original(path)).all()


def test_a_muted_24_bit_recording_is_silent(tmp_path):
    hiss = np.random.default_rng(0).integers(-1, 2, 48_000) / 2**23  # the last bit
    muted = wav(tmp_path / "muted.wav", [hiss], "<f4")
    with pytest.raises(errors.Silent):
        decode(ffmpeg(tmp_path / "x.wav", "-i", muted, "-c:a", "pcm_s24le"))


@pytest.mark.parametrize("offset, level", [(3, 1), (0.5, 1e-3), (-40, 1e-2)])
def test_an_offset_does_not_hide_a_voice(tmp_path, offset, level):
    clip = decode(wav(tmp_path / "x.wav", [A * level + offset], "<f8"))
    assert likeness(clip.samples, A)[0] > 0.99 and np.abs(clip.samples).max() < 0.999
    assert "constant offset" in clip.remarks[0]


@pytest.mark.parametrize(
    "name, options", [("x.wav", "-c:a pcm_s24le"), ("x.flac", "-sample_fmt s32")]
)
def test_24_bits_at_130_db_below_full_scale_are_heard(tmp_path, name, options):
    quiet = wav(tmp_path / "quiet.wav", [A * 10 ** (-130 / 20) / 0.3], "<f4")
    clip = decode(ffmpeg(tmp_path / name, "-i", quiet, *options.split()))
    assert likeness(clip.samples, A)[0] > 0.8 and "made 1" in clip.remarks[0]


def test_32_bits_are_finer_still(tmp_path):
    x = np.rint(A / 0.3 * 20).astype(np.int32)
    head = wav(tmp_path / "a.wav", [A]).read_bytes()[:44]
    head = head[:16] + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 64000, 4, 32) + b"data"
    clip = decode(head + struct.pack("<I", x.nbytes) + x.astype("<i4").tobytes(), name="x.wav")
    assert likeness(clip.samples, A)[0] > 0.95 and np.abs(clip.samples).max() > 0.5


@pytest.mark.parametrize("form", ["<f4", "<f8"])
@pytest.mark.parametrize("level", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("sign", [1, -1])
def test_two_channels_of_an_absurd_level_are_mixed(tmp_path, form, level, sign):
    clip = decode(wav(tmp_path / "x.wav", [A * level, sign * A * level], form))
    assert likeness(clip.samples, A)[0] > 0.99 and 0.5 < np.abs(clip.samples).max() < 0.999
    assert len(clip.remarks) == 1 and "It was made" in clip.remarks[0]


@pytest.mark.parametrize("form", ["<f4", "<f8"])
def test_digital_silence_is_silent(tmp_path, form):
    with pytest.raises(errors.Silent):
        decode(wav(tmp_path / "x.wav", [0 * A, 0 * A], form))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("share", [0.01, 0.6, 1.0])
@pytest.mark.parametrize("which", [0, 1])
def test_one_channel_without_numbers_leaves_the_other_and_is_told(tmp_path, bad, share, which):
    broken = A.copy()
    broken[: int(share * len(A))] = bad
    channels = [A, broken] if which else [broken, A]
    clip = decode(wav(tmp_path / "x.wav", channels, "<f4"))
    assert likeness(clip.samples, A)[0] > 0.9 and np.abs(clip.samples).max() > 0.1
    assert "x.wav holds values that are no numbers, or infinite." in clip.remarks[0]


@pytest.mark.parametrize("form", ["<i2", "<f4"])
def test_an_offset_alone_is_silence(tmp_path, form):
    with pytest.raises(errors.Silent):
        decode(wav(tmp_path / "x.wav", [np.full(16_000, 0.25)], form))


BAD = [np.nan, np.inf, -np.inf, 1e30]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_what_is_no_number_becomes_silence_and_is_told(tmp_path, bad, n_channels):
    sound = A.copy()
    sound[9000:9020] = bad
    clip = decode(wav(tmp_path / "x.wav", [sound] * n_channels, "<f4"))
    assert likeness(clip.samples, A)[0] > 0.99 and np.abs(clip.samples).max() < 0.4
    assert "no numbers, or infinite" in clip.remarks[0]


def test_nothing_but_what_is_no_number_is_refused(tmp_path):
    with pytest.raises(errors.Unreadable, match="no sound but values that are no numbers"):
        decode(wav(tmp_path / "x.wav", [A * np.nan], "<f4"))


def test_one_gain_holds_for_the_whole():
    level = Level()
    for block in np.split(A * 1e-4, 7 * [0] + [5000, 20_000]):
        level.hear(block)
    gain = Gain.of(level, 0.01, 1.06)
    assert gain.factor == pytest.approx(0.89 / (0.3e-4), rel=1e-4) and not level.is_silent(2**-23)
    assert Level(low=-(2**-23), high=2**-23, n=1).is_silent(2**-23)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_clip_takes_no_sample_that_is_no_number(bad):
    samples = A.copy()
    samples[100] = bad
    with pytest.raises(ValueError, match="got some that are none or infinite"):
        Clip(samples, "0" * 32)


def test_a_clip_of_pcm_takes_whole_numbers_alone():
    with pytest.raises(ValueError, match="16-bit whole numbers; got float32"):
        Clip.of(A)


def test_where_no_sample_came_none_is_changed():
    assert Gain.of(Level(), 0.01, 1.0) == Gain()
