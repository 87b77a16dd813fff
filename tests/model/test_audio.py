"""Sound in and out: every format and every refusal. Sounds are synthesised and encoded here."""

import io
import os
import re
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from model import errors
from model.audio import Limits, cut, decode, export, ffmpeg
from model.messages import Clip
from model.spec import SAMPLE_RATE

ROOT = Path(__file__).parents[2]


def run_ffmpeg(*words):
    subprocess.run([ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, words)], check=True)


def write_wav(path, channels, rate=44_100):
    """A 16-bit wav file of (frames, channels) floats in [-1, 1)."""
    channels = np.atleast_2d(np.asarray(channels).T).T
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((channels * 32767).astype("<i2").tobytes())
    return path


def tone(hertz, seconds=2.0, rate=44_100, loudness=0.5):
    return loudness * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def pitch(clip):
    """Hz of the loudest frequency."""
    spectrum = np.abs(np.fft.rfft(clip.samples))
    return spectrum.argmax() * SAMPLE_RATE / len(clip.samples)


def level(samples):
    """Root mean square, without the first and last 0.1 s."""
    return np.sqrt(np.mean(np.square(samples[1600:-1600])))


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    """Two seconds of a stereo tone of 440 Hz."""
    path = tmp_path_factory.mktemp("tune") / "tune.wav"
    return write_wav(path, np.stack([tone(440), tone(440)], axis=1))


def encoded(tune, path, *options):
    run_ffmpeg("-i", tune, *options, path)
    return path


# Formats ------------------------------------------------------------------------------------------

