"""Any number of channels becomes one, and no voice is lost on the way."""

import numpy as np
import pytest

from model import errors
from model.audio import decode
from model.mixdown import AlignedMix, LiveMix, MixLoss
from tests.model.recordings import ffmpeg, likeness, original, voice, wav

A, B = voice(1), voice(2)
NOTHING = np.zeros_like(A)


@pytest.mark.parametrize("form, level", [("<i2", 1), ("<i2", 0.01), ("<f4", 1e-5), ("<f8", 10)])
def test_a_voice_with_opposite_phases_is_heard(tmp_path, form, level):
    clip = decode(wav(tmp_path / "x.wav", [A * level, -A * level], form))
    assert likeness(clip.samples, A)[0] > 0.99


@pytest.mark.parametrize(
    "channels",
    [
        [A + B, A - B],  # one in the middle and one with opposite phases, at once
        [A, -A, B, -B],
        [NOTHING, NOTHING, NOTHING, A, NOTHING, B],  # a microphone where 5.1 has its subwoofer
        [NOTHING, B, A],  # … or 2.1
        [A, -A, NOTHING, NOTHING, NOTHING, NOTHING, B, -B],
    ],
)
def test_of_two_voices_none_is_lost(tmp_path, channels):
    clip = decode(wav(tmp_path / "x.wav", channels))
    assert min(likeness(clip.samples, A, B)) > 0.6
    assert clip.remarks == ()


def test_a_phase_that_turns_in_the_middle_loses_neither_half(tmp_path):
    half = len(A) // 2
    clip = decode(wav(tmp_path / "x.wav", [A, np.concatenate([A[:half], -A[half:]])]))
    assert likeness(clip.samples[:half], A[:half])[0] > 0.99
    assert likeness(clip.samples[half:], A[half:])[0] > 0.99


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 20, 23, 24, 32, 63, 64])
@pytest.mark.parametrize("mask", [None, 0])
def test_a_voice_in_the_last_of_many_channels_is_heard(tmp_path, n, mask):
    clip = decode(wav(tmp_path / "x.wav", [NOTHING] * (n - 1) + [A], mask=mask))
    assert likeness(clip.samples, A)[0] > 0.99 and np.abs(clip.samples).max() > 0.02


@pytest.mark.parametrize("n", [2, 6, 8, 64])
def test_silence_is_said_where_every_channel_is_silent(tmp_path, n):
    with pytest.raises(errors.Silent):
        decode(wav(tmp_path / "x.wav", [NOTHING] * n))


def test_64_loud_channels_do_not_go_beyond_full_scale(tmp_path):
    clip = decode(wav(tmp_path / "x.wav", [A * 3] * 64, mask=0))
    assert (np.abs(clip.samples) > 0.999).mean() == 0 and likeness(clip.samples, A)[0] > 0.99


LAYOUTS = ["stereo", "2.1", "3.0", "quad", "5.0", "5.1", "5.1(side)", "6.1", "7.1"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.m4a"])
def test_what_loses_nothing_is_mixed_as_ever(tmp_path, layout, name):
    if name == "x.m4a" and layout == "2.1":
        pytest.skip("the encoder has no such layout")
    source = f"anoisesrc=d=1.5:c=pink:r=44100:a=0.3:seed=1,aformat=channel_layouts={layout}"
    path = ffmpeg(tmp_path / name, "-f", "lavfi", "-i", source)
    assert (decode(path).pcm() == original(path)).all()


@pytest.mark.parametrize("channels", [[A, B], [A, NOTHING], [A, 0.2 * A], [A, np.roll(A, 9)]])
def test_two_microphones_are_mixed_as_ever(tmp_path, channels):
    path = wav(tmp_path / "x.wav", channels)
    assert (decode(path).pcm() == original(path)).all()


def test_a_form_that_changes_on_the_way_is_read_to_the_end(tmp_path):
    source = wav(tmp_path / "a.wav", [A])
    one = ffmpeg(tmp_path / "1.aac", "-i", source, "-ac", 2, "-ar", 48000)
    two = ffmpeg(tmp_path / "2.aac", "-i", source, "-ac", 1, "-ar", 22050)
    clip = decode(one.read_bytes() + two.read_bytes(), name="x.aac")
    assert clip.seconds == pytest.approx(6, abs=0.3)


def test_a_mix_is_the_same_in_any_blocks():
    x = np.stack([A, -A, B], axis=1)
    whole, mix = AlignedMix(3), AlignedMix(3)
    expected = np.concatenate([whole.hear(x), whole.end()])
    blocks = np.split(x, [1, 7, 300, 5000, 5001])
    got = np.concatenate([*(mix.hear(block) for block in blocks), mix.end()])
    assert len(got) == len(x) and np.abs(got - expected).max() < 1e-6


def test_one_channel_alone_is_unchanged():
    mix = AlignedMix(2)
    got = np.concatenate([mix.hear(np.stack([NOTHING, A], axis=1)), mix.end()])
    assert np.abs(got - A).max() < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_noise_without_relation_loses_nothing(seed):
    x = 0.1 * np.random.default_rng(seed).standard_normal((48_000, 2))
    loss = MixLoss(2)
    loss.hear(np.column_stack([x.mean(1), x]).astype(np.float32))
    assert not loss.is_loss


def test_a_track_whose_channels_are_not_told_is_no_traceback(tmp_path):
    """An m4a without the description of its decoder: ffmpeg says "0 channels"."""
    source = wav(tmp_path / "a.wav", [A])
    content = ffmpeg(tmp_path / "x.m4a", "-i", source).read_bytes()
    at = content.index(b"stsd") + 36  # the count of channels
    assert content[at : at + 2] == b"\0\1" and content.count(b"esds") == 1
    content = content[:at] + b"\0\0" + content[at + 2 :]
    with pytest.raises(errors.Unreadable, match="damaged"):
        decode(content.replace(b"esds", b"free"), name="x.m4a")


@pytest.mark.parametrize("channels", [[A, -A], [NOTHING, A], [A, A], [A, -A, A, -A], [B, A, -A]])
def test_what_a_device_gives_is_mixed_as_it_comes(channels):
    x = np.rint(np.stack(channels, axis=1) * 32767 / 0.3).astype(np.int16)
    mix = LiveMix(x.shape[1])
    parts = [mix.hear(block) for block in np.array_split(x, 150)]
    got = np.concatenate([*parts, mix.end()])
    assert got.dtype == np.int16 and len(got) == len(x)
    assert likeness(got, A)[0] > (0.6 if B is channels[0] else 0.99)
    late = sum(map(len, np.array_split(x, 150)[:75])) - sum(map(len, parts[:75]))
    assert 0 <= late <= 512
    if channels[0] is A and channels[1] is A:
        assert np.abs(got.astype(int) - x[:, 0]).max() <= 1
