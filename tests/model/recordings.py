"""Recordings for tests: voices that can be told apart, and files of any form."""

import struct
import subprocess
from pathlib import Path

import numpy as np

from model import decoder
from model.spec import SAMPLE_RATE

SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def voice(n: int, seconds: float = 3.0) -> np.ndarray:
    """(samples,) float32: a sound of syllables with pauses, another for each n."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sway = 3 * np.sin(2 * np.pi * (1.5 + 0.3 * n) * t)
    tone = sum(np.sin(2 * np.pi * (110 + 40 * n) * k * t + sway) / k for k in range(1, 16))
    sound = tone * np.clip(np.sin(2 * np.pi * (1.1 + 0.37 * n) * t + n), 0, 1) ** 0.5
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def wav(path: Path, channels: list[np.ndarray], form: str = "<i2", *, mask: int | None = None):
    """A file of these channels; with a mask, one that says what they are for (0: it does not)."""
    x = np.stack(channels, axis=1).astype(np.float64)
    if form == "<i2":
        x = np.rint(x * 32768).clip(-32768, 32767)
    data, n, size = x.astype(form).tobytes(), x.shape[1], np.dtype(form).itemsize
    tag = 1 if form == "<i2" else 3
    about = (n, SAMPLE_RATE, SAMPLE_RATE * n * size, n * size, 8 * size)
    head = struct.pack("<HHIIHH", tag if mask is None else 0xFFFE, *about)
    if mask is not None:
        head += struct.pack("<HHIH", 22, 8 * size, mask, tag) + SUBFORMAT
    chunks = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return path


def ffmpeg(path: Path, *options) -> Path:
    command = [decoder.ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, options), str(path)]
    subprocess.run(command, check=True)
    return path


def original(path: Path) -> np.ndarray:
    """(n,) int16 as the original reads a file."""
    command = [decoder.ffmpeg(), "-nostdin", "-v", "error", "-i", str(path)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2")


def likeness(heard: np.ndarray, *voices: np.ndarray) -> list[float]:
    """How much of each voice is in what was heard: its correlation."""
    n = min(len(heard), *map(len, voices))
    return [float(np.corrcoef(heard[:n], one[:n])[0, 1]) for one in voices]
