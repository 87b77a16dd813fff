"""Microphones of this machine: a virtual one where there is none, reached through PortAudio."""

import subprocess
import sys
import textwrap
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from app import microphone
from app.ear import Ear, Pause
from app.microphone import Lost, Microphone, NoMicrophone, Playing
from app.recorder import Recordings
from app.utterance import Hearing
from benchmarks.virtual import RATE
from model import audio
from model.machine import PACKAGED
from model.messages import Clip
from model.resample import Resampler
from model.spec import SAMPLE_RATE

ROOT = Path(__file__).parents[2]
SPOKEN = PACKAGED.parent / "sample" / "vm-theperson.g722"  # two seconds
QUIET = np.zeros(SAMPLE_RATE, np.int16)  # a second
FULL = 32768


@pytest.fixture
def recordings(tmp_path):
    recordings = Recordings(tmp_path)
    yield recordings
    recordings.close()


@pytest.fixture
def spoken(tmp_path):
    """Someone speaks after a second, at the virtual microphone's own rate."""
    said = audio.decode(SPOKEN).pcm()
    heard = Resampler(SAMPLE_RATE, RATE).hear(
        np.concatenate([QUIET, said, QUIET]) / np.float32(FULL)
    )
    path = tmp_path / "spoken.wav"
    write(path, (heard * FULL).astype(np.int16))
    return path


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def read(path):
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples.astype(np.float32)


def test_devices_have_names_a_person_recognises_and_are_chosen_by_them(virtual):
    module = virtual.plug_in("usb", "USB headset")
    try:
        found = microphone.devices()
        assert [(one.name, one.is_default) for one in found] == [
            ("Virtual microphone", True),
            ("USB headset", False),
        ]
        assert microphone.choose().name == microphone.choose("1").name == "Virtual microphone"
        assert microphone.choose("2").name == microphone.choose("usb").name == "USB headset"
        with pytest.raises(NoMicrophone, match="no microphone “Yeti” here.*Virtual microphone, US"):
            microphone.choose("Yeti")
    finally:
        virtual.unplug(module)


def test_what_is_played_is_what_is_recorded(virtual, recordings, spoken):
    ear = Ear(Microphone(microphone.choose()), recordings)
    ear.begin()
    until(lambda: ear.seconds > 0)
    time.sleep(virtual.play(spoken) + 0.3)
    take = ear.close()
    assert ear.source.dropped == 0 and ear.trouble == ""
    played, heard = read(spoken), read(take.settled())  # at the device's own rate
    at = shift(played, heard)
    same = heard[at : at + len(played)]
    assert len(same) == len(played)
    assert np.corrcoef(same, played)[0, 1] > 0.99


@pytest.mark.parametrize("signs", [(1, -1), (0, 1), (1, 1)])
def test_a_device_with_two_channels_loses_no_voice(virtual, recordings, spoken, signs, tmp_path):
    sink = "sink_name=pair rate=48000 channels=2 format=s16le"
    modules = [virtual.do("pactl", "load-module", "module-null-sink", *sink.split())]
    about = "source_properties=device.description=Pair"
    words = ["module-remap-source", "master=pair.monitor", "source_name=two", "channels=2", about]
    try:
        modules.append(virtual.do("pactl", "load-module", *words))
        both = np.stack([sign * read(spoken) for sign in signs], axis=1).astype(np.int16)
        with wave.open(str(tmp_path / "pair.wav"), "wb") as file:
            file.setparams((2, 2, RATE, 0, "NONE", ""))
            file.writeframes(both.tobytes())
        ear = Ear(Microphone(microphone.choose("Pair")), recordings)
        ear.begin()
        until(lambda: ear.seconds > 0)
        time.sleep(virtual.play(tmp_path / "pair.wav", "pair") + 0.3)
        played, heard = read(spoken), read(ear.close().settled())
    finally:
        for module in reversed(modules):
            virtual.unplug(module)
    at = shift(played, heard)
    same = heard[at : at + len(played)]
    assert len(same) == len(played) and np.corrcoef(same, played)[0, 1] > 0.98
    assert np.abs(same).max() > 0.5 * np.abs(played).max()


def shift(played, heard):
    """Where in the second the first begins, in samples."""
    size = 1 << (len(played) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(heard)]))


