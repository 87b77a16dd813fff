"""Recordings on the disk: whole when they are finished, and nearly so when they were not."""

import os
import shutil
import signal
import subprocess
import sys
import wave
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from app import recorder
from app.recorder import Ended, Recordings
from model import audio
from model.errors import NoRoom

ROOT = Path(__file__).parents[2]
RATE = 48_000
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def recordings(tmp_path):
    recordings = Recordings(tmp_path)
    yield recordings
    recordings.close()


def sound(seconds, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (9000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def test_a_finished_recording_is_a_wav_of_what_was_heard(recordings):
    recording = recordings.begin(RATE, "Desk")
    heard = sound(1.3)
    for block in np.array_split(heard, 40):
        recording.write(block)
    take = recording.finish()
    assert (take.name, take.seconds) == ("Desk", pytest.approx(1.3))
    with wave.open(str(take.settled())) as file:
        assert file.getparams()[:4] == (1, 2, RATE, len(heard))
        assert file.readframes(len(heard)) == heard.tobytes()
    assert audio.decode(take.settled()).seconds == pytest.approx(1.3, abs=0.01)


def test_while_it_grows_it_can_be_read_already(recordings):
    recording = recordings.begin(RATE, "Desk")
    recording.write(sound(0.7))
    assert audio.decode(recording.path).seconds == pytest.approx(0.7, abs=0.01)
    recording.finish()


def test_a_recording_that_goes_on_is_not_left_over_and_a_finished_one_is_its_owners(recordings):
    recording = recordings.begin(RATE, "Desk")
    recording.write(sound(0.7))
    other = Recordings(recordings.folder.parent)
    assert other.leftovers() == recordings.leftovers() == []
    recording.finish()
    assert other.leftovers() == []


KILLED = """
import sys, time
import numpy as np
from app.recorder import Recordings
recording = Recordings(sys.argv[1]).begin(48_000, "Desk")
for i in range(10_000):
    recording.write(np.full(960, i, np.int16))
    if i == 30:
        recording.mark()
    print(recording.n_samples, flush=True)
    time.sleep(0.002)
"""


def test_a_killed_process_loses_nothing_that_it_wrote(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        written = 0
        while written < 2 * RATE:
            written = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        written = max([written, *map(int, process.stdout.read().split())])
    recordings = Recordings(tmp_path)
    (take,) = recordings.leftovers()
    assert 0 <= take.seconds - written / RATE <= 0.021  # it may have been killed before it said so
    assert take.name == "Desk" and take.marks == (0.62,)
    with wave.open(str(take.settled())) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert (samples == np.arange(len(samples)) // 960).all()
    take.discard()
    assert recordings.leftovers() == [] and os.listdir(recordings.folder) == ["writers"]


def test_half_a_sample_and_a_note_that_is_gone_are_no_hindrance(recordings):
    recording = recordings.begin(RATE, "Desk")
    recording.write(sound(0.5))
    recording._file.write(b"\1")
    os.remove(recording.path.with_suffix(".json"))
    (take,) = recordings.leftovers()
    assert take.seconds == 0.5
    assert audio.decode(take.settled()).seconds == pytest.approx(0.5, abs=0.01)


def test_what_is_too_short_to_be_heard_is_not_offered(recordings):
    recordings.folder.mkdir()
    (recordings.folder / "click.wav").write_bytes(b"RIFF")
    assert recordings.leftovers() == [] and not list(recordings.folder.glob("*"))


def test_a_disk_that_fills_up_ends_a_recording_and_keeps_it(recordings, monkeypatch):
    recording = recordings.begin(RATE, "Desk")
    monkeypatch.setattr(recorder, "LOOK_SECONDS", 0)
    recording.write(sound(0.5))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(1e12, 1e12 - 5e7, 5e7))
    with pytest.raises(Ended, match="nearly full .50 MB free.*is kept"):
        recording.write(sound(0.5))
    assert audio.decode(recording.finish().settled()).seconds == pytest.approx(1, abs=0.01)
    with pytest.raises(NoRoom, match="only 50 MB free"):
        recordings.begin(RATE, "Desk")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_refuses_is_a_sentence(recordings):
    recording = recordings.begin(RATE, "Desk")
    recording.write(sound(0.5))
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), recording._file.fileno())
        with pytest.raises(Ended, match="No space left on device.*is kept"):
            recording.write(sound(0.5))
    recording.finish()


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "recordings").write_text("")
    with pytest.raises(NoRoom, match="Nothing can be recorded"):
        Recordings(tmp_path).begin(RATE, "Desk")


def test_a_recording_ends_where_nothing_longer_could_be_taken_in(recordings, monkeypatch):
    monkeypatch.setattr(recorder, "LONGEST", 1.0)
    recording = recordings.begin(RATE, "Desk")
    recording.write(sound(0.9))
    with pytest.raises(Ended, match="at most: it was ended, and is kept"):
        recording.write(sound(0.2))
    assert recording.finish().seconds == pytest.approx(1.1)


def test_three_hours_take_no_more_memory_than_a_minute(recordings, monkeypatch):
    import psutil

    recording, block = recordings.begin(RATE, "Desk"), sound(1)
    monkeypatch.setattr(os, "fsync", lambda number: None)  # the disk's time is not the question
    held = []
    for second in range(3 * 3600 - 1):
        recording.write(block)
        if second % 1800 == 60:
            held.append(psutil.Process().memory_info().rss)
            recording._file.truncate(44)  # a gigabyte need not stand on the disk
            recording._file.seek(44)
    assert max(held) - held[0] < 20e6
    assert recording.seconds == 3 * 3600 - 1
    recording._file.close()
