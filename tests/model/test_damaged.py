"""Files damaged in the middle: silence stands for what was lost, so that later times are right."""

import numpy as np
import pytest

from model.audio import decode
from model.spec import SAMPLE_RATE
from tests.model.recordings import ffmpeg, likeness, voice, wav

HUM = 0.001 * np.sin(np.arange(12 * SAMPLE_RATE))  # nowhere without sound
A = (voice(1, 12.0) + HUM).astype(np.float32)
FORMATS = {
    "x.flac": "",
    "x.oga": "-c:a flac",
    "x.mka": "-c:a flac",
    "x.opus": "",
    "x.tta": "",
    "x.m4a": "",
    "alac.m4a": "-c:a alac",
    "x.mp4": "-f lavfi -i testsrc=s=64x64:r=5:d=12 -c:v mpeg4",
    "x.caf": "-c:a alac",
    "x.wav": "-c:a adpcm_ima_wav",
    "x.ts": "",
}
IS_FOUND = {"x.flac", "x.m4a", "alac.m4a", "x.mp4", "x.caf"}  # by their decoders


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    source = wav(folder / "a.wav", [A])
    return {
        name: ffmpeg(folder / name, "-i", source, *options.split()).read_bytes()
        for name, options in FORMATS.items()
    }


def damaged(content, share, n=4000):
    at = int(len(content) * share)
    return content[:at] + np.random.default_rng(0).bytes(n) + content[at + n :]


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("name", FORMATS)
def test_what_follows_a_damaged_part_stands_where_it_was(contents, name, share):
    clip = decode(damaged(contents[name], share), name=name)
    assert clip.seconds == pytest.approx(12, abs=0.15)
    end = slice(10 * SAMPLE_RATE, round(11.5 * SAMPLE_RATE))
    shifts = range(-800, 801, 4)  # of 0.05 s, as far as a picture's clock is fine
    whole = decode(contents[name], name=name).samples
    assert max(likeness(clip.samples[end], np.roll(whole, shift)[end])[0] for shift in shifts) > 0.9
    assert (np.abs(clip.samples) == 0).sum() > (np.abs(whole) == 0).sum() + 500
    told = " ".join(clip.remarks)
    assert "Silence of" in told and "ends after" not in told
    assert "is damaged" in told or name not in IS_FOUND


@pytest.mark.parametrize("name", ["x.flac", "x.m4a", "alac.m4a"])
def test_what_was_lost_is_told_once_and_with_its_length(contents, name):
    clip = decode(damaged(contents[name], 0.5), name=name)
    silent = np.flatnonzero(np.abs(clip.samples) > 0)
    longest = np.diff(silent).max() / SAMPLE_RATE
    (remark,) = clip.remarks
    assert remark.startswith(f"{name} is damaged: parts of its sound could not be decoded and are")
    assert float(remark.split("Silence of ")[1].split()[0]) == pytest.approx(longest, abs=0.1)


def test_a_lost_beginning_is_silence_too(contents):
    content = bytearray(contents["x.flac"])
    frame = b"\xff\xf8\xa5\x08"  # of 1024 samples at 16 kHz, mono, 16 bits
    start, at = content.index(frame), content.index(frame, 8000)
    content[start:at] = bytes(at - start)
    clip = decode(bytes(content), name="x.flac")
    assert clip.seconds == pytest.approx(12, abs=0.01)
    end = slice(5 * SAMPLE_RATE, 11 * SAMPLE_RATE)
    assert likeness(clip.samples[end], A[end])[0] > 0.99


def test_the_first_seconds_of_a_damaged_file_count_silence(contents):
    clip = decode(damaged(contents["x.flac"], 0.3), name="x.flac", seconds=8)
    assert clip.seconds == 8
    end = slice(6 * SAMPLE_RATE, 8 * SAMPLE_RATE)
    assert likeness(clip.samples[end], A[end])[0] > 0.99


@pytest.mark.parametrize("n_channels", [2, 3])
def test_a_damaged_file_of_several_channels_keeps_its_times(tmp_path, n_channels):
    channels = [A, -A, A][:n_channels]
    source = wav(tmp_path / "a.wav", channels, mask=0 if n_channels == 3 else None)
    content = ffmpeg(tmp_path / "x.flac", "-i", source).read_bytes()
    clip = decode(damaged(content, 0.5), name="x.flac")
    end = slice(10 * SAMPLE_RATE, round(11.5 * SAMPLE_RATE))
    assert likeness(clip.samples[end], A[end])[0] > 0.99


@pytest.mark.parametrize("name, options", [("x.mp3", ""), ("x.ac3", ""), ("x.aac", "-c:a aac")])
def test_where_no_clock_tells_times_that_is_said(tmp_path, name, options):
    source = wav(tmp_path / "a.wav", [A])
    content = ffmpeg(tmp_path / name, "-i", source, *options.split()).read_bytes()
    told = " ".join(decode(damaged(content, 0.5), name=name).remarks)
    assert "is damaged" in told and "agree with a player's" not in told
    assert "Silence of" not in told or "may differ from a player's" in told
