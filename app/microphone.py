"""The microphones and loudspeakers of this machine, through PortAudio: which there are, their sound
as it comes, and sound out. Keeps nothing (app/recorder.py does). What goes wrong is a sentence.
"""

import json
import os
import platform
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from model.errors import EarshotError
from model.messages import Clip
from model.mixdown import LiveMix
from model.resample import Resampler
from model.spec import SAMPLE_RATE

BLOCK_SECONDS = 0.02
BUFFER_SECONDS = 0.2  # how long this program may be busy before sound is lost
FIRST_SECONDS = 5.0  # a sleeping device may take so long to give its first sound
LOST_SECONDS = 4.0  # … and one that ran has gone when it gives none for so long
WAITING_SECONDS = 60  # of sound that may wait here to be taken
MOST_CHANNELS = 32  # of a device; one with more is a program's, which makes as many as asked for
DEFAULT = "default"  # PortAudio's name for what the system has chosen
# ALSA's own plumbing, which it lists beside the devices
PLUMBING = re.compile(
    r"(sysdefault|front|rear|center_lfe|side|surround\d+|iec958|spdif|hdmi|dmix|dsnoop|lavrate|"
    r"samplerate|speexrate|jack|oss|speex|upmix|vdownmix|usbstream|null|pulse|pipewire)\b.*"
)
# PortAudio's error codes
UNANTICIPATED, NO_CHANNELS, NO_DEVICE, BUSY = -9999, -9998, -9996, -9985
ALSA_CODES = {
    -16: BUSY,
    -13: "refused",
    -1: "refused",
    -19: NO_DEVICE,
    -2: NO_DEVICE,
    -6: NO_DEVICE,
}

INSTALL_PORTAUDIO = {
    "Linux": "sudo apt install libportaudio2 (Fedora: sudo dnf install portaudio), start again",
    "Darwin": "pip install --force-reinstall sounddevice (or: brew install portaudio)",
    "Windows": "pip install --force-reinstall sounddevice",
}
FIND_MICROPHONE = {
    "Linux": "Plug one in and look with arecord -l; in a container, give it /dev/snd",
    "Darwin": "Plug one in, and allow it under System Settings, Privacy & Security, Microphone, "
    "for the terminal in which Earshot runs",
    "Windows": "Plug one in, and allow it under Settings, Privacy & security, Microphone, "
    "'Let desktop apps access your microphone'",
}
ALLOW = {
    "Linux": "add yourself to the group audio (sudo usermod -aG audio $USER) and log in again",
    "Darwin": "allow it under System Settings, Privacy & Security, Microphone",
    "Windows": "allow it under Settings, Privacy & security, Microphone",
}
NO_PORTAUDIO = (
    "The PortAudio library is missing, so this machine's microphone is out of reach. {remedy}."
)
NOT_STARTED = "The sound of this machine does not start: {why}. {remedy}."
NONE = "This machine has no microphone. {remedy}."
UNKNOWN = "There is no microphone “{name}” here. There is: {names}."
HELD = "{name} is in use by another program: close that, or choose another microphone."
NOT_ALLOWED = "{name} may not be used: {remedy}."
VANISHED = "{name} is no longer there: plug it in again, or choose another microphone."
STOPPED = (
    "{name} gives no more sound: it was unplugged or changed. What was recorded until then is kept."
)
TROUBLE = "{name} cannot be used: {why}."
MUTE = "{name} gives only silence: it is muted, or this program is not allowed to hear it."


class NoMicrophone(EarshotError):
    """There is none, or it cannot be used; the sentence says why."""


class Lost(NoMicrophone):
    """A microphone stopped while it was heard."""


@dataclass(frozen=True)
class Device:
    """A microphone, by the name a person knows it by."""

    name: str
    index: int  # PortAudio's
    source: str = ""  # of the sound server, where there is one that knows the real names
    rate: int = 0  # of its samples; 0: as PortAudio says
    channels: int = 0  # 0: as PortAudio says
    is_default: bool = False


