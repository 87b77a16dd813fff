"""Headers that state less or more than is there: that is heard, and what is missing is told."""

import struct

import numpy as np
import pytest

from model import errors
from model.audio import decode
from model.spec import SAMPLE_RATE
from tests.model.recordings import ffmpeg, likeness, voice, wav

A = voice(1)
SECONDS = len(A) / SAMPLE_RATE
UNKNOWN = (0, 1, 1000, 0x7FFF_FFFF, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return wav(tmp_path_factory.mktemp("source") / "a.wav", [A])


@pytest.fixture
def file(source, tmp_path):
    """The bytes of the sound in a format."""
    return lambda name, *options: ffmpeg(tmp_path / name, "-i", source, *options).read_bytes()


def heard_whole(content, name, remarks=()):
    clip = decode(content, name=name)
    assert clip.seconds == pytest.approx(SECONDS, abs=0.03)
    assert likeness(clip.samples[: len(A)], A)[0] > 0.99
    assert clip.remarks == remarks
    return clip


def with_number(content, at, form, number):
    return content[:at] + struct.pack(form, number) + content[at + struct.calcsize(form) :]


def ends_early(name, there, stated):
    return (f"{name} ends after {there} s; its header states {stated} s. What is there was heard.",)


@pytest.mark.parametrize("stated", [*UNKNOWN, len(A), 2 * len(A) - 1, 2 * len(A) + 1])
@pytest.mark.parametrize("riff", [None, 0, 0xFFFF_FFFF])
def test_a_wav_is_read_to_its_end(source, stated, riff):
    content = with_number(source.read_bytes(), 40, "<I", stated)
    if riff is not None:
        content = with_number(content, 4, "<I", riff)
    heard_whole(content, "x.wav")


def test_a_wav_that_promises_more_is_told(source):
    content = with_number(source.read_bytes(), 40, "<I", 4 * len(A))
    heard_whole(content, "x.wav", ends_early("x.wav", "3.0", "6.0"))
    clip = decode(source.read_bytes()[: 44 + SAMPLE_RATE * 2], name="x.wav")
    assert clip.seconds == 1 and clip.remarks == ends_early("x.wav", "1.0", "3.0")


def test_chunks_behind_the_sound_are_no_sound(source):
    tail = b"LIST" + struct.pack("<I", 90_001) + b"\1" * 90_002 + b"id3 " + struct.pack("<I", 4)
    heard_whole(source.read_bytes() + tail + b"abcd", "x.wav")


@pytest.mark.parametrize("stated", [0, 1000, 2 * len(A), 2**62, 2**63, 2**64 - 1])
def test_an_rf64_is_read_to_its_end(source, stated):
    content = source.read_bytes()
    wide = b"ds64" + struct.pack("<IQQQI", 28, len(content), stated, 0, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + wide + content[12:36]
    clip = decode(head + b"data\xff\xff\xff\xff" + content[44:], name="x.wav")
    assert clip.seconds == SECONDS and likeness(clip.samples, A)[0] > 0.99


@pytest.mark.parametrize("what", ["form", "sound", "frames"])
@pytest.mark.parametrize("stated", [0, 1000, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_an_aiff_is_read_to_its_end(file, what, stated):
    content = file("x.aiff")
    at = {"form": 4, "sound": content.index(b"SSND") + 4, "frames": content.index(b"COMM") + 10}
    clip = decode(with_number(content, at[what], ">I", stated), name="x.aiff")
    assert clip.seconds == SECONDS and likeness(clip.samples, A)[0] > 0.99


@pytest.mark.parametrize("name", ["x.au", "x.caf", "x.w64"])
@pytest.mark.parametrize("stated", [0, 24, 1000, 0xFFFF_FFFF])
def test_others_are_read_to_their_end(file, name, stated):
    content = file(name)
    if name == "x.au":
        content = with_number(content, 8, ">I", stated)
    elif name == "x.caf":
        wide = 2**64 - 1 if stated == 0xFFFF_FFFF else stated
        content = with_number(content, content.index(b"data") + 4, ">Q", wide)
    else:
        wide = 2**64 - 1 if stated == 0xFFFF_FFFF else stated
        content = with_number(content, content.index(b"data\xf3") + 16, "<Q", wide)
    heard_whole(content, name)


@pytest.mark.parametrize("stated", [0, 1, 1000, 2**32 - 1, 2**36 - 1])
def test_a_flac_is_read_to_its_end(file, stated):
    content = file("x.flac")
    about = int.from_bytes(content[18:26], "big") >> 36 << 36 | stated
    heard_whole(with_number(content, 18, ">Q", about), "x.flac")


@pytest.mark.parametrize("frames", [0, 1, 10, 100_000])
def test_a_stale_xing_header_cuts_nothing(file, frames):
    content = file("x.mp3", "-b:a", "64k")
    at = max(content.find(b"Xing"), content.find(b"Info"))
    clip = decode(with_number(content, at + 8, ">I", frames), name="x.mp3")
    assert clip.seconds == pytest.approx(SECONDS, abs=0.15)


CUT = {
    "x.aiff": "its header states 3.0 s",
    "x.au": "its header states 3.0 s",
    "x.caf": "its header states 3.0 s",
    "x.w64": "its header states 3.0 s",
    "x.flac": "its header states 3.0 s",
    "x.mp3": "its header states 3.0 s",
    "x.mka": "its header states 3.0 s",
    "x.webm": "its header states 3.0 s",
    "x.flv": "its header states 3.0 s",
    "x.ogg": "its end may be missing",
    "x.opus": "its end may be missing",
    "x.oga": "its end may be missing",
    "x.ts": "its end may be missing",
    "x.avi": "What is there was heard.",
    "x.wma": "",
    "x.mpg": "",
    "x.aac": "",
    "x.amr": "",
    "live.webm": "",
}


OPTIONS = {
    "live.webm": ["-f", "webm", "-live", 1],
    "x.amr": ["-ar", 8000],
    "x.flv": ["-ar", 44100],
    "x.ogg": ["-page_duration", 200_000],
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("share", [0.6, 0.85])
def test_of_a_file_cut_anywhere_is_heard_what_is_there(file, name, share):
    options = OPTIONS.get(name, [])
    content = file(name, *options)
    assert decode(content, name=name).remarks == ()
    clip = decode(content[: int(len(content) * share)], name=name)
    least = 0 if name in ("x.ogg", "x.opus", "x.oga", "x.wma", "x.webm", "x.mka") else 0.4
    assert least * share < clip.seconds / SECONDS < share + 0.2
    assert CUT[name] in " ".join(clip.remarks)


def test_a_damaged_middle_is_told(file):
    content = bytearray(file("x.flac"))
    at = len(content) // 2
    content[at : at + 3000] = np.random.default_rng(0).bytes(3000)
    clip = decode(bytes(content), name="x.flac")
    assert clip.seconds > 1 and any("is damaged" in remark for remark in clip.remarks)


def test_an_mp4_without_its_index_says_so(source, tmp_path):
    video = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=3", "-c:v", "mpeg4"]
    content = ffmpeg(tmp_path / "x.mp4", "-i", source, *video).read_bytes()
    with pytest.raises(errors.Truncated, match="its index, which stands at the end, is missing"):
        decode(content[: len(content) * 6 // 10], name="x.mp4")


@pytest.mark.parametrize("share", [0.5, 0.97])
@pytest.mark.parametrize("name, rate", [("x.m4a", 44100), ("x.m4a", 16000), ("x.3gp", 8000)])
def test_of_a_phone_recording_without_its_index_the_sound_is_found(file, name, rate, share):
    codec = ["-c:a", "libopencore_amrnb"] if name == "x.3gp" else []
    content = file(name, "-ar", rate, *codec)
    sound = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    clip = decode(content[: sound + int((end - sound) * share)], name=name)
    assert clip.seconds == pytest.approx(SECONDS * share, abs=0.2)
    whole = decode(content, name=name).samples
    shifts = range(0, 2400, 4)  # the encoder's delay, which the index would have told
    assert max(likeness(clip.samples[shift:], whole)[0] for shift in shifts) > 0.9
    assert clip.remarks[0].startswith(f"{name} was cut off: its index is missing.")


@pytest.mark.parametrize("rate", [48000, 44100])
def test_the_rate_is_taken_from_what_is_left_of_the_index(file, rate):
    content = file("x.m4a", "-ar", rate)
    clip = decode(content[: content.index(b"stts")], name="x.m4a")
    assert clip.seconds == pytest.approx(SECONDS, abs=0.1)


MP4 = {"x.m4a": "aac", "x.3gp": "aac", "x.mov": "pcm_s16le"}


@pytest.mark.parametrize("stated", [0, 1, 2, 8, 100, 0x2000_0000, 0xFFFF_FFF0])
@pytest.mark.parametrize("name", MP4)
def test_an_index_is_found_whatever_length_the_sound_before_it_states(file, name, stated):
    content = file(name, "-c:a", MP4[name])
    at = content.index(b"mdat") - 4
    whole = decode(content, name=name)
    clip = decode(with_number(content, at, ">I", stated), name=name)
    assert (clip.pcm() == whole.pcm()).all() and clip.remarks == ()


@pytest.mark.parametrize("n_missing", [1, 2, 20])
@pytest.mark.parametrize("name", MP4)
def test_an_index_whose_last_names_were_cut_off_is_read(file, name, n_missing):
    content = file(name, "-c:a", MP4[name])
    whole = decode(content, name=name)
    assert (decode(content[:-n_missing], name=name).pcm() == whole.pcm()).all()


@pytest.mark.parametrize("n_missing", [200, 400])
@pytest.mark.parametrize("name", MP4)
def test_an_index_without_its_tables_is_called_damaged(file, name, n_missing):
    with pytest.raises(errors.Unplayable, match="cut off|damaged"):
        decode(file(name, "-c:a", MP4[name])[:-n_missing], name=name)


@pytest.mark.parametrize("stated", [2**41, 2**62, 2**63 - 1])
def test_a_w64_of_unknown_length_is_read_to_its_end(file, stated):
    content = file("x.w64")
    at = content.index(b"data\xf3") + 16
    heard_whole(with_number(content, at, "<q", stated), "x.w64")


@pytest.mark.parametrize("stated", [0, 100, 2**40, 2**64 - 16])
def test_a_wrong_length_of_64_bits_is_mended_too(file, stated):
    content = file("x.m4a")
    at = content.index(b"mdat") - 4
    assert content[at - 8 : at] == struct.pack(">I", 8) + b"free"  # room for the longer head
    head = struct.pack(">I4sQ", 1, b"mdat", stated)
    clip = decode(content[: at - 8] + head + content[at + 8 :], name="x.m4a")
    assert (clip.pcm() == decode(content, name="x.m4a").pcm()).all() and clip.remarks == ()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
@pytest.mark.parametrize("options", ["-ac 1", "-ac 2", "-ac 2 -ar 44100", "-sample_fmt s32p"])
def test_the_beginning_of_an_alac_caf_is_heard_without_its_table(file, share, options):
    content = file("x.caf", "-c:a", "alac", *options.split())
    whole = decode(content, name="x.caf")
    data, end = content.index(b"data") + 12, content.index(b"pakt")
    clip = decode(content[: data + int(share * (end - data))], name="x.caf")
    assert clip.seconds == pytest.approx(share * SECONDS, abs=0.5) and clip.seconds > 0.2
    n = min(len(clip.samples), len(whole.samples)) - 1600  # the resampler's end
    assert np.abs(clip.samples[:n] - whole.samples[:n]).max() < 1e-3
    assert clip.remarks == (
        "x.caf was cut off while being copied or recorded: its end may be missing. What is there "
        "was heard.",
    )


def test_an_alac_caf_whose_recorder_died_is_heard(file):
    content = file("x.caf", "-c:a", "alac")
    at = content.index(b"data") + 4
    content = with_number(content[: content.index(b"pakt")], at, ">q", -1)
    clip = decode(content, name="x.caf")
    assert clip.seconds == pytest.approx(SECONDS, abs=0.3)
    assert likeness(clip.samples[: len(A)], A)[0] > 0.99


def test_a_caf_that_cannot_be_mended_is_refused(file):
    content = file("x.caf", "-c:a", "alac")
    at = content.index(b"data") + 16
    with pytest.raises(errors.Unplayable):
        decode(content[:at] + np.random.default_rng(0).bytes(9000), name="x.caf")


CUT_ENDS = {
    "x.wma": "",
    "x.asf": "",
    "x.nut": "-c:a libmp3lame",
    "x.m4a": "-movflags +faststart",
    "x.tta": "",
    "x.dts": "-strict -2 -ar 48000",
    "x.amr": "-ar 8000",
    "x.aac": "",
    "x.wav": "-c:a adpcm_ima_wav",
}


@pytest.mark.parametrize("name", CUT_ENDS)
@pytest.mark.parametrize("share", [0.5, 0.53, 0.93])
def test_a_file_that_was_cut_off_is_not_called_damaged(file, name, share):
    content = file(name, *CUT_ENDS[name].split())
    clip = decode(content[: int(len(content) * share)], name=name)
    told = " ".join(clip.remarks)
    assert "damaged" not in told and "Silence" not in told
    assert clip.seconds == pytest.approx(share * SECONDS, abs=0.8)
    assert name in ("x.aac", "x.amr", "x.dts") or "What is there was heard." in told


@pytest.mark.parametrize("name", ["n.mp3", "x.ac3", "x.mp2"])
def test_where_no_length_is_known_nothing_is_said_of_one(file, name):
    """Frames follow one another, and nothing tells how many were meant to."""
    content = file(name, *(["-write_xing", 0, "-id3v2_version", 0] if name == "n.mp3" else []))
    clip = decode(content[: len(content) // 2], name=name)
    assert clip.seconds == pytest.approx(SECONDS / 2, abs=0.15) and clip.remarks == ()
