"""Which track of a file is heard, what its clock adds, and what is said of formats."""

import numpy as np
import pytest

from model import clock, errors, formats
from model.audio import Limits, decode
from model.clock import Packets, Pause
from model.spec import SAMPLE_RATE
from tests.model import rare_files
from tests.model.recordings import ffmpeg, likeness, original, voice, wav

A, B = voice(1), voice(2)
NOTHING = np.zeros_like(A)


@pytest.fixture
def tracks(tmp_path):
    """A file with these sounds as its tracks."""

    def made(name, *sounds, default=0):
        inputs, maps = [], []
        for i, sound in enumerate(sounds):
            inputs += ["-i", wav(tmp_path / f"{i}.wav", [sound])]
            maps += ["-map", i, f"-disposition:a:{i}", "default" if i == default else 0]
        options = ["-c:a", "pcm_s16le"] if name == "x.avi" else []
        return ffmpeg(tmp_path / name, *inputs, *maps, *options)

    return made


@pytest.mark.parametrize("name", ["x.mka", "x.mp4", "x.mov", "x.avi"])
@pytest.mark.parametrize("faint", [NOTHING, 1e-4 * B])
def test_the_track_that_has_sound_is_heard(tracks, name, faint):
    clip = decode(tracks(name, faint, A))
    assert likeness(clip.samples, A)[0] > 0.95
    assert f"{name} has 2 sound tracks. Track 2 was heard, the others were not." in clip.remarks


def test_the_usual_track_is_heard_where_it_has_sound(tracks):
    assert likeness(decode(tracks("x.mka", A, B)).samples, A)[0] > 0.95
    assert likeness(decode(tracks("y.mka", A, B, default=1)).samples, B)[0] > 0.95


def test_another_track_can_be_asked_for(tracks):
    path = tracks("x.mka", A, B)
    assert likeness(decode(path, track=2).samples, B)[0] > 0.95
    with pytest.raises(errors.Empty, match="2 sound tracks; there is no track 3"):
        decode(path, track=3)


def test_silence_is_said_where_all_tracks_are_silent(tracks):
    with pytest.raises(errors.Silent):
        decode(tracks("x.mka", NOTHING, NOTHING))


# Clocks -------------------------------------------------------------------------------------------

GAP = "asetpts=PTS+gte(T\\,1)*{gap}/TB"


def with_gap(tmp_path, name, gap, sound=A, codec="libopus", start=0.0):
    """A video whose sound stops at 1 s and goes on later."""
    source = wav(tmp_path / "a.wav", [sound])
    picture = ["-f", "lavfi", "-i", f"color=s=16x16:r=5:d={max(3, gap + 3 + start)}"]
    late = ["-itsoffset", start] if start else []
    options = ["-map", 0, "-map", 1, "-af", GAP.format(gap=gap), "-c:a", codec, "-c:v", "mpeg4"]
    return ffmpeg(tmp_path / name, *picture, *late, "-i", source, *options)


@pytest.mark.parametrize("name, codec", [("x.mkv", "libopus"), ("x.mp4", "aac"), ("x.ts", "mp2")])
@pytest.mark.parametrize("gap", [0.5, 3, 40])
def test_a_pause_in_the_clock_is_silence(tmp_path, name, codec, gap):
    clip = decode(with_gap(tmp_path, name, gap, codec=codec))
    assert clip.seconds == pytest.approx(3 + gap, abs=0.1)
    second = clip.samples[round((1.1 + gap) * SAMPLE_RATE) :]
    shifts = range(-1600, 1601, 40)
    expected = A[round(1.1 * SAMPLE_RATE) :]
    best = max(shifts, key=lambda shift: likeness(np.roll(second, shift), expected)[0])
    assert abs(best) < 0.06 * SAMPLE_RATE
    silent = clip.samples[round(1.2 * SAMPLE_RATE) : round((gap + 0.8) * SAMPLE_RATE)]
    assert np.abs(silent).max(initial=0) < 0.02
    assert f"has no sound for {gap:.1f} s" in " ".join(clip.remarks)