TELEPHONE = "-ar 8000 -ac 1 -c:a libopencore_amrnb"
FORMATS = {
    "u8.wav": "-c:a pcm_u8",
    "s16.wav": "-c:a pcm_s16le",
    "s24.wav": "-c:a pcm_s24le",
    "s32.wav": "-c:a pcm_s32le",
    "float.wav": "-c:a pcm_f32le",
    "double.wav": "-c:a pcm_f64le",
    "law.wav": "-c:a pcm_mulaw",
    "x.flac": "",
    "x.mp3": "-b:a 128k",
    "no_header.mp3": "-write_xing 0",
    "x.m4a": "",
    "start.m4a": "-movflags +faststart",
    "x.aac": "",
    "x.ogg": "-c:a libvorbis",
    "x.opus": "",
    "x.webm": "-c:a libopus",
    "live.webm": "-c:a libopus -f webm -live 1",
    "x.mka": "-c:a libvorbis",
    "x.amr": TELEPHONE,
    "x.3gp": TELEPHONE,
    "x.wma": "",
    "x.aiff": "",
    "x.caf": "",
    "x.au": "",
    "x.ac3": "",
    "telephone.g722": "-ar 16000 -ac 1",
    "rate8k.wav": "-ar 8000",
    "rate192k.wav": "-ar 192000",
    "rate192k.flac": "-ar 192000",
    "surround51.m4a": "-ac 6",
    "surround71.wav": "-ac 8",
    "surround71.flac": "-ac 8",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_heard(tune, tmp_path, name):
    clip = decode(encoded(tune, tmp_path / name, *FORMATS[name].split()))
    assert clip.samples.dtype == np.float32 and clip.samples.ndim == 1
    assert abs(clip.seconds - 2) < 0.1
    assert abs(pitch(clip) - 440) < 2
    assert np.abs(clip.samples).max() < 1


@pytest.mark.parametrize("name", ["x.mp4", "start.mp4", "x.mkv", "x.avi", "x.mov"])
def test_the_sound_of_a_video_is_heard(tune, tmp_path, name):
    options = "-c:v mpeg4 -c:a aac -shortest" + (" -movflags +faststart" if "start" in name else "")
    picture = "-f lavfi -i testsrc=s=64x64:r=5:d=2".split()
    clip = decode(encoded(tune, tmp_path / name, *picture, *options.split()))
    assert abs(clip.seconds - 2) < 0.1 and abs(pitch(clip) - 440) < 2


def test_a_video_may_outlast_its_sound(tune, tmp_path):
    picture = "-f lavfi -i testsrc=s=64x64:r=5:d=6 -c:v mpeg4".split()
    assert abs(decode(encoded(tune, tmp_path / "x.mp4", *picture)).seconds - 2) < 0.1


def test_what_comes_out_is_what_the_ffmpeg_program_writes(tune, tmp_path):
    path = encoded(tune, tmp_path / "x.mp3")
    run_ffmpeg("-i", path, "-f", "s16le", "-ac", 1, "-ar", SAMPLE_RATE, tmp_path / "pcm")
    assert decode(path).pcm().tobytes() == (tmp_path / "pcm").read_bytes()


def test_how_far_it_is_is_told_as_it_goes(tune, tmp_path):
    file, told = tmp_path / "tune.wav", []
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(np.tile((9000 * np.sin(np.arange(16_000) / 6)).astype("<i2"), 60).tobytes())
    assert decode(file, progress=told.append).seconds == 60
    assert told == sorted(told) and len(told) > 2 and told[-1] == pytest.approx(60)


def test_bytes_are_as_good_as_a_file(tune, tmp_path):
    for name in ("x.wav", "x.m4a"):
        path = encoded(tune, tmp_path / name)
        assert decode(path.read_bytes()).digest == decode(path).digest


def test_an_mp3_named_wav_simply_works(tune, tmp_path):
    path = encoded(tune, tmp_path / "x.mp3").rename(tmp_path / "x.wav")
    assert abs(decode(path).seconds - 2) < 0.1


def test_a_cover_picture_is_no_video(tune, tmp_path):
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", 1, tmp_path / "cover.png")
    cover = f"-i {tmp_path}/cover.png -map 0:a -map 1:v -disposition:v attached_pic -c:v copy"
    path = encoded(tune, tmp_path / "x.flac", *cover.split())
    assert abs(decode(path).seconds - 2) < 0.1
    path.write_bytes(path.read_bytes()[:-10_000])
    assert "its header states 2.0 s" in decode(path).remarks[0]


# Fidelity -----------------------------------------------------------------------------------------


def test_nothing_above_8_khz_is_folded_back(tmp_path):
    loud = tone(12_000, rate=48_000, loudness=0.9)
    heard = decode(write_wav(tmp_path / "x.wav", [*loud, *tone(440, 0.5, 48_000)], 48_000))
    assert level(heard.samples[: 2 * SAMPLE_RATE]) < level(loud) * 10 ** (-50 / 20)


@pytest.mark.parametrize("channels", [1, 2])
def test_mixing_down_changes_no_loudness(tmp_path, channels):
    sound = tone(440, loudness=0.9)
    clip = decode(write_wav(tmp_path / "x.wav", np.stack([sound] * channels, axis=1)))
    assert level(clip.samples) == pytest.approx(level(sound), rel=1e-3)


def test_the_same_sound_has_the_same_digest_whatever_the_file(tune, tmp_path):
    flac, quieter = tmp_path / "x.flac", tmp_path / "y.flac"
    assert decode(encoded(tune, flac)).digest == decode(tune).digest
    assert decode(encoded(tune, quieter, "-af", "volume=0.9")).digest != decode(tune).digest


def test_a_clip_made_of_chunks_is_the_same_clip():
    pcm = np.random.default_rng(0).integers(-32768, 32768, 50_000).astype("<i2")
    whole, chunks = Clip.of(pcm), [pcm[:7], pcm[7:40_000], pcm[40_000:]]
    joined = Clip.of_chunks(chunks)
    assert joined.digest == whole.digest and (joined.pcm() == pcm).all() and not chunks


def test_the_first_seconds_can_be_had_alone(tune):
    first, whole = decode(tune, seconds=0.5), decode(tune)
    assert len(first.samples) == SAMPLE_RATE // 2
    assert np.abs(first.samples - whole.samples[: SAMPLE_RATE // 2]).max() < 1e-3
    assert decode(tune, seconds=30).digest == whole.digest


# Refusals -----------------------------------------------------------------------------------------


def refused(error, source, *words, **options):
    """The sentence with which a source is refused: it names the file and never its folder."""
    with pytest.raises(error) as caught:
        decode(source, **options)
    sentence = str(caught.value)
    assert type(caught.value) is error and sentence.endswith(".")
    assert "/" not in sentence and "fd:" not in sentence
    for word in words:
        assert word in sentence
    return sentence


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    refused(errors.Empty, tmp_path / "none.wav", "There is no file none.wav")
    refused(errors.Empty, "a\0b.wav", "a?b.wav")
    refused(errors.Empty, "", "There is no file")


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    refused(errors.Empty, path, "empty.wav is empty")
    refused(errors.Empty, b"", "This recording")
    refused(errors.Empty, b"", "voice.webm", name="voice.webm")


def test_a_file_without_a_sample_is_empty(tmp_path):
    refused(errors.Empty, write_wav(tmp_path / "x.wav", []), "holds no sound")


def test_a_video_without_sound_has_no_audio_track(tmp_path):
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=1", tmp_path / "x.mp4")
    refused(errors.Empty, tmp_path / "x.mp4", "no audio track")


CONTENTS = {
    "text": ("Ein Gedicht über Bären.\n" * 300).encode(),
    "text (UTF-16)": ("Ein Gedicht über Bären.\r\n" * 300).encode("utf-16"),
    "text (UTF-16, big)": b"\xfe\xff" + ("熊についての詩。\n" * 300).encode("utf-16-be"),
    "text (UTF-16, no mark)": ("Ein Gedicht über Bären.\r\n" * 300).encode("utf-16-le"),
    "text (UTF-16, big, no mark)": ("Ein Gedicht über Bären.\r\n" * 300).encode("utf-16-be"),
    "text (UTF-32)": ("Ein Gedicht über Bären.\r\n" * 300).encode("utf-32"),
    "text (Latin-1)": ("Ein Gedicht über Bären.\r\n" * 300).encode("latin-1"),
    "text (Windows)": ("„Ein Gedicht“ – über Bären.\r\n" * 300).encode("cp1252"),
    "text (short)": "Bären".encode("latin-1"),
    "playlist (UTF-16)": "#EXTM3U\r\n#EXTINF:2,\r\ntune.wav\r\n".encode("utf-16"),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "WebP": b"RIFF\x24\0\0\0WEBPVP8 ",
    "zip": b"PK\x03\x04\x14\0\0\0",
    "gzip": b"\x1f\x8b\x08\0",
    "MIDI": b"MThd\0\0\0\x06",
    "playlist": b"#EXTM3U\n#EXTINF:2,\ntune.wav\n",
}


@pytest.mark.parametrize("what", CONTENTS)
def test_other_content_is_named_whatever_the_extension(tmp_path, what):
    path = tmp_path / "song.wav"
    path.write_bytes(CONTENTS[what])
    refused(errors.Mislabelled, path, "song.wav is not sound but", what.split(" (")[0])


def test_noise_is_unreadable():
    for seed in range(5):
        noise = np.random.default_rng(seed).bytes(100_000)
        refused(errors.Unreadable, noise, "x.wav is damaged, or in a format", name="x.wav")


def test_a_damaged_header_is_unreadable(tune):
    whole = tune.read_bytes()
    refused(errors.Unreadable, whole[:12] + b"\xff" * 40 + whole[52:])


@pytest.mark.parametrize("loudest", [0, 2])
def test_a_muted_microphone_is_silent(tmp_path, loudest):
    hiss = np.random.default_rng(0).integers(-loudest, loudest + 1, SAMPLE_RATE) / 32767
    path = write_wav(tmp_path / "x.wav", hiss, SAMPLE_RATE)
    refused(errors.Silent, path, "x.wav is silent", "microphone")


def test_a_quiet_beginning_is_not_silence(tmp_path):
    path = write_wav(tmp_path / "x.wav", [*np.zeros(SAMPLE_RATE), *tone(440)], SAMPLE_RATE)
    assert decode(path, seconds=0.5).seconds == 0.5


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "start.m4a", "x.mka", "x.au"])
def test_of_a_file_that_was_cut_off_is_heard_what_is_there(tune, tmp_path, name):
    options = ["-movflags", "+faststart"] if name == "start.m4a" else []
    path = encoded(tune, tmp_path / name, *options)
    assert decode(path).remarks == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    clip = decode(path)
    assert 0.5 < clip.seconds < 1.4 and abs(pitch(clip) - 440) < 2
    assert clip.remarks[0].startswith(f"{name} ends after {clip.seconds:.1f} s; its header states")


def test_a_truncated_video_is_told(tune, tmp_path):
    picture = "-f lavfi -i testsrc=s=64x64:r=5:d=2 -c:v mpeg4 -movflags +faststart".split()
    path = encoded(tune, tmp_path / "x.mp4", *picture)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    clip = decode(path)
    assert 0.2 < clip.seconds < 1.8 and "was cut off" in clip.remarks[0]


def test_the_beginning_of_a_truncated_file_can_be_heard(tune, tmp_path):
    path = encoded(tune, tmp_path / "x.flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert decode(path, seconds=0.5).seconds == 0.5


@pytest.mark.parametrize("stated", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF])
def test_a_streamed_wav_of_unknown_size_is_whole(tune, tmp_path, stated):
    whole = tune.read_bytes()
    size = struct.pack("<I", stated)
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF" + size + whole[8:40] + size + whole[44:])
    assert decode(path).digest == decode(tune).digest


def test_a_recording_of_a_blink_is_refused(tmp_path):
    path = write_wav(tmp_path / "x.wav", tone(440, 0.05))
    refused(errors.Empty, path, "x.wav lasts 0.050 s")
    assert decode(write_wav(path, tone(440, 0.11))).seconds == pytest.approx(0.11, abs=1e-3)


def test_more_minutes_than_the_limit_stop_the_decoder(tmp_path):
    path = write_wav(tmp_path / "x.wav", tone(440), SAMPLE_RATE)
    with path.open("r+b") as file:
        file.seek(4)
        file.write(b"\xff" * 4)
        file.seek(40)
        file.write(b"\xff" * 4)
        file.truncate(1_900_000_000)  # sixteen hours, and no room on the disk
    refused(errors.TooLarge, path, "x.wav is longer than 0.5 minutes", limits=Limits(seconds=30))
    assert decode(path, seconds=20, limits=Limits(seconds=30)).seconds == 20


def test_more_bytes_than_the_limit_are_not_read(tune):
    sentence = "tune.wav has 0 MB; the limit is 0 MB"
    refused(errors.TooLarge, tune, sentence, limits=Limits(size=1000))
    refused(errors.TooLarge, tune.read_bytes(), limits=Limits(size=1000))


def test_limits_and_lengths_refuse_nonsense(tune):
    for make in (
        lambda: Limits(seconds=0),
        lambda: Limits(size=0),
        lambda: decode(tune, seconds=0),
    ):
        with pytest.raises(ValueError, match="at least"):
            make()


def test_only_files_are_opened(tmp_path):
    refused(errors.Unreadable, tmp_path, "is a folder")
    refused(errors.Empty, tmp_path / "none" / "x.wav", "There is no file x.wav")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        refused(errors.Unreadable, tmp_path / "pipe.wav", "a device or a pipe")
        refused(errors.Unreadable, "/dev/zero", "a device or a pipe")


# Names and playlists ------------------------------------------------------------------------------

ODD = "two words.wav,-i.wav,-y,файл 狗.wav,file:x.wav,http:x.wav,concat:a|b.wav,%03d.wav,a'b\".wav"


@pytest.mark.parametrize("name", ODD.split(","))
def test_no_name_becomes_an_option_or_an_address(tune, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    refused(errors.Empty, name, "There is no file")
    Path(name).write_bytes(tune.read_bytes())
    assert decode(name).digest == decode(tune).digest


def test_an_undecodable_name_is_readable_in_the_sentence(tmp_path):
    refused(errors.Empty, os.fsencode(tmp_path).decode() + "/a\udcff\n.wav", ".wav")


@pytest.mark.parametrize("hidden", [b"", b"\0"])
@pytest.mark.parametrize(
    "list_of",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>',
    ],
)
def test_a_playlist_opens_no_other_file(tune, tmp_path, list_of, hidden):
    path = tune.parent / "list.m3u8"  # beside the tune; a NUL hides that it is text
    for target in ("tune.wav", str(tune), f"file:{tune}", "fd:"):
        path.write_bytes(list_of.format(target).encode() + hidden)
        refused(errors.Unreadable if hidden else errors.Mislabelled, path)


# Cutting and writing ------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_writing_and_reading_keep_the_digest(tune, tmp_path, format):
    clip = decode(tune)
    export(clip, tmp_path / f"-a b.{format}", format)
    assert decode(tmp_path / f"-a b.{format}").digest == clip.digest
    buffer = io.BytesIO()
    export(clip, buffer, format)
    assert decode(buffer.getvalue()).digest == clip.digest


@pytest.mark.parametrize("format", ["mp3", "ogg"])
def test_small_formats_keep_the_tune(tune, tmp_path, format):
    export(decode(tune), tmp_path / f"x.{format}", format)
    clip = decode(tmp_path / f"x.{format}")
    assert abs(pitch(clip) - 440) < 2 and abs(clip.seconds - 2) < 0.1


def test_other_formats_are_refused(tune, tmp_path):
    with pytest.raises(ValueError, match="format is one of wav, flac, mp3, ogg; got 'exe'"):
        export(decode(tune), tmp_path / "x.exe", "exe")


def test_a_part_is_exactly_those_samples(tune):
    clip = decode(tune)
    part = cut(clip, 0.25001, 1.5)
    assert (part.samples == clip.samples[4000:24_000]).all()
    assert cut(clip, 0, 99).digest == clip.digest


@pytest.mark.parametrize("start, end", [(-1, 1), (1, 1), (1.5, 1), (2, 3), (float("nan"), 1)])
def test_an_impossible_part_is_refused(tune, start, end):
    with pytest.raises(ValueError, match="a part starts in the clip"):
        cut(decode(tune), start, end)


def test_no_installed_ffmpeg_is_needed_and_pydub_warns_of_nothing(tune, tmp_path):
    code = """
        import sys
        from model.audio import decode, export
        clip = decode(sys.argv[1])
        export(clip, sys.argv[2], "flac")
        assert decode(sys.argv[2]).digest == clip.digest
    """
    words = [sys.executable, "-W", "error", "-c", re.sub(r"^ {8}", "", code, flags=re.M)]
    done = subprocess.run(
        [*words, tune, tmp_path / "x.flac"],
        cwd=ROOT,
        env=os.environ | {"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_a_missing_program_is_told_where_it_is_needed(tune, tmp_path, monkeypatch):
    clip = decode(tune)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    for needs_it in (lambda: decode(tune), lambda: export(clip, tmp_path / "x.mp3", "mp3")):
        with pytest.raises(errors.Unplayable, match="--force-reinstall imageio-ffmpeg"):
            needs_it()
    export(cut(clip, 0, 1), tmp_path / "x.wav")
