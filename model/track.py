"""One track of a file to mono 16-bit samples at 16 kHz: which mix, and which level.

A usual recording is read once, and comes out as `ffmpeg -f s16le -ac 1 -ar 16000` writes it. One
that would lose a voice in that mix, or lies far from full scale, is read again as float samples.
"""

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

import numpy as np

from model import decoder
from model.errors import TooLarge, Unreadable
from model.ffmpeg_log import STEP_16, Log, Track
from model.formats import LOSSLESS
from model.levels import ABSURD, LOUD, LOUD_LOSSY, QUIET, SILENCE, TINY, Gain, Level, Magnitudes
from model.messages import Remark
from model.mixdown import AlignedMix, MixLoss
from model.spec import SAMPLE_RATE

MOST_MIXED = 20  # channels that are mixed the usual way; more have no usual way
CLIPPED = 0.01  # of a lossy track's samples: from here on it may be far beyond full scale
STEP = 1 << 18  # samples that are taken from the disk at once


@dataclass(frozen=True)
class Source:
    """An open file, how much of it is wanted, and who is told how far it is."""

    file: IO[bytes]
    size: int
    name: str
    most: float  # seconds
    seconds: float | None  # None: all
    progress: Callable[[float], object]
    options: tuple[str, ...] = ()  # for ffmpeg's input
    start: int = 0  # where it begins in the open file

    def run(self, output: list[str] | None = None, *, details: bool = False):
        """ffmpeg on it, from its beginning."""
        self.file.seek(self.start)
        options, seconds = self.options, self.seconds
        return decoder.started(
            self.file, self.size, output, options=options, seconds=seconds, details=details
        )

    def log(self, *, details: bool = False) -> Log:
        """What ffmpeg says of it before it decodes."""
        with self.run(details=details) as program:
            for _ in program.data():
                pass
            return program.log()


@dataclass
class Heard:
    """What came of a track."""

    track: Track
    chunks: list[np.ndarray]  # (n,) int16 each
    log: Log
    level: Level  # as it is in the file
    is_silent: bool
    remarks: list[Remark] = field(default_factory=list)
    number: int = 1  # of the track among those with sound …
    n_tracks: int = 1  # … of which the file has so many
    is_cut: bool = False  # its last frame could not be decoded

    @property
    def seconds(self) -> float:
        return sum(map(len, self.chunks)) / SAMPLE_RATE


class Blocks:
    """Samples of a source as ffmpeg writes them, (n,) or (n, channels); then its log. Iterating
    raises TooLarge where they are more than is wanted at most."""

    def __init__(self, source: Source, output: list[str], n_channels: int, form: str):
        self._source, self._output, self._form = source, output, (n_channels, form)
        self.log = Log("", None)

    def __iter__(self) -> Iterator[np.ndarray]:
        source, room = self._source, int(self._source.most * SAMPLE_RATE)
        with source.run(self._output) as program:
            for block in program.chunks(*self._form):
                room -= len(block)
                source.progress(source.most - room / SAMPLE_RATE)
                if room < 0:
                    raise TooLarge(
                        f"{source.name} is longer than {source.most / 60:.3g} minutes, the limit. "
                        "Cut it into parts."
                    )
                yield block
            self.log = program.log()


def hear(source: Source, track: Track) -> Heard:
    """A track whose sound may have any number of channels, and any level. Raises TooLarge."""
    if track.n_channels and (not track.is_positioned or track.n_channels > MOST_MIXED):
        return _heard_finely(source, track, is_aligned=True)
    if track.is_float:
        return _heard_finely(source, track, is_aligned=False)
    heard, loss = _heard_plainly(source, track)
    if loss.is_loss or heard.is_silent and loss.swing > SILENCE:
        heard.chunks.clear()
        return _heard_finely(source, track, is_aligned=True)
    if track.is_fine and heard.level.swing < QUIET or _is_far_too_loud(heard):
        return _heard_finely(source, track, is_aligned=False, plain=heard)
    return heard


def _is_far_too_loud(heard: Heard) -> bool:
    ends_at_full_scale = LOSSLESS.fullmatch(heard.track.codec)  # as whole numbers do
    if ends_at_full_scale or not heard.level.is_clipped:
        return False
    clipped = sum(int((np.abs(chunk.astype(np.int32)) >= 32767).sum()) for chunk in heard.chunks)
    return clipped > CLIPPED * heard.level.n


def _heard_plainly(source: Source, track: Track) -> tuple[Heard, MixLoss]:
    """The usual mix, and what is known of the channels beside it."""
    n = track.n_channels
    level, loss = Level(), MixLoss(n)
    chunks: list[np.ndarray] = []
    blocks = Blocks(source, decoder.mono(track.index), 1, "<i2")
    if n > 1:
        beside = decoder.mono_and_channels(track.index, track.layout, n)
        with_channels = Blocks(source, beside, n + 1, "<i2")
        for block in with_channels:
            loss.hear(block)
            chunks.append(np.ascontiguousarray(block[:, 0]))
            level.hear(chunks[-1])
        if with_channels.log.status == 0:
            return _plain(track, chunks, with_channels.log, level), loss
        chunks.clear()  # its form changes on the way, say
    for block in blocks:
        chunks.append(block)
        level.hear(block)
    return _plain(track, chunks, blocks.log, level), loss