@pytest.mark.parametrize("start", [0.5, 4, 90])
def test_a_late_start_is_silence(tmp_path, start):
    clip = decode(with_gap(tmp_path, "x.mkv", 0, start=start))
    assert clip.seconds == pytest.approx(3 + start, abs=0.05)
    assert not clip.samples[: round((start - 0.05) * SAMPLE_RATE)].any()


def test_a_start_that_is_the_encoders_changes_nothing(tmp_path):
    for name, codec in (("x.mkv", "libopus"), ("x.mp4", "aac"), ("x.ts", "mp2")):
        path = with_gap(tmp_path, name, 0, codec=codec)
        clip = decode(path)
        assert (clip.pcm() == original(path)).all() and clip.remarks == (), name


def test_hours_without_sound_are_no_silence_and_are_told(tmp_path):
    path = with_gap(tmp_path, "x.mkv", 9000)
    clip = decode(path)
    assert clip.seconds == pytest.approx(3, abs=0.1)
    assert "jumps by 150 minutes" in " ".join(clip.remarks)


def test_silence_never_makes_a_recording_longer_than_the_limit(tmp_path):
    clip = decode(with_gap(tmp_path, "x.mkv", 40), limits=Limits(seconds=30))
    assert clip.seconds == pytest.approx(3, abs=0.1) and "No silence was put" in clip.remarks[0]


def test_the_first_seconds_count_silence(tmp_path):
    clip = decode(with_gap(tmp_path, "x.mkv", 3), seconds=2)
    assert clip.seconds == 2


def packets(n, length=0.02, start=0.0):
    return Packets(start + length * np.arange(n), np.full(n, length))


def test_jitter_of_single_packets_is_no_pause():
    rng = np.random.default_rng(0)
    usual = packets(3000)
    for most in (0.01, 0.1, 0.3):
        times = np.maximum.accumulate(
            usual.starts + rng.uniform(0, most, 3000) * (rng.random(3000) < 0.2)
        )
        assert clock.pauses(Packets(times, usual.lengths), 60.0) == ([], 0.0)


def test_a_clock_that_runs_fast_has_no_pauses():
    for speed in (1.001, 1.02):
        usual = packets(3000)
        assert clock.pauses(Packets(speed * usual.starts, usual.lengths), 60.0) == ([], 0.0)


def test_lengths_that_are_not_stated_are_no_pauses():
    for length in (0.013, 0.12, 1.0):
        usual = packets(100, length)
        found, _ = clock.pauses(Packets(usual.starts, np.zeros(100)), 100 * length)
        assert found == []


def test_pauses_stand_where_the_sound_stops():
    starts = packets(500).starts.copy()
    starts[100:] += 2.0
    starts[400:] += 0.5
    found, left_out = clock.pauses(Packets(starts, np.full(500, 0.02)), 10.0)
    assert left_out == 0
    assert [(round(p.at, 3), round(p.seconds, 3)) for p in found] == [(2.0, 2.0), (8.0, 0.5)]


def test_silence_is_put_between_any_chunks():
    sound = np.arange(1, 40_001).astype("<i2")
    for cuts in ([], [16_000], [15_999, 16_001], [40_000], [0, 20_000]):
        chunks = np.split(sound, cuts)
        joined = np.concatenate(clock.put_in(chunks, [Pause(2.0, 0.5), Pause(1.0, 0.1)]))
        expected = np.insert(sound, [16_000] * 1600 + [32_000] * 8000, 0)
        assert (joined == expected).all()


# Chains and formats -------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_every_part_of_a_chain_is_heard(tmp_path, codec):
    forms = [(1, 16000, A), (2, 48000, B), (1, 24000, A)]
    content = b""
    for channels, rate, sound in forms:
        source = wav(tmp_path / "a.wav", [sound])
        options = ["-c:a", codec, "-ac", channels, "-ar", rate]
        content += ffmpeg(tmp_path / "x.ogg", "-i", source, *options).read_bytes()
    clip = decode(content, name="x.ogg")
    assert clip.seconds == pytest.approx(9, abs=0.1) and clip.remarks == ()
    for i, (_, _, sound) in enumerate(forms):
        heard = clip.samples[3 * i * SAMPLE_RATE :][: len(sound)]
        shifts = range(-400, 401, 8)
        assert max(likeness(np.roll(heard, shift), sound)[0] for shift in shifts) > 0.9


