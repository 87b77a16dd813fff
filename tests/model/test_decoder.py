"""The ffmpeg program on files that somebody made up: what it may open, take and say."""

import http.server
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest

from model import audio, decoder, errors
from model.audio import Limits, decode
from model.spec import SAMPLE_RATE

MONO = decoder.mono(0)


def made(path, *options):
    command = [decoder.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, options), str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def tune(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune") / "tune.wav"
    return made(path, "-f", "lavfi", "-i", "sine=440:d=2", "-ac", 1, "-ar", SAMPLE_RATE)


@pytest.fixture
def asked():
    """An address of this machine, and what was fetched from it."""
    fetched = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", fetched
        server.shutdown()


LISTS = {  # formats that open what they name, each with a first line that hides it is text
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1"><BaseURL>{url}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "image2": "{url}",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("scheme", ["http://{host}/x.wav", "file:{tune}", "{tune}"])
def test_no_list_is_followed_even_where_its_format_is_named(asked, tune, tmp_path, kind, scheme):
    host, fetched = asked
    path = tmp_path / "list"
    path.write_text(LISTS[kind].format(url=scheme.format(host=host, tune=tune)))
    options = ("-f", kind)
    with path.open("rb") as file, decoder.started(file, 1000, MONO, options=options) as program:
        assert list(program.chunks()) == []
        log = program.log()
    assert log.status and "whitelist" in log.text and fetched == []


@pytest.mark.parametrize("target", ["http://{host}/x.wav", "tcp://{host}", "file:{tune}"])
def test_no_protocol_opens_what_a_file_names(asked, tune, tmp_path, monkeypatch, target):
    """Not even through a list whose format were allowed, which asks whether names are safe."""
    monkeypatch.setattr(decoder, "FORMATS", (*decoder.FORMATS, "concat", "hls"))
    host, fetched = asked
    path = tmp_path / "list"
    path.write_text(LISTS["concat"].format(url=target.format(host=host, tune=tune)))
    options = ("-f", "concat", "-safe", "0")
    with path.open("rb") as file, decoder.started(file, 1000, MONO, options=options) as program:
        assert list(program.chunks()) == []
        log = program.log()
    assert fetched == [] and "not on whitelist 'fd,pipe'" in log.text


def test_a_video_is_heard_and_its_picture_never_decoded(tmp_path):
    video = ["-f", "lavfi", "-i", "testsrc=s=64x64:d=2", "-f", "lavfi", "-i", "sine=440:d=2"]
    path = made(tmp_path / "x.mp4", *video, "-c:v", "libx264")
    with path.open("rb") as file, decoder.started(file, 1000, decoder.mono(1)) as program:
        assert sum(map(len, program.chunks())) > SAMPLE_RATE
        log = program.log()
    assert log.status == 0 and "h264" not in log.text.split("Stream mapping:")[1]


def test_what_reads_no_sound_of_people_is_not_there():
    """Of nearly 400 formats and codecs those that people have; none of these."""
    formats = {"hls", "dash", "concat", "sdp", "rtsp", "sap", "image2", "imf", "lavfi", "libgme"}
    formats |= {"webm_dash_manifest", "vobsub", "mpjpeg", "libopenmpt", "avisynth", "data"}
    formats |= {"applehttp", "rtp", "image2pipe", "mlv", "ffmetadata", "tedcaptions", "gif", "svs"}
    assert not formats & set(decoder.FORMATS)
    assert not {"h264", "hevc", "png", "mjpeg", "svg", "ass", "vp9", "av1"} & set(decoder.CODECS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process that runs")
def test_the_program_is_bounded_while_it_runs(tune):
    with tune.open("rb") as file, decoder.started(file, 1000, MONO) as program:
        pid = program._process.pid
        with open(f"/proc/{pid}/limits") as limits:
            said = {line[:25].strip(): line[26:].split()[0] for line in limits}
        list(program.chunks())
    assert said["Max address space"] == str(decoder.MEMORY)
    assert said["Max file size"] == str(decoder.LARGEST_LOG)
    assert int(said["Max cpu time"]) <= decoder.QUICK + 1
    assert said["Max core file size"] == "0" and said["Max open files"] == "16"


def silence(path, seconds, rate=SAMPLE_RATE):
    return made(path, "-f", "lavfi", "-i", f"anullsrc=r={rate}:cl=mono", "-t", seconds)


@pytest.mark.parametrize("stated", ["true", "none", "placeholder"])
def test_a_bomb_is_stopped_at_the_limit_whatever_it_says(tmp_path, stated):
    path, told = silence(tmp_path / "x.flac", 4000), []
    whole = bytearray(path.read_bytes())
    assert len(whole) < 2_000_000
    if stated != "true":
        length = b"\0" * 4 if stated == "none" else b"\xff" * 4
        whole[21:26] = bytes([whole[21] & 0xF0 | length[0] & 0x0F]) + length
    with pytest.raises(errors.TooLarge, match="longer than 1 minutes"):
        decode(bytes(whole), limits=Limits(seconds=60), progress=told.append)
    assert told and max(told) < 60 + 17


def test_a_file_that_takes_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "QUICK", 1)
    monkeypatch.setattr(decoder, "SLOW", 0)
    path = made(tmp_path / "x.flac", "-f", "lavfi", "-i", "anullsrc=r=192000:cl=7.1", "-t", 600)
    with pytest.raises(errors.TooLarge, match="takes longer to read than any"):
        decode(path)


def stand_in(monkeypatch, path, command):
    """A program in ffmpeg's place."""
    path.write_text(f"#!/bin/sh\nexec {command}\n")
    path.chmod(0o700)
    monkeypatch.setattr(decoder, "ffmpeg", lambda: str(path))


def test_a_program_that_stands_still_is_ended(tune, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path / "stuck", "sleep 600")
    monkeypatch.setattr(decoder, "BUSY", 0.05)
    with pytest.raises(errors.TooLarge, match="takes longer"):
        decode(tune)


def test_what_it_says_is_bounded(tune, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path / "talks", "yes 'no sound here' >&2")
    with pytest.raises(errors.Unplayable):
        decode(tune)


def test_a_closed_reader_leaves_no_program(tune):
    with tune.open("rb") as file, pytest.raises(KeyError):
        with decoder.started(file, 1000) as program:
            raise KeyError
    assert program._process.poll() is not None


def test_a_picture_of_any_size_within_a_sound_costs_nothing(tune, tmp_path):
    """A cover of 30,000 × 30,000 pixels is 2.7 GB once it is drawn."""
    rows = zlib.compress(bytes(1 + 30_000 * 3) * 100, 9)

    def block(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = block(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + block(b"IDAT", rows) + block(b"IEND", b"")
    mp3 = made(tmp_path / "x.mp3", "-i", tune, "-id3v2_version", 0).read_bytes()
    body = b"\0image/png\0\3\0" + png
    frame = b"APIC" + struct.pack(">IH", len(body), 0) + body
    size = bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0))
    clip = decode(b"ID3\3\0\0" + size + frame + mp3)
    assert abs(clip.seconds - 2) < 0.1 and np.abs(clip.samples).max() > 0.1


def test_a_long_name_is_shortened_in_the_sentence():
    with pytest.raises(errors.Empty) as refused:
        decode(b"", name="a" * 10_000)
    assert len(str(refused.value)) < 200 and audio.LONGEST_NAME < 200
