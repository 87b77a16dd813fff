"""A microphone that is none: a PulseAudio of our own, whose source gives what is played into it.
PortAudio reaches it as it reaches any other, through ALSA.
"""

import os
import shutil
import signal
import subprocess
import time
import wave
from pathlib import Path

RATE = 48_000  # Hz
PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")
ALSA = """</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
"""


def lacking() -> str:
    """What this machine lacks for it, as a reason to skip; empty where nothing is."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        missing.append("libportaudio2")
    if not missing and not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        missing.append("libasound2-plugins")
    return f"no virtual microphone: {', '.join(missing)} missing" if missing else ""


class VirtualMicrophone:
    """One sound server with one source, “Virtual microphone”, and what is played into it."""

    def __init__(self, folder: Path):
        self.folder = folder
        socket = folder / "native"
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": str(folder / "alsa.conf"),
        }
        folder.chmod(0o700)
        (folder / "alsa.conf").write_text(ALSA)
        sink = f"module-null-sink sink_name=room rate={RATE} channels=1 format=s16le"
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += ["--disable-shm=yes", "--log-target=stderr", "--log-level=error"]
        for module in (f"module-native-protocol-unix auth-anonymous=1 socket={socket}", sink):
            command += ["-L", module]
        self._log = (folder / "log").open("wb")
        self._processes = [self._run(command, stderr=self._log)]
        self._wait_for(socket)
        self.plug_in("virtual", "Virtual microphone")
        self.do("pactl", "set-default-source", "virtual")
        # someone who always listens: else the source sleeps, and takes seconds to wake
        awake = ["parec", "--latency-msec=20", "--device=virtual"]
        self._processes.append(self._run(awake, stdout=subprocess.DEVNULL))

    def _run(self, command, **where) -> subprocess.Popen:
        environment = os.environ | self.environment
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **where)

    def _wait_for(self, socket: Path) -> None:
        for _ in range(200):
            if socket.exists() and self.do("pactl", "info", check=False):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def do(self, *command: str, check: bool = True) -> str:
        environment = os.environ | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def plug_in(self, name: str, label: str) -> str:
        """Another source of the same sound; what comes back unplugs it."""
        about = f"source_properties=\"device.description='{label}'\""
        words = ["module-remap-source", "master=room.monitor", f"source_name={name}", about]
        return self.do("pactl", "load-module", *words)

    def unplug(self, module: str) -> None:
        self.do("pactl", "unload-module", module)

    def play(self, wav: Path, sink: str = "room") -> float:
        """Into the room, or another sink, from now on. Returns its seconds. The server has all of
        it before it begins: a player of its own could starve on a busy machine."""
        self.do("pactl", "upload-sample", str(wav), "played")
        self.do("pactl", "play-sample", "played", sink)
        with wave.open(str(wav)) as file:
            return file.getnframes() / file.getframerate()

    def close(self) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        self._log.close()