def test_a_chain_with_a_part_that_cannot_be_read_says_so(tmp_path):
    source = wav(tmp_path / "a.wav", [A])
    parts = []
    for rate in (16000, 48000, 24000):
        options = ["-c:a", "libvorbis", "-ar", rate]
        parts.append(ffmpeg(tmp_path / "x.ogg", "-i", source, *options).read_bytes())
    broken = parts[1].replace(b"vorbis", b"v?rbis")
    clip = decode(parts[0] + broken + parts[2], name="x.ogg")
    assert clip.seconds == pytest.approx(6, abs=0.1)
    assert "x.ogg is a chain of 3 streams. 1 of them could not be read." in clip.remarks


JOINED = {
    "tags before": ["-c:a", "libmp3lame"],
    "tags after": ["-c:a", "libmp3lame", "-id3v2_version", 0, "-write_id3v1", 1],
    "tags before and after": ["-c:a", "libmp3lame", "-write_id3v1", 1],
    "no tags": ["-c:a", "libmp3lame", "-id3v2_version", 0, "-write_xing", 0],
    "flac": ["-c:a", "flac"],
    "aac": ["-c:a", "aac"],
}


@pytest.mark.parametrize("how", JOINED)
@pytest.mark.parametrize("rates", [(44100, 44100), (44100, 22050), (16000, 48000)])
def test_joined_files_are_heard_whole_and_nothing_is_said_to_be_missing(tmp_path, how, rates):
    name, content = "x." + (how if how in ("flac", "aac") else "mp3"), b""
    for rate, sound in zip(rates, (A, B), strict=True):
        options = ["-ar", rate, *JOINED[how], "-metadata", "title=A title"]
        source = wav(tmp_path / "a.wav", [sound])
        content += ffmpeg(tmp_path / name, "-i", source, *options).read_bytes()
    clip = decode(content, name=name)
    assert clip.seconds == pytest.approx(6, abs=0.25) and clip.remarks == ()
    second = clip.samples[3 * SAMPLE_RATE :]
    assert max(likeness(second[shift:], B[:40_000])[0] for shift in range(0, 4000, 4)) > 0.8


def test_a_joined_file_that_is_damaged_says_so_and_keeps_its_times(tmp_path):
    content = b""
    for sound in (A, B):
        source = wav(tmp_path / "a.wav", [sound])
        part = bytearray(ffmpeg(tmp_path / "x.flac", "-i", source).read_bytes())
        at = len(part) // 2
        part[at : at + 2000] = bytes(2000)
        content += part
    clip = decode(content, name="x.flac")
    assert clip.seconds == pytest.approx(6, abs=0.01)
    assert likeness(clip.samples[5 * SAMPLE_RATE :], B[2 * SAMPLE_RATE :])[0] > 0.95
    assert [remark[:18] for remark in clip.remarks] == ["x.flac is damaged:"] * 2


RARE = {
    "x.nut": "-c:a pcm_s64le",
    "x.dv": "-f lavfi -i testsrc=s=720x576:r=25:d=3 -target pal-dv -ar 48000 -ac 2",
    "x.mxf": "-f lavfi -i testsrc=s=64x64:r=25:d=3 -c:v mpeg2video -ar 48000",
    "x.wtv": "",
    "x.mmf": "-ar 8000",
    "x.sbc": "-ac 2 -ar 44100",
    "x.msbc": "-ar 16000 -c:a sbc -msbc 1 -f sbc",
    "x.aptx": "-ac 2 -ar 48000",
    "x.aptxhd": "-ac 2 -ar 48000",
    "x.mlp": "-strict -2 -ac 2 -ar 48000",
    "x.thd": "-strict -2 -ac 2 -ar 48000",
    "x.sln": "-f s16le -ar 8000",
    "x.sln16": "-f s16le -ar 16000",
    "x.alaw": "-f alaw -ar 8000",
    "x.ulaw": "-f mulaw -ar 8000",
    "x.g722": "-ar 16000",
    "x.dts": "-strict -2 -ac 2 -ar 48000",
    "x.adx": "",
    "x.spdif": "-c:a ac3 -ar 48000 -ac 2 -f spdif",
    "x.gsm.wav": "-c:a adpcm_ima_wav",
}


