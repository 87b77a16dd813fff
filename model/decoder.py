"""The ffmpeg program at work on one file, which anybody may have made: bounded in time, memory,
threads, output and log. Knows no file's name, and has no sentence for people.

It is handed an open file and never a name: with no protocol but that and the pipe it writes to, no
name becomes an option or an address. It reads the formats listed here, none of which opens a second
file, and decodes sound alone: no picture, though a video's sound may be had.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np

from model.errors import Unplayable
from model.spec import SAMPLE_RATE

try:
    import resource
except ImportError:  # Windows
    resource = None

CHUNK = 1 << 19  # bytes read at once: 16 s of 16-bit sound
MEMORY = 1 << 30  # bytes of addresses, of which the program itself takes half; it uses 35 MB
LARGEST_BLOCK = 1 << 28  # bytes it may ask for at once
LARGEST_LOG = 1 << 26  # bytes; a file with more to be said of is damaged
SHOWN_LOG = 1 << 18  # bytes of it that are read
QUICK, SLOW = 3, 4  # seconds of processor time for any file, and for each of its megabytes …
PATIENCE = 900  # … and at most; three hours take 5 to 12, at the least bits in 7 MB
STOPPED = b"received signal"  # its last words when its time is up
BUSY = 3  # times as long by the clock, on a machine that does much else
FORMATS = (  # a file's own sound, or a video's; no playlist, no picture, nothing from a network
    *("wav", "w64", "aiff", "au", "caf", "voc", "iff", "flac", "mp3", "aac", "loas", "latm", "mov"),
    *("matroska", "ogg", "asf", "avi", "flv", "mpeg", "mpegts", "ac3", "eac3", "dts", "truehd"),
    *("amr", "amrnb", "amrwb", "g722", "gsm", "ape", "wv", "tta", "tak", "mpc", "mpc8", "dsf"),
    *("oma", "qoa", "rm", "spdif", "sox", "ircam", "nistsphere", "act", "iamf"),
)
CODECS = (
    *(f"pcm_{kind}" for kind in ("alaw", "mulaw", "s8", "u8", "s8_planar", "bluray", "dvd")),
    *(f"pcm_{sign}{bits}{end}" for sign in "su" for bits in (16, 24, 32) for end in ("le", "be")),
    *(f"pcm_s{kind}" for kind in ("16le_planar", "16be_planar", "24le_planar", "32le_planar")),
    *(f"pcm_f{bits}{end}" for bits in (16, 32, 64) for end in ("le", "be")),
    *(f"adpcm_{kind}" for kind in ("ms", "ima_wav", "ima_qt", "yamaha", "swf", "sbpro_4")),
    *("8svx_exp", "8svx_fib", "mace3", "mace6", "g722", "g723_1", "g726", "g726le", "g729"),
    *("gsm", "gsm_ms", "amrnb", "libopencore_amrnb", "amrwb", "libopencore_amrwb", "ilbc"),
    *("aac", "aac_fixed", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "mp1", "mp1float"),
    *("flac", "alac", "ape", "wavpack", "tta", "tak", "als", "truehd", "mlp", "qoa"),
    *("opus", "libopus", "vorbis", "libvorbis", "speex", "nellymoser", "truespeech", "qcelp"),
    *("wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless", "ac3", "ac3_fixed", "eac3", "dca"),
    *("mpc7", "mpc8", "cook", "sipr", "ra_144", "ra_288", "real_144", "real_288", "qdm2", "qdmc"),
    *("atrac1", "atrac3", "atrac3al", "atrac3plus", "atrac3plusal", "evrc", "s302m"),
    *(f"dsd_{kind}" for kind in ("lsbf", "lsbf_planar", "msbf", "msbf_planar")),
)


def ffmpeg() -> str:
    """Path of the ffmpeg program."""
    import imageio_ffmpeg

    try:
        program = shutil.which(imageio_ffmpeg.get_ffmpeg_exe())  # None where it cannot be run
    except RuntimeError:
        program = None
    if program is None:
        raise Unplayable(
            "There is no ffmpeg program to decode sound with. "
            "Install it with: pip install --force-reinstall imageio-ffmpeg"
        )
    return program


def patience(size: int) -> int:
    """Seconds of processor time for a file of so many bytes."""
    return min(PATIENCE, QUICK + size * SLOW // 10**6)


@dataclass(frozen=True)
class Log:
    """What the program said of a file."""

    text: str
    status: int | None  # 0 when it met no error it could not step over; None while it runs
    is_overdue: bool = False  # it was stopped, for taking too long

    @property
    def has_audio(self) -> bool:
        return bool(re.search(r"^ {2,4}Stream #0:\d+.*: Audio: ", self.text, re.M))

    @property
    def is_known(self) -> bool:
        return "\nInput #0, " in "\n" + self.text

    @property
    def stated(self) -> float | None:
        """Seconds promised by the header; None where that is a guess, or may mean the picture."""
        moving = re.search(r"^ {2,4}Stream #0:\d+.*: Video: (?!.*attached pic)", self.text, re.M)
        length = re.search(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", self.text, re.M)
        if moving or not length or "Estimating duration from bitrate" in self.text:
            return None
        return int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3])


class Program:
    """One that runs."""

    def __init__(self, process: subprocess.Popen, log: IO[bytes], seconds: int):
        self._process, self._log, self._seconds = process, log, seconds
        self._was_stopped = False

    def chunks(self) -> Iterator[np.ndarray]:
        """(n,) int16 each, of mono sound at 16 kHz, until there is no more."""
        guard = threading.Timer(BUSY * self._seconds, self._stop)
        guard.daemon = True
        guard.start()
        try:
            while pcm := self._process.stdout.read(CHUNK):
                yield np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
            self._process.wait()
        finally:
            guard.cancel()

    def log(self) -> Log:
        status = self._process.poll()
        self._log.seek(0)
        text = self._log.read(SHOWN_LOG).decode(errors="replace")
        self._log.seek(max(0, os.fstat(self._log.fileno()).st_size - len(STOPPED) - 10))
        is_overdue = self._was_stopped or STOPPED in self._log.read()
        return Log(text, status, is_overdue)

    def _stop(self) -> None:
        self._was_stopped = True
        self._process.kill()


@contextmanager
def started(
    file: IO[bytes], size: int, *, seconds: float | None = None, kind: str | None = None
) -> Iterator[Program]:
    """The program on an open file of so many bytes, from where that stands: all of its sound, or
    the first `seconds`. `kind` is the format where the content does not tell."""
    command = [ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-max_alloc", str(LARGEST_BLOCK)]
    command += ["-timelimit", str(patience(size)), "-filter_threads", "1", "-threads", "1"]
    command += ["-format_whitelist", ",".join(FORMATS), "-codec_whitelist", ",".join(CODECS)]
    command += [] if kind is None else ["-f", kind]
    command += ["-protocol_whitelist", "fd,pipe", "-i", "fd:", "-vn", "-sn", "-dn"]
    command += [] if seconds is None else ["-t", f"{seconds:.6f}"]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "pipe:1"]
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would flash a console
    with (
        tempfile.TemporaryFile(buffering=0) as log,  # a pipe could fill and stop the program
        subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=log, creationflags=no_window
        ) as process,
    ):
        try:
            _bound(process.pid, patience(size))
            yield Program(process, log, patience(size))
        finally:
            process.kill()  # where it has not ended by itself


def _bound(pid: int, seconds: int) -> None:
    """Linux alone can bound a process that runs already; elsewhere the command's own bounds hold,
    which are of time and of single blocks of memory."""
    if not hasattr(resource, "prlimit"):
        return
    most = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: seconds + 1,
        resource.RLIMIT_FSIZE: LARGEST_LOG,
        resource.RLIMIT_NOFILE: 16,
        resource.RLIMIT_CORE: 0,
    }
    for what, limit in most.items():
        try:
            resource.prlimit(pid, what, (limit, limit))
        except (ProcessLookupError, PermissionError, ValueError):  # it ended, or has less already
            continue