def devices() -> list[Device]:
    """The microphones there are now, the system's choice first."""
    sounddevice = _portaudio()
    _look_again(sounddevice)
    try:
        listed = list(enumerate(sounddevice.query_devices()))
        usual = sounddevice.query_devices(kind="input")
    except sounddevice.PortAudioError as error:
        if error.args[1:2] == (-1,) or "querying device" in str(error).lower():
            return []
        raise NoMicrophone(_sentence(NOT_STARTED, FIND_MICROPHONE, why=_why(error))) from error
    except ValueError:  # no input device at all
        return []
    if served := _served(listed):
        return served
    found = [
        Device(_readable(one["name"]), i, is_default=i == usual["index"])
        for i, one in listed
        if one["max_input_channels"] > 0
        and one["hostapi"] == usual["hostapi"]  # Windows lists each once for each of four
        and not PLUMBING.fullmatch(one["name"])
    ]
    return sorted(found, key=lambda device: not device.is_default)


def choose(wish: str = "") -> Device:
    """The device with this number in the list (from 1), or with this in its name; without a wish
    the system's choice. Raises NoMicrophone."""
    found = devices()
    if not found:
        raise NoMicrophone(_sentence(NONE, FIND_MICROPHONE))
    if not wish:
        return found[0]
    if wish.isdecimal() and 0 < int(wish) <= len(found):
        return found[int(wish) - 1]
    named = [device for device in found if wish.casefold() in device.name.casefold()]
    exact = [device for device in named if device.name == wish]
    if not named:
        names = ", ".join(device.name for device in found)
        raise NoMicrophone(UNKNOWN.format(name=wish, names=names))
    return (exact or named)[0]