@pytest.mark.parametrize("name", RARE)
def test_rare_formats_are_heard(tmp_path, name):
    source = wav(tmp_path / "a.wav", [A])
    path = ffmpeg(tmp_path / name, "-i", source, *RARE[name].split())
    clip = decode(path)
    assert clip.seconds == pytest.approx(3, abs=0.2) and np.abs(clip.samples).max() > 0.05


def test_what_no_program_here_writes_is_heard(tmp_path):
    source = wav(tmp_path / "a.wav", [A])
    words = ["-c:a", "wmav2", "-ar", 44100, "-ac", 1]
    wma = ffmpeg(tmp_path / "wma.wav", "-i", source, *words).read_bytes()
    dts = ffmpeg(tmp_path / "x.dts", "-i", source, "-strict", -2, "-ar", 48000).read_bytes()
    lossless = source.read_bytes()
    made = {
        "x.shn": (rare_files.shorten(lossless, original(source)), lossless),
        "x.xwma": (wma[:8] + b"XWMA" + wma[12:], wma),
        "x.dtshd": (rare_files.dtshd(dts), dts),
    }
    for name, (content, same) in made.items():
        clip, expected = decode(content, name=name), decode(same).samples
        n = min(len(clip.samples), len(expected))
        assert abs(len(expected) - n) < 2000 and clip.remarks == (), name
        assert np.abs(clip.samples[:n] - expected[:n]).max() < 0.01, name
        assert np.abs(expected).max() > 0.2


def test_frames_of_any_content_are_heard_in_formats_that_no_program_here_writes():
    made = {
        "x.qcp": rare_files.qcp(150),
        "x.vqf": rare_files.vqf(3),
        "x.g729": np.random.default_rng(0).bytes(3000),
    }
    for name, content in made.items():
        clip = decode(content, name=name)
        assert clip.seconds == pytest.approx(3, abs=0.25) and np.abs(clip.samples).max() > 0.1
        assert not any("missing" in remark for remark in clip.remarks), name


def test_dst_is_refused_by_its_name():
    """ffmpeg gives noise for frames of it that are stored as they are."""
    with pytest.raises(errors.Unreadable, match="x.dff is coded as dst, which Earshot does not"):
        decode(rare_files.dst(75), name="x.dff")


def test_a_format_that_is_left_out_is_named(tmp_path):
    hidden = b"ffconcat version 1.0\nfile 'x.wav'\n\0"
    with pytest.raises(
        errors.Unreadable, match="x.wav is of the format concat, which Earshot does"
    ):
        decode(hidden, name="x.wav")


def test_what_is_known_and_damaged_is_not_called_unknown(tmp_path):
    for head in (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
        content = head + bytes(5000)
        with pytest.raises(errors.Unplayable) as refused:
            decode(content, name="x.bin")
        assert "does not know" not in str(refused.value) or b"\x30\x26" in head


def test_samples_without_a_header_are_called_that():
    noise = np.random.default_rng(3).bytes(50_000)
    with pytest.raises(errors.Unreadable, match="samples without a header"):
        decode(noise, name="x.pcm")


def test_protected_sound_is_called_protected(tmp_path):
    source = wav(tmp_path / "a.wav", [A])
    content = ffmpeg(tmp_path / "x.m4a", "-i", source, "-c:a", "aac").read_bytes()
    assert content.count(b"mp4a") == 1
    with pytest.raises(errors.Unreadable, match="protected against copying"):
        decode(content.replace(b"mp4a", b"drms"), name="x.m4p")


def test_a_codec_that_is_left_out_is_named(tmp_path, monkeypatch):
    from model import decoder

    monkeypatch.setattr(decoder, "CODECS", ("flac",))
    path = ffmpeg(tmp_path / "x.m4a", "-i", wav(tmp_path / "a.wav", [A]))
    with pytest.raises(errors.Unreadable, match="coded as aac, which Earshot does not decode"):
        decode(path)


def test_no_format_is_listed_twice():
    assert len(set(formats.FORMATS)) == len(formats.FORMATS)
    assert len(set(formats.CODECS)) == len(formats.CODECS)