def test_speech_is_cut_out_by_itself(virtual, recordings, spoken):
    ear = Ear(Microphone(microphone.choose()), recordings, hearing=Hearing(silence=0.5))
    until(lambda: ear.meter.n_peaks > 0)
    virtual.play(spoken)
    *pauses, heard = until_heard(ear)
    ear.close()
    assert isinstance(pauses[-1], Pause) and pauses[-1].id == heard.take.id
    assert pauses[-1].seconds == heard.take.seconds
    assert heard.spoken and not heard.trouble
    speech, cut = read(spoken)[RATE:-RATE], read(heard.take.settled())
    at = shift(speech, cut)
    assert 0.1 * RATE < at < RATE  # something before it, and nothing of it missing
    assert at + len(speech) <= len(cut) + 0.2 * RATE
    assert np.corrcoef(cut[at : at + len(speech)], speech[: len(cut) - at])[0, 1] > 0.99


def until_heard(ear):
    """What comes from an ear, up to a whole recording."""
    found = []
    while not found or isinstance(found[-1], Pause):
        found.append(ear.heard.get(timeout=20))
    return found


def test_unplugging_ends_a_recording_with_a_sentence_and_keeps_it(virtual, recordings):
    module = virtual.plug_in("usb", "USB headset")
    ear = Ear(Microphone(microphone.choose("USB")), recordings)
    ear.begin()
    until(lambda: ear.seconds > 0.5)
    virtual.unplug(module)
    heard = ear.heard.get(timeout=10)
    assert heard.trouble == ear.trouble and "USB headset gives no more sound" in ear.trouble
    with pytest.raises(NoMicrophone, match="USB headset is no longer there"):
        Microphone(ear.source.device)
    assert len(read(heard.take.settled())) > RATE / 2


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_closing_ends_the_wait_for_sound(virtual):
    ear = Microphone(microphone.choose())
    heard = []
    thread = threading.Thread(target=lambda: heard.extend(ear.blocks()))
    thread.start()
    until(lambda: len(heard) > 3)
    ear.close()
    thread.join(1)
    assert not thread.is_alive()


def test_a_clip_is_played_through_the_loudspeakers(virtual, recordings):
    virtual.do("pactl", "set-default-sink", "room")
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    clip = Clip.of((9000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16))
    ear = Ear(Microphone(microphone.choose()), recordings)
    ear.begin()
    until(lambda: ear.seconds > 0)
    playing = Playing(clip, 0.2, 0.9)
    assert playing.over.wait(10)
    playing.stop()
    until(lambda: ear.meter.level < 1e-3)
    heard = audio.decode(ear.close().settled()).samples
    loud = np.flatnonzero(np.abs(heard) > 0.05)
    assert (loud[-1] - loud[0]) / SAMPLE_RATE == pytest.approx(0.7, abs=0.05)
    assert np.abs(np.fft.rfft(heard)).argmax() / len(heard) * SAMPLE_RATE == pytest.approx(
        440, 0.01
    )


def told(tmp_path, code):
    """What listing microphones says where the package sounddevice is this."""
    (tmp_path / "sounddevice.py").write_text(textwrap.dedent(code))
    asked = "from app import microphone\ntry: microphone.choose()\nexcept Exception as e: print(e)"
    run = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{asked}"]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_a_missing_portaudio_is_a_sentence_with_its_remedy(tmp_path):
    said = told(tmp_path, "raise OSError('PortAudio library not found')")
    assert "PortAudio library is missing" in said and "install" in said


ALONE = """
class PortAudioError(Exception): pass
def _terminate(): pass
_initialize = _terminate
def query_devices(device=None, kind=None):
    if kind: raise PortAudioError("Error querying device -1")
    return []
"""


def test_no_microphone_is_a_sentence_with_its_remedy(tmp_path):
    assert "This machine has no microphone. Plug one in" in told(tmp_path, ALONE)


@pytest.mark.parametrize(
    "error, said",
    [
        ((-9985,), "in use by another program"),
        ((-9999, (0, -16, "Device or resource busy")), "in use by another program"),
        ((-9999, (0, -13, "Permission denied")), "may not be used: "),
        ((-9996,), "is no longer there"),
        ((-9986,), "Desk cannot be used: Internal"),
    ],
)
def test_each_refusal_of_portaudio_is_a_sentence(error, said):
    device = microphone.Device("Desk", 0)
    ear = Microphone.__new__(Microphone)
    ear.device, ear.name = device, device.name
    assert said in ear._refusal(Exception("Internal", *error))


def test_a_device_that_falls_silent_is_lost(monkeypatch):
    monkeypatch.setattr(microphone, "FIRST_SECONDS", 0.05)
    ear = Microphone.__new__(Microphone)
    ear.name, ear._is_closed = "Desk", False
    ear._blocks = microphone.queue.SimpleQueue()
    with pytest.raises(Lost, match="Desk gives no more sound"):
        next(ear.blocks())
