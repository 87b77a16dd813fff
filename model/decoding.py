"""A recording's file to one clip: which of its tracks is heard, silence where its clock has it, and
what is said of a file that is damaged, cut off, or of another kind.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from model import clock, decoder, headers, joined, mp4_rescue, ogg
from model.errors import Empty, Silent, TooLarge
from model.ffmpeg_log import Log, Track
from model.formats import HEADERLESS
from model.headers import Header
from model.messages import Clip, Remark
from model.refusing import refuse_nothing, refuse_other_content, refuse_trackless, suffix
from model.spec import SAMPLE_RATE
from model.track import Heard, Source, hear

SLACK = 0.25, 0.01  # seconds and share by which headers of whole files are wrong (wma: 0.05 s)
UNBELIEVABLE = 24 * 3600  # seconds that a header states where its writer knew no better
FAINT = 0.003  # largest sample of a track beside which others are tried: -50 dBFS
LOUDER = 10  # times as large the samples of another track are, so that it is heard instead
MOST_LINKS = 100  # of a chained stream
LINKS = {"ogg": ogg.links, "mp3": joined.mp3s, "flac": joined.flacs}  # where the parts lie


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How much of a file, how much at most, which of its tracks, and who is told how far it is."""

    seconds: float | None
    most: float  # seconds
    size: int  # bytes, at most
    track: int | None  # the first is 1; None: the one that has sound
    progress: Callable[[float], object]


