"""Where a file's own clock has silence that its sound does not: a late start, pauses, lost packets.
Pure arithmetic on the times of packets.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from model.spec import SAMPLE_RATE

FORMATS = {  # with a clock of their own, by ffmpeg's names
    *("matroska", "webm", "mov", "mp4", "avi", "flv", "live_flv", "asf", "mpegts", "mpeg", "ogg"),
    *("nut", "wtv", "mxf", "rm", "nsv", "pva", "dhav", "kux", "ty"),
}
WITHOUT = {  # one frame after the other, with no clock: what a parser drops moves the rest
    *("mp3", "aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "dts", "dtshd", "mlp", "truehd"),
    *("g722", "gsm", "sbc", "loas"),
}
LATE = 0.1  # seconds; a smaller offset of the start is the encoder's
SHORTEST = 0.05  # seconds of a pause; less may be the grain of the clock
SHORTEST_LOSS = (
    0.015  # … where frames are missing that could not be decoded; those of AMR last 0.02
)
LONGEST = 3600.0  # seconds; more is no pause but another clock
_AROUND = 25  # packets before and after, which must agree that time has passed
_SLACK = 0.1  # seconds by which all pauses may differ from what is missing


@dataclass(frozen=True)
class Pause:
    at: float  # seconds of the sound alone, without the pauses before
    seconds: float


@dataclass(frozen=True)
class Packets:
    """Times and lengths of a track's packets, in seconds from the beginning of the file."""

    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> "Packets":
        """From what ffmpeg writes as framecrc: stream, dts, pts, duration, size, checksum."""
        unit, rows = 1.0, []
        for line in lines:
            if line.startswith(b"#tb 0: "):
                up, down = line[7:].split(b"/")
                unit = int(up) / int(down)
            elif not line.startswith(b"#") and line.count(b",") >= 5:
                _, _, start, length, _ = line.split(b",", 4)
                if start.strip().lstrip(b"-").isdigit():
                    rows.append((int(start), int(length)))
        times = np.array(rows, np.float64).reshape(-1, 2) * unit
        return cls(times[:, 0], times[:, 1])


def pauses(
    packets: Packets, seconds: float, shortest: float = SHORTEST
) -> tuple[list[Pause], float]:
    """Silences to put into sound that lasts so many seconds, and seconds of those that are too long
    to be meant.

    A jump of the clock counts where packets before and after agree on it: jitter moves a packet and
    not those that follow. What is put in never exceeds what the clock has more than the sound.
    """
    starts, lengths = packets.starts, packets.lengths
    if len(starts) == 0:
        return [], 0.0
    ahead = starts[:_AROUND] - np.cumsum(lengths[:_AROUND]) + lengths[:_AROUND]
    late = max(0.0, float(ahead.min()))
    found = [Pause(0.0, late)] if LATE <= late <= LONGEST else []
    left_out = late if late > LONGEST else 0.0
    begin = late or float(ahead.min())
    usual = np.median(lengths)
    # some formats count a pause to the packet before it
    clipped = np.where(lengths > 1.5 * usual + SHORTEST, usual, lengths)
    more = float(starts.max() + clipped[starts.argmax()]) - begin - seconds  # than the sound lasts
    if more < shortest:
        return found, left_out
    jumps = _jumps(starts, lengths, shortest)
    if jumps[:, 1].sum() < more - _SLACK:
        jumps = _jumps(starts, clipped, shortest)
    total = jumps[:, 1].sum()
    if total > more + max(_SLACK, 0.02 * total):
        return found, left_out
    before = 0.0  # seconds of pauses so far
    for start, length in jumps:
        if length <= LONGEST:
            found.append(Pause(start - begin - before - length, length))
        else:
            left_out += length
        before += length
    return found, left_out


def _jumps(starts: np.ndarray, lengths: np.ndarray, shortest: float) -> np.ndarray:
    """(n, 2): the time of the packet after each jump, and the jump's length."""
    gaps = starts[1:] - starts[:-1] - lengths[:-1]
    usual = np.median(gaps) if len(gaps) > 4 * _AROUND else 0.0  # where lengths are not stated
    jumps = []
    for i in np.flatnonzero(gaps - max(0.0, usual) >= shortest):
        # time lost against the sound: the packets around it agree on what passed
        length = float(gaps[i] - max(0.0, usual))
        first = max(0, i + 1 - _AROUND)
        before = starts[first : i + 1]
        after = starts[i + 1 : i + 1 + _AROUND]
        ahead = np.concatenate([[0.0], np.cumsum(lengths[first : i + _AROUND] + max(0.0, usual))])
        own = ahead[: len(before) + len(after)]
        lead = np.concatenate([before, after]) - own[: len(before) + len(after)]
        lead_before, lead_after = lead[: len(before)], lead[len(before) :]
        if lead_after.min() - lead_before.max() >= 0.5 * length:
            jumps.append((float(starts[i + 1]), length))
    return np.array(jumps, np.float64).reshape(-1, 2)


def put_in(chunks: list[np.ndarray], silences: list[Pause]) -> list[np.ndarray]:
    """Consecutive pieces (n,) int16 with zeros at the pauses. The list is emptied."""
    out, at, left = [], 0, sorted(silences, key=lambda pause: pause.at)
    chunks.reverse()
    while chunks:
        chunk = chunks.pop()
        done = 0
        while left and round(left[0].at * SAMPLE_RATE) <= at + len(chunk):
            here = max(done, round(left[0].at * SAMPLE_RATE) - at)
            out += [chunk[done:here], _silence(left.pop(0))]
            done = here
        out.append(chunk[done:])
        at += len(chunk)
    return out + [_silence(pause) for pause in left]


def _silence(pause: Pause) -> np.ndarray:
    return np.zeros(round(pause.seconds * SAMPLE_RATE), "<i2")