class Microphone:
    """One device, being heard from when it is made until it is closed. Mono, at its own rate."""

    _mix: LiveMix | None = None  # of a device with several channels

    def __init__(self, device: Device):
        self.device = device
        self.name = device.name
        self.dropped = 0  # times that sound was lost because this program was too busy
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._most = WAITING_SECONDS / BLOCK_SECONDS
        self._is_closed = False
        self._closing = threading.Lock()
        sounddevice = _portaudio()
        with _opened_from(device.source):
            self._stream = self._opened(sounddevice)
            _streams.add(id(self))
        self.rate = round(self._stream.samplerate)
        stops = self._blocks.put
        self._watch = _Watch(device.source, lambda: stops(None)) if device.source else None

    def _opened(self, sounddevice):
        try:
            about = sounddevice.query_devices(self.device.index)
            channels = self.device.channels or about["max_input_channels"]
            channels = channels if channels <= MOST_CHANNELS else 2
            try:  # all of them: a system that mixes them adds opposite phases to nothing
                return self._start(sounddevice, about, max(1, channels))
            except sounddevice.PortAudioError as error:
                if error.args[1:2] != (NO_CHANNELS,) or channels == 1:
                    raise
                return self._start(sounddevice, about, 1)
        except sounddevice.PortAudioError as error:
            raise NoMicrophone(self._refusal(error)) from error
        except ValueError:  # the index means nothing any more
            raise NoMicrophone(VANISHED.format(name=self.name)) from None

    def _start(self, sounddevice, about: dict, channels: int):
        self._channels = channels
        self._mix = LiveMix(channels) if channels > 1 else None
        rate = self.device.rate or about["default_samplerate"]
        stream = sounddevice.RawInputStream(
            device=self.device.index,
            channels=channels,
            samplerate=rate,
            dtype="int16",
            blocksize=round(BLOCK_SECONDS * rate),
            latency=BUFFER_SECONDS,
            callback=self._heard,
            finished_callback=lambda: self._blocks.put(None),
        )
        try:
            stream.start()
        except BaseException:
            stream.close()
            raise
        return stream

    def _heard(self, block, n: int, time, status) -> None:
        """Called by PortAudio's thread, which must not wait."""
        if status.input_overflow:
            self.dropped += 1
        if self._blocks.qsize() < self._most:
            self._blocks.put(bytes(block))
        else:
            self.dropped += 1

    def blocks(self) -> Iterator[np.ndarray]:
        """(n,) int16, again and again, until it is closed. Raises Lost when the device stops."""
        patience = FIRST_SECONDS
        while not self._is_closed:
            try:
                block = self._blocks.get(timeout=patience)
            except queue.Empty:
                block = None
            if block is None:
                if self._is_closed:
                    break
                raise Lost(STOPPED.format(name=self.name))
            patience = LOST_SECONDS
            yield self._mono(np.frombuffer(block, np.int16))
        if self._mix is not None:
            yield self._mix.end()

    def _mono(self, block: np.ndarray) -> np.ndarray:
        if self._mix is None:
            return block
        return self._mix.hear(block.reshape(-1, self._channels))

    def _refusal(self, error) -> str:
        code = error.args[1] if len(error.args) > 1 else None
        if code == UNANTICIPATED and len(error.args) > 2:
            code = ALSA_CODES.get(error.args[2][1], code)
        if self.device.source and not _is_there(self.device.source):
            code = NO_DEVICE
        if code == BUSY:
            return HELD.format(name=self.name)
        if code == NO_DEVICE:
            return VANISHED.format(name=self.name)
        if code == "refused":
            return _sentence(NOT_ALLOWED, ALLOW, name=self.name)
        return TROUBLE.format(name=self.name, why=_why(error))

    def close(self) -> None:
        """Any thread may, and again."""
        self._is_closed = True
        self._blocks.put(None)
        with self._closing:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._watch is not None:
            self._watch.close()
        _end(stream)
        _streams.discard(id(self))

    def __enter__(self) -> "Microphone":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Watch:
    """Says when a source of the sound server is gone, which would silently give another instead."""

    def __init__(self, source: str, gone: Callable[[], object]):
        self._program = subprocess.Popen(
            ["pactl", "subscribe"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env=_english(),
        )
        threading.Thread(target=self._run, args=(source, gone), daemon=True).start()

    def _run(self, source: str, gone: Callable[[], object]) -> None:
        with self._program.stdout as events:
            for event in events:
                if re.search(r"'remove' on source #", event) and not _is_there(source):
                    return gone()
        if self._program.wait() >= 0:  # not ended by us: the sound server itself is gone
            gone()

    def close(self) -> None:
        self._program.kill()
        self._program.wait()


def _is_there(source: str) -> bool:
    try:
        listed = _pactl("list", "short", "sources")
    except (OSError, subprocess.SubprocessError):
        return False
    return any(line.split("\t")[1:2] == [source] for line in listed.splitlines())


class Playing:
    """A clip, or a stretch of it, going out through the loudspeakers until its end or `stop`."""

    def __init__(self, clip: Clip, start: float = 0.0, end: float | None = None):
        sounddevice = _portaudio()
        stop = len(clip.samples) if end is None else round(end * SAMPLE_RATE)
        self._samples = clip.samples[round(start * SAMPLE_RATE) : stop]
        self._at = 0
        self._after = 0  # samples of silence that followed it
        self._stream = None
        self.over = threading.Event()
        try:
            rate = round(sounddevice.query_devices(kind="output")["default_samplerate"])
            self._rate, self._resampler = rate, Resampler(SAMPLE_RATE, rate)
            self._rest = np.zeros(0, np.float32)
            self._stop = sounddevice.CallbackStop
            with _opened_from(""):
                self._stream = sounddevice.OutputStream(
                    samplerate=rate,
                    channels=1,
                    dtype="float32",
                    latency=BUFFER_SECONDS,
                    callback=self._play,
                    finished_callback=self.over.set,
                )
                _streams.add(id(self))
                self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self.stop()
            raise NoMicrophone(f"Nothing can be played here: {_why(error)}.") from error

    def _play(self, out, n: int, time, status) -> None:
        while len(self._rest) < n and self._at < len(self._samples):
            taken = self._samples[self._at : self._at + n]
            self._at += n
            self._rest = np.concatenate([self._rest, self._resampler.hear(taken)])
        given, self._rest = self._rest[:n], self._rest[n:]
        out[:] = 0
        out[: len(given), 0] = given
        self._after += n - len(given)
        if self._after > 2 * BUFFER_SECONDS * self._rate:  # all of it is really out
            raise self._stop

    def stop(self) -> None:
        if self._stream is not None:
            _end(self._stream)
        self._stream = None
        _streams.discard(id(self))
        self.over.set()


def _portaudio():
    """The package, which finds the library when it is imported."""
    try:
        import sounddevice
    except ImportError:
        raise NoMicrophone("The package sounddevice is missing: pip install sounddevice") from None
    except OSError:
        raise NoMicrophone(_sentence(NO_PORTAUDIO, INSTALL_PORTAUDIO)) from None
    except Exception as error:  # PortAudioError: the sound of this machine does not start
        raise NoMicrophone(_sentence(NOT_STARTED, FIND_MICROPHONE, why=_why(error))) from error
    return sounddevice


# PortAudio is one for the whole process, and so is what we know of it.
_opening = threading.Lock()
_streams: set[int] = set()  # those that are open


def _end(stream) -> None:
    """A stream whose device has gone may never end: it is not waited for."""

    def ended() -> None:
        with suppress(Exception):
            stream.abort()
            stream.close()

    ending = threading.Thread(target=ended, daemon=True)
    ending.start()
    ending.join(LOST_SECONDS)


def _look_again(sounddevice) -> None:
    """PortAudio sees what was plugged in since only when it starts anew, which would end every
    stream: so while none is open."""
    with _opening:
        if not _streams:
            with suppress(sounddevice.PortAudioError):
                sounddevice._terminate()
            sounddevice._initialize()


@contextmanager
def _opened_from(name: str) -> Iterator[None]:
    """A stream is opened here, from this source of the sound server."""
    before = os.environ.get("PULSE_SOURCE")
    with _opening, _hushed():
        try:
            if name:
                os.environ["PULSE_SOURCE"] = name
            yield
        finally:
            os.environ.pop("PULSE_SOURCE", None)
            if before is not None:
                os.environ["PULSE_SOURCE"] = before


@contextmanager
def _hushed() -> Iterator[None]:
    """ALSA and PortAudio write their troubles to standard error, over what a terminal shows; they
    come as exceptions too."""
    kept = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _served(listed: list) -> list[Device]:
    """The sources of PulseAudio or PipeWire, which PortAudio sees as one device called pulse."""
    index = next((i for i, one in listed if one["name"] in ("pulse", "pipewire")), None)
    if index is None or not shutil.which("pactl"):
        return []
    try:
        sources = json.loads(_pactl("-f", "json", "list", "sources"))
        usual = _pactl("get-default-source").strip()
        found = [
            Device(one["description"], index, one["name"], *_form(one), one["name"] == usual)
            for one in sources
            if one.get("monitor_source") in ("", None) or one["name"] == usual
        ]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return []
    return sorted(found, key=lambda device: not device.is_default)


def _form(source: dict) -> tuple[int, int]:
    """Rate in Hz and channels, from its form as in s16le 2ch 48000Hz; 0 where it does not tell."""
    told = source["sample_specification"]
    rate, channels = re.search(r"(\d+)Hz", told), re.search(r"(\d+)ch", told)
    return int(rate[1]) if rate else 0, int(channels[1]) if channels else 0


def _pactl(*words: str) -> str:
    command = ["pactl", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=5, check=True, env=_english()
    ).stdout


def _english() -> dict[str, str]:
    return os.environ | {"LC_ALL": "C.UTF-8"}


def _readable(name: str) -> str:
    """Without ALSA's address: HDA Intel PCH: ALC257 Analog (hw:0,0)."""
    return re.sub(r" \((?:plug)?hw:[\w,]+\)$", "", name.strip())


def _sentence(words: str, remedies: dict[str, str], **values: str) -> str:
    remedy = remedies.get(platform.system(), "Install PortAudio, and plug in a microphone")
    return words.format(remedy=remedy, **values)


def _why(error: Exception) -> str:
    return str(error.args[0] if error.args else error).strip().rstrip(".")