def read(file: IO[bytes], name: str, wanted: Wanted) -> Clip:
    """The sound of an open file. Raises an `Unplayable` whose sentence names it."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise Empty(f"{name} is empty: it holds no byte. Record or copy it again.")
    if size > wanted.size:
        raise TooLarge(
            f"{name} has {size / 1e6:,.0f} MB; the limit is {wanted.size / 1e6:,.0f} MB. "
            "Cut it into parts, or save it as mp3."
        )
    file.seek(0)
    refuse_other_content(file.read(4096), name)
    header = headers.look(file, size)
    source = Source(
        file, size, name, wanted.most, wanted.seconds, _onward(wanted.progress), header.options
    )
    with _patched(source, header.patches) as source:
        heard = _heard_file(source, wanted, header)
    if heard.is_silent and not _is_beginning(heard, wanted.seconds):
        raise Silent(
            f"{name} is silent from beginning to end. Was the microphone muted? Record again."
        )
    clip = Clip.of_chunks(heard.chunks, dict.fromkeys(heard.remarks))
    return replace(clip, track=heard.number, n_tracks=heard.n_tracks)


def _is_beginning(heard: Heard, seconds: float | None) -> bool:
    """Whether as much was heard as was wanted, so that more of the file may follow."""
    return seconds is not None and heard.seconds >= int(seconds * SAMPLE_RATE) / SAMPLE_RATE


def _onward(progress: Callable[[float], object]) -> Callable[[float], None]:
    """Told the same as often as a part is read again, and never less."""
    furthest = 0.0

    def told(seconds: float) -> None:
        nonlocal furthest
        furthest = max(furthest, seconds)
        progress(furthest)

    return told


@contextmanager
def _patched(source: Source, patches: tuple[tuple[int, bytes], ...]) -> Iterator[Source]:
    """The file as it is, or a copy with other bytes at some places."""
    if not patches:
        yield source
        return
    with _copied(source, 0, source.size) as copy:
        for at, content in patches:
            copy.file.seek(at)
            copy.file.write(content)
        yield copy


@contextmanager
def _copied(source: Source, start: int, end: int) -> Iterator[Source]:
    with tempfile.TemporaryFile(buffering=0) as copy:
        source.file.seek(start)
        left = end - start
        while left and (data := source.file.read(min(left, 1 << 20))):
            copy.write(data)
            left -= len(data)
        yield replace(source, file=copy, size=end - start, start=0)


# From a file to a track ---------------------------------------------------------------------------


def _heard_file(source: Source, wanted: Wanted, header: Header) -> Heard:
    log = source.log()
    if not log.is_known and (options := HEADERLESS.get(suffix(source.name))):
        source = replace(source, options=options)
        log = source.log()
    is_mp4 = "mp4" in log.format.split(",")
    has_no_index = "moov atom not found" in log.text or is_mp4 and not log.tracks
    if has_no_index and (heard := _heard_rescued(source, wanted)):
        return heard
    if log.is_protected or not log.tracks:
        refuse_trackless(source, log)
    heard = _heard_track(source, log, wanted)
    chain = _heard_chain(source, wanted, log) if heard.log.broke_off or heard.log.has_lost else None
    if is_mp4 and not heard.chunks and (rescued := _heard_rescued(source, wanted)):
        return rescued
    heard = chain or heard
    refuse_nothing(source.name, heard.log, heard.seconds)
    if chain is None:
        _put_pauses(source, heard, log)
    _cut(heard.chunks, wanted.seconds)
    heard.remarks += _missing(source, heard, log, header)
    return heard


def _heard_rescued(source: Source, wanted: Wanted) -> Heard | None:
    """What an mp4 without a whole index holds, where it can be found."""
    with mp4_rescue.rescue(source.file, source.size) as copy:
        if copy is None:
            return None
        source = replace(source, file=copy, size=os.fstat(copy.fileno()).st_size)
        heard = _heard_track(source, source.log(), wanted)
    refuse_nothing(source.name, heard.log, heard.seconds)
    heard.remarks.append(
        Remark(
            f"{source.name} was cut off: its index is missing. What could be found of its sound "
            "was heard; it may be a little too slow or too fast."
        )
    )
    return heard


def _heard_track(source: Source, log: Log, wanted: Wanted) -> Heard:
    """The track that was asked for, or else the first that has sound."""
    tracks = log.tracks
    if wanted.track is not None:
        if not 1 <= wanted.track <= len(tracks):
            raise Empty(
                f"{source.name} has {len(tracks)} sound tracks; there is no track {wanted.track}."
            )
        heard = hear(source, tracks[wanted.track - 1])
    else:
        heard = _heard_best(source, tracks)
    heard.number, heard.n_tracks = 1 + tracks.index(heard.track), len(tracks)
    if len(tracks) > 1:
        heard.remarks.append(
            Remark(
                f"{source.name} has {len(tracks)} sound tracks. Track {heard.number} was heard, "
                "the others were not."
            )
        )
    return heard


def _heard_best(source: Source, tracks: list[Track]) -> Heard:
    """The track that a player takes, unless another has sound and that one has none."""
    usual = max(tracks, key=lambda track: (track.is_default, track.n_channels, -track.index))
    best = hear(source, usual)
    if best.level.swing >= FAINT and not best.is_silent:
        return best
    for track in tracks:
        if track == usual:
            continue
        other = hear(source, track)
        if not other.is_silent and other.level.swing > LOUDER * best.level.swing:
            best.chunks.clear()
            best = other
    return best


def _heard_chain(source: Source, wanted: Wanted, log: Log) -> Heard | None:
    """All parts of a file that is several, one after the other, where ffmpeg stops at the second or
    takes its head for damaged sound. None where there is but one."""
    links = LINKS.get(log.format)
    places = links(source.file, source.size) if links else []
    if len(places) < 2:
        return None
    parts, room = [], source.most
    for start, end in places[:MOST_LINKS]:
        with _copied(source, start, end) as link:
            link = replace(link, most=room)
            log = link.log()
            part = _heard_track(link, log, wanted) if log.tracks else None
            if part and part.chunks:
                _put_pauses(link, part, log)
                parts.append(part)
                room -= part.seconds
    if not parts:
        return None
    first = parts[0]
    for part in parts[1:]:
        first.chunks += part.chunks
        first.remarks += part.remarks
        first.is_silent &= part.is_silent
        first.is_cut |= part.is_cut
    first.log = replace(first.log, text="\n".join(part.log.text for part in parts))
    if len(parts) < len(places):
        n_lost = len(places) - len(parts)
        first.remarks.append(
            Remark(
                f"{source.name} is a chain of {len(places)} streams. {n_lost} of them could not "
                "be read."
            )
        )
    return first


# What is missing ----------------------------------------------------------------------------------


def _put_pauses(source: Source, heard: Heard, log: Log) -> None:
    """Silence where the clock of the file has it, and where frames could not be decoded, so that
    times are those of a player."""
    is_lossy = heard.log.has_lost or _is_short(source, heard, log)
    if not is_lossy and not clock.FORMATS & set(log.format.split(",")):
        return
    index = heard.track.index
    times = decoder.frame_times(index) if is_lossy else decoder.packet_times(index)
    whole = replace(source, seconds=None)  # what comes after a pause tells how long it is
    with whole.run(times) as program:
        packets = clock.Packets.read(_lines(program.data()))
    shortest = clock.SHORTEST_LOSS if is_lossy else clock.SHORTEST
    pauses, left_out = clock.pauses(packets, heard.seconds, shortest)
    seconds = sum(pause.seconds for pause in pauses)
    if heard.seconds + seconds > source.most:
        pauses, left_out, seconds = [], left_out + seconds, 0.0
    has_clock = not clock.WITHOUT & set(log.format.split(","))
    if pauses:
        heard.chunks = clock.put_in(heard.chunks, pauses)
        heard.remarks.append(_of_silence(source.name, seconds, heard.log.has_lost, has_clock))
    elif heard.log.has_lost and not has_clock and _has_end(whole, index, packets):
        heard.remarks.append(
            Remark(
                f"{source.name} is damaged: parts of its sound could not be decoded and are "
                "missing."
            )
        )
    elif heard.log.has_lost:
        heard.is_cut = True  # nothing is missing before the last frame that could be decoded
    if left_out:
        heard.remarks.append(
            Remark(
                f"The clock of {source.name} jumps by {left_out / 60:.0f} minutes. No silence was "
                "put there: times may differ from a player's."
            )
        )


def _has_end(source: Source, index: int, frames: clock.Packets) -> bool:
    """Whether the last packet of a track is among the frames that could be decoded."""
    with source.run(decoder.packet_times(index)) as program:
        packets = clock.Packets.read(_lines(program.data()))
    return bool(len(frames.starts) and frames.starts[-1] >= packets.starts[-1:].max(initial=0.0))


def _is_short(source: Source, heard: Heard, log: Log) -> bool:
    """Whether less came than the header states, of a file that was wanted whole."""
    is_stated = log.stated is not None and log.stated < UNBELIEVABLE and source.seconds is None
    return is_stated and heard.seconds < log.stated * (1 - SLACK[1]) - SLACK[0]


def _of_silence(name: str, seconds: float, has_lost: bool, has_clock: bool) -> Remark:
    if has_lost and not has_clock:
        return Remark(
            f"{name} is damaged: parts of its sound could not be decoded and are missing. Silence "
            f"of {seconds:.2f} s was put in their place. Files of this kind do not say when a "
            "sound is due: times after the damage may differ from a player's."
        )
    if has_lost:
        return Remark(
            f"{name} is damaged: parts of its sound could not be decoded and are missing. Silence "
            f"of {seconds:.2f} s was put in their place, so that times agree with a player's."
        )
    return Remark(
        f"{name} has no sound for {seconds:.1f} s at its start or in pauses. "
        "Silence of that length was put there, so that times agree with a player's."
    )


def _lines(data: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for block in data:
        *lines, left = (left + block).split(b"\n")
        yield from lines
    yield left


def _cut(chunks: list, seconds: float | None) -> None:
    """To the first seconds, which silence has made more of."""
    room = None if seconds is None else round(seconds * SAMPLE_RATE)
    for i, chunk in enumerate(chunks if room is not None else ()):
        chunks[i] = chunk[: max(0, room)]
        room -= len(chunk)


def _missing(source: Source, heard: Heard, log: Log, header: Header) -> Iterator[Remark]:
    """What came is heard; what did not is told."""
    name, there = source.name, heard.seconds
    exact, stated = header.stated is not None, header.stated or log.stated
    if _is_beginning(heard, source.seconds):
        return
    if stated and source.seconds is not None:
        stated = min(stated, source.seconds)
    least = (
        0.0 if stated is None else stated - 0.01 if exact else stated * (1 - SLACK[1]) - SLACK[0]
    )
    told = heard.log.text + log.text if header == Header() else ""
    is_cut = (
        heard.is_cut
        or header.is_cut
        or re.search(": partial file|Packet corrupt|no index at the end", told)
    )
    is_ogg = "ogg" in log.format.split(",")
    if stated and there < least and stated < UNBELIEVABLE:
        yield Remark(
            f"{name} ends after {there:.1f} s; its header states {stated:.1f} s. What is there was "
            "heard."
        )
    elif heard.log.broke_off or heard.log.status:
        yield Remark(f"{name} could not be read beyond {there:.1f} s. The rest is missing.")
    elif is_cut or is_ogg and not ogg.is_ended(source.file, source.size):
        yield Remark(
            f"{name} was cut off while being copied or recorded: its end may be missing. What is "
            "there was heard."
        )