def _plain(track: Track, chunks: list[np.ndarray], log: Log, level: Level) -> Heard:
    return Heard(track, chunks, log, level, level.is_silent(STEP_16))


def _heard_finely(
    source: Source,
    track: Track,
    *,
    is_aligned: bool,
    plain: Heard | None = None,
    factor: float = 1.0,
) -> Heard:
    """As float samples, which are kept on the disk until the gain of the whole is known. `factor`
    brings those of an absurd scale to where they can be mixed."""
    with tempfile.TemporaryFile() as kept:
        level, loss = Level(), MixLoss(track.n_channels, faintest=0.0)
        blocks = _fine_blocks(source, track, is_aligned, factor)
        for samples in _mixed(blocks, track.n_channels, is_aligned, loss, level):
            kept.write(level.hear(samples).astype("<f4").tobytes())
        if track.is_float and factor == 1 and level.is_extreme:
            factor = _factor(source, track)
            if not 1 / ABSURD < factor < 1 / TINY:
                return _heard_finely(source, track, is_aligned=is_aligned, factor=factor)
            factor = 1.0
        if not is_aligned and (loss.is_loss or blocks.log.status and not level.n):
            return _heard_finely(source, track, is_aligned=True, factor=factor)
        is_silent = level.is_silent(track.step)
        if level.n_bad and is_silent:
            raise Unreadable(
                f"{source.name} holds no sound but values that are no numbers, or infinite. "
                "Export it again."
            )
        gain = _gain(level, track, is_aligned)
        if gain.is_none and factor == 1 and not is_aligned and not level.n_bad:
            return plain or _heard_plainly(source, track)[0]
        kept.seek(0)
        chunks = [gain.pcm(samples) for samples in _from_disk(kept)]
    is_of_mix = is_aligned and factor == 1  # several channels that were added are louder
    gain = replace(gain, factor=gain.factor * factor)
    remarks = _remarks(source.name, level, gain, is_of_mix)
    return Heard(track, chunks, blocks.log, level, is_silent, remarks)


def _factor(source: Source, track: Track) -> float:
    magnitudes = Magnitudes()
    with source.run(decoder.double_samples(track.index)) as program:
        for samples in program.chunks(1, "<f8"):
            magnitudes.hear(samples)
    return magnitudes.factor


def _fine_blocks(source: Source, track: Track, is_aligned: bool, factor: float) -> Blocks:
    n = track.n_channels
    if n < 2:
        return Blocks(source, decoder.mono_float(track.index, factor), 1, "<f4")
    if is_aligned:
        return Blocks(source, decoder.channels(track.index, factor), n, "<f4")
    output = decoder.mono_and_channels(track.index, track.layout, n, "flt", factor)
    return Blocks(source, output, n + 1, "<f4")


def _mixed(
    blocks: Blocks, n_channels: int, is_aligned: bool, loss: MixLoss, level: Level
) -> Iterator[np.ndarray]:
    """(n,) float32 each. What is no number in a channel is counted here, since a mix hides it."""
    if n_channels < 2:
        yield from blocks
    elif is_aligned:
        mix = AlignedMix(n_channels)
        for block in blocks:
            yield mix.hear(level.clean(block))
        yield mix.end()
    else:
        for block in blocks:
            block = level.clean(block)
            loss.hear(block)
            yield np.ascontiguousarray(block[:, 0])


def _from_disk(kept: IO[bytes]) -> Iterator[np.ndarray]:
    while data := kept.read(STEP * 4):
        yield np.frombuffer(data, "<f4")


def _gain(level: Level, track: Track, is_aligned: bool) -> Gain:
    quiet = QUIET if track.is_fine else 0.0
    if is_aligned and not track.is_float:
        return Gain.of(level, quiet, 1.0)  # channels that are added may go beyond full scale
    return Gain.of(level, quiet, LOUD if track.is_float else LOUD_LOSSY)


def _remarks(name: str, level: Level, gain: Gain, is_of_mix: bool) -> list[Remark]:
    remarks = []
    if level.n_bad:
        remarks.append(
            Remark(
                f"{name} holds values that are no numbers, or infinite. Silence was put in their "
                "place."
            )
        )
    if gain.offset:
        remarks.append(Remark(f"{name} has a constant offset. It was taken out."))
    decibels = 20 * math.log10(gain.factor)
    if decibels >= 1:
        remarks.append(Remark(f"{name} is very quiet. It was made {decibels:.0f} dB louder."))
    elif decibels <= -1 and not is_of_mix:
        remarks.append(
            Remark(f"{name} goes far beyond full scale. It was made {-decibels:.0f} dB quieter.")
        )
    return remarks
