"""The ffmpeg program at work on one file, which anybody may have made: bounded in time, memory,
threads, output and log. Knows no file's name, and has no sentence for people.

It is handed an open file and never a name: with no protocol but that and the pipe it writes to, no
name becomes an option or an address. It reads the formats listed in formats.py, none of which opens
a second file, and decodes sound alone: no picture, though a video's sound may be had.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from model.errors import Unplayable
from model.ffmpeg_log import Log
from model.formats import CODECS, FORMATS
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
LARGEST_JUMP = 10**6  # seconds in a clock that count as time, and not as another clock
STOPPED = b"received signal"  # its last words when its time is up
BUSY = 3  # times as long by the clock, on a machine that does much else


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


# What comes out of the pipe. Each is a list of output options.

_HERTZ = str(SAMPLE_RATE)
LAYOUT_NAMES = "FL FR FC LFE BL BR FLC FRC BC SL SR TC TFL TFC TFR TBL TBC TBR DL DR WL WR".split()


def mono(track: int) -> list[str]:
    """int16 samples of one track mixed to mono: as the original reads its files."""
    return ["-map", f"0:{track}", "-f", "s16le", "-ac", "1", "-ar", _HERTZ]


def mono_float(track: int, factor: float = 1.0) -> list[str]:
    """float32 samples of one track that has a single channel, times a factor."""
    louder = ["-af", _times(factor)] if factor != 1 else []
    return ["-map", f"0:{track}", *louder, "-f", "f32le", "-ac", "1", "-ar", _HERTZ]


def mono_and_channels(
    track: int, layout: str, n_channels: int, sample: str = "s16", factor: float = 1.0
) -> list[str]:
    """(frames, 1 + channels): the same mono mix, and beside it each channel that went into it.
    `sample` is s16, or flt for float32 samples whose mix is as loud, times a factor."""
    form = f"sample_fmts={sample}:sample_rates={_HERTZ}"
    to_mono = f"aresample=rematrix_maxval=1:out_chlayout=mono,aformat={form}:channel_layouts=mono"
    places = LAYOUT_NAMES[: 1 + n_channels]
    each = "|".join(f"1.{i}-{place}" for i, place in enumerate(places[1:]))
    graph = (
        f"[0:{track}]{_times(factor)},asplit[a][b];[a]{to_mono}[m];[b]aformat={form}:channel_layouts={layout}[c];"
        f"[m][c]join=inputs=2:channel_layout={'+'.join(places)}:map=0.0-{places[0]}|{each}"
    )
    return ["-filter_complex", graph, "-f", {"s16": "s16le", "flt": "f32le"}[sample]]


def channels(track: int, factor: float = 1.0) -> list[str]:
    """(frames, channels) float32 of all channels of one track, none mixed, times a factor."""
    louder = ["-af", _times(factor)] if factor != 1 else []
    return ["-map", f"0:{track}", *louder, "-f", "f32le", "-ar", _HERTZ]


def double_samples(track: int) -> list[str]:
    """float64 samples of one track's channels, one after the other, at its own rate."""
    return ["-map", f"0:{track}", "-f", "f64le"]


def _times(factor: float) -> str:
    """A filter: in double precision, which holds what 32 bits do not."""
    return "anull" if factor == 1 else f"volume={factor!r}:precision=double"


def packet_times(track: int) -> list[str]:
    """Text: a line for each packet of one track, which is not decoded."""
    return ["-map", f"0:{track}", "-c", "copy", "-f", "framecrc"]


def frame_times(track: int) -> list[str]:
    """Text: a line for each frame of one track that could be decoded."""
    return ["-map", f"0:{track}", "-c:a", "pcm_s16le", "-f", "framecrc"]


class Program:
    """One that runs."""

    def __init__(self, process: subprocess.Popen, log: IO[bytes], seconds: int):
        self._process, self._log, self._seconds = process, log, seconds
        self._was_stopped = False

    def chunks(self, n_channels: int = 1, form: str = "<i2") -> Iterator[np.ndarray]:
        """(n,) each, or (n, channels) where there are several, at 16 kHz, until there is no more.
        What is left of a frame at the end is dropped."""
        frame = n_channels * np.dtype(form).itemsize
        shape = (-1,) if n_channels == 1 else (-1, n_channels)
        left = b""
        for data in self.data():
            data = left + data
            whole = len(data) // frame * frame
            left = data[whole:]
            if whole:
                yield np.frombuffer(data, form, whole // np.dtype(form).itemsize).reshape(shape)

    def data(self) -> Iterator[bytes]:
        """What it writes, until there is no more."""
        guard = threading.Timer(BUSY * self._seconds, self._stop)
        guard.daemon = True
        guard.start()
        try:
            while data := self._process.stdout.read(CHUNK):
                yield data
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
    file: IO[bytes],
    size: int,
    output: list[str] | None = None,
    *,
    options: tuple[str, ...] = (),
    seconds: float | None = None,
    details: bool = False,
) -> Iterator[Program]:
    """The program on an open file of so many bytes, from where that stands: what `output` asks for,
    of the whole or the first `seconds`; without it, only the log. `options` are for the input."""
    command = [ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-max_alloc", str(LARGEST_BLOCK)]
    command += ["-loglevel", "debug"] if details else []
    command += ["-timelimit", str(patience(size)), "-filter_threads", "1", "-threads", "1"]
    command += ["-filter_complex_threads", "1", "-dts_delta_threshold", str(LARGEST_JUMP)]
    command += ["-format_whitelist", ",".join(FORMATS), "-codec_whitelist", ",".join(CODECS)]
    command += [*options, "-protocol_whitelist", "fd,pipe", "-i", "fd:"]
    if output is not None:
        command += ["-vn", "-sn", "-dn"] + ([] if seconds is None else ["-t", f"{seconds:.6f}"])
        command += [*output, "pipe:1"]
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
