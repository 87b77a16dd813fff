"""`python -m benchmarks.microphone [WHAT …]`: how well this machine's microphone is heard.

`record`, through a virtual microphone: length, lost blocks, likeness to what was played. `kill`:
what `kill -9` loses. `memory`: of three hours, faster than they last. `starts`: beginnings lost.
`ends`: from the end of speech to the stored question. `speech`: misses and false alarms in noise,
beside webrtcvad on the same sound. Speech is the sample that comes with Earshot.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from app import chat
from app.ear import Ear, Heard, Pause
from app.recorder import Recordings
from app.talks import Talks
from app.utterance import Hearing
from benchmarks.virtual import RATE, VirtualMicrophone, lacking
from model import audio
from model.engine import Parrot
from model.machine import PACKAGED
from model.messages import Sampling
from model.resample import Resampler
from model.spec import SAMPLE_RATE
from model.speech import FRAME, Speech
from sessions.store import Store

SAMPLE = PACKAGED.parent / "sample"
GRID = SAMPLE_RATE // 100  # samples of a hundredth of a second, in which speech is told from none
QUIET_DB = 35  # below the loud parts of clean speech: nobody speaks
GAP = 20  # hundredths of a second within speech that are speech too
LEVELS = (20, 10, 5)  # dB of speech over noise
FULL = 32768
ROOT = Path(__file__).parents[1]


def speech() -> list[np.ndarray]:
    """Clips (n,) float32 of one or several sentences, at 16 kHz."""
    return [audio.decode(SAMPLE / name).samples for name in _names("speech")]


def sounds() -> list[np.ndarray]:
    return [audio.decode(SAMPLE / name).samples for name in _names("sound", "music", "vocal")]


def _names(*kinds: str) -> list[str]:
    rows = map(json.loads, (SAMPLE / "manifest.jsonl").read_text().splitlines())
    is_speech = "speech" in kinds
    return sorted({row["audio"] for row in rows if (row["kind"] == "speech") == is_speech})


def spoken(samples: np.ndarray) -> np.ndarray:
    """Where someone speaks in clean speech (hundredths,) bool: by its loudness."""
    n = len(samples) // GRID
    power = np.square(samples[: n * GRID]).reshape(n, GRID).mean(1)
    loud = power > np.quantile(power, 0.95) / 10 ** (QUIET_DB / 10)
    return joined(loud)


def joined(loud: np.ndarray) -> np.ndarray:
    """Short gaps between speech are speech."""
    at = np.flatnonzero(loud)
    whole = loud.copy()
    for one, other in zip(at, at[1:], strict=False):
        if other - one <= GAP:
            whole[one:other] = True
    return whole


class Played:
    """A source that gives known sound: as fast as it is taken, or in its own time."""

    name, dropped = "Played", 0

    def __init__(self, blocks: Iterator[np.ndarray], rate: int, in_time: bool = False):
        self.rate, self._blocks, self._in_time = rate, blocks, in_time
        self.began = 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        self.began, n = time.perf_counter(), 0
        for block in self._blocks:
            n += len(block)
            if self._in_time:
                time.sleep(max(0.0, self.began + n / self.rate - time.perf_counter()))
            yield block

    def close(self) -> None:
        pass


def in_blocks(samples: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    step = rate // 50
    pcm = (np.clip(samples, -1, 1) * (FULL - 1)).astype(np.int16)
    return (pcm[at : at + step] for at in range(0, len(pcm), step))


def silence(seconds: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    """A quiet room: noise at -70 dB, since microphones never give zeros."""
    random = np.random.default_rng(0)
    return random.normal(0, 3e-4, round(seconds * rate)).astype(np.float32)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def virtual(where: Path) -> Iterator[VirtualMicrophone]:
    if reason := lacking():
        sys.exit(reason)
    (where / "sound").mkdir()
    with closing(VirtualMicrophone(where / "sound")) as virtual:
        os.environ.update(virtual.environment)
        yield virtual


# What is measured ---------------------------------------------------------------------------------


def record(seconds: float) -> dict:
    """Played into a virtual microphone, recorded through PortAudio."""
    from app import microphone

    played = np.concatenate(speech())
    played = np.resize(played, round(seconds * SAMPLE_RATE))
    played = Resampler(SAMPLE_RATE, RATE).hear(played)
    with folder() as where, virtual(where) as virtual_one:
        wav = where / "played.wav"
        with wave.open(str(wav), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((played * (FULL - 1)).astype(np.int16).tobytes())
        ear = Ear(microphone.Microphone(microphone.choose()), Recordings(where))
        ear.begin()
        while ear.seconds == 0:
            time.sleep(0.01)
        time.sleep(virtual_one.play(wav) + 0.5)
        took = ear.close()
        with wave.open(str(took.settled())) as file:
            heard = np.frombuffer(file.readframes(file.getnframes()), np.int16) / FULL
    starts = [_shift(played[:RATE], heard), _shift(played[-RATE:], heard)]
    length = (starts[1] + RATE - starts[0]) / RATE
    same = heard[starts[0] : starts[0] + len(played)]
    likeness = np.corrcoef(same, played[: len(same)])[0, 1]
    return {
        "played_s": len(played) / RATE,
        "length_off_ms": round(1000 * (length - len(played) / RATE), 2),
        "dropped": ear.source.dropped,
        "correlation": round(float(likeness), 5),
    }


def _shift(part: np.ndarray, whole: np.ndarray) -> int:
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole)]))


RECORDER = """
import sys, time
from app import microphone
from app.ear import Ear
from app.recorder import Recordings
ear = Ear(microphone.Microphone(microphone.choose()), Recordings(sys.argv[1]))
ear.begin()
while True:
    print(ear.meter.n_peaks * 0.05, flush=True)  # seconds that were heard
    time.sleep(0.02)
"""


def kill(seconds: float = 3) -> dict:
    """A recording process that is killed; what it had heard beside what is found again."""
    with folder() as where, virtual(where):
        command = [sys.executable, "-c", RECORDER, str(where)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            heard = 0.0
            while heard < seconds:
                heard = float(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            heard = max([heard, *map(float, process.stdout.read().split())])
        (left,) = Recordings(where).leftovers()
    return {"heard_s": round(heard, 2), "recovered_s": left.seconds, "lost_s": heard - left.seconds}


def memory(hours: float) -> dict:
    """Recorded as fast as the disk takes it, at 48 kHz, with level and waveform."""
    import psutil

    block = (0.1 * FULL * np.sin(np.arange(RATE // 50) / 7)).astype(np.int16)
    process, held = psutil.Process(), []

    def blocks() -> Iterator[np.ndarray]:
        n = round(hours * 3600 * 50) - 1
        for i in range(n):
            if i % (n // 60) == n // 120:
                held.append(process.memory_info().rss)
            yield block

    with folder() as where:
        ear = Ear(Played(blocks(), RATE), Recordings(where))
        ear.begin()
        while ear.is_alive:
            time.sleep(0.2)
        took = ear.close()
        size = took.settled().stat().st_size
    grown = max(held) - held[0]
    return {"hours": took.seconds / 3600, "file_mb": size / 1e6, "grown_mb": round(grown / 1e6, 1)}


def starts(n: int) -> dict:
    """Utterances whose beginning is cut off, and how much stands before the others'."""
    clips = [clip for clip in speech() if len(clip) > 0.5 * SAMPLE_RATE][:n]
    with folder() as where:
        before = [_before(clip, where / str(i)) for i, clip in enumerate(clips)]
    return {
        "utterances": len(clips),
        "clipped": sum(seconds < 0 for seconds in before),
        "least_before_s": round(min(before), 2),
        "median_before_s": round(float(np.median(before)), 2),
    }


def _before(clip: np.ndarray, where: Path) -> float:
    """Seconds that a recording has before speech begins; less than 0 where that is cut off."""
    sound = np.concatenate([silence(1.5), clip, silence(2)])
    began = 1.5 + np.flatnonzero(spoken(clip))[0] * GRID / SAMPLE_RATE
    ear = Ear(
        Played(in_blocks(sound, SAMPLE_RATE), SAMPLE_RATE), Recordings(where), hearing=Hearing()
    )
    while ear.is_alive:
        time.sleep(0.01)
    while not ear.heard.empty():
        if isinstance(heard := ear.heard.get(), Heard):
            break
    else:
        return -float("inf")
    pcm = b"".join(block.tobytes() for block in in_blocks(sound, SAMPLE_RATE))
    with wave.open(str(heard.take.settled())) as file:
        first = pcm.find(file.readframes(SAMPLE_RATE // 4)) / 2 / SAMPLE_RATE
    assert first >= 0
    return float(began - first)


def ends(n: int = 12) -> dict:
    """Seconds from the last sound of speech to the stored question, beyond the silence that was
    asked for. The sound comes in its own time."""
    hearing, decided, late = Hearing(), [], []
    clips = sorted(speech(), key=len)
    clips = [clip for clip in clips if len(clip) > SAMPLE_RATE][:n]
    with folder() as where, Store(where) as store, closing(Talks(Parrot(), store)) as talks:
        for clip in clips:
            over = (np.flatnonzero(spoken(clip))[-1] + 1) * GRID / SAMPLE_RATE + 1
            sound = np.concatenate([silence(1), clip, silence(hearing.silence + 2)])
            source = Played(in_blocks(sound, SAMPLE_RATE), SAMPLE_RATE, in_time=True)
            with closing(Recordings(where)) as recordings:
                ear, ready = Ear(source, recordings, hearing=hearing), None
                while isinstance(heard := ear.heard.get(timeout=60), Pause):
                    name = "Question"
                    took = audio.decode(heard.path, name=name, seconds=heard.seconds)
                    ready = heard.seconds, chat.keep(store, took, name)
                decided.append(time.perf_counter() - source.began - over - hearing.silence)
                assert ready and ready[0] == heard.take.seconds
                talks.start(store.start().id, (ready[1],), Sampling())
                asked = time.perf_counter() - source.began
                late.append(asked - over - hearing.silence)
                ear.close()
    return {
        "utterances": len(late),
        "silence_s": hearing.silence,
        "median_decided_late_ms": round(1000 * float(np.median(decided))),
        "most_decided_late_ms": round(1000 * max(decided)),
        "median_late_ms": round(1000 * float(np.median(late))),
        "most_late_ms": round(1000 * max(late)),
    }


def in_noise(level: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Speech with pauses in noise that is so many dB below it, (n,) float32, and where it is
    (hundredths,): pink noise, and animals, machines and music by turns."""
    random = np.random.default_rng(seed)
    pieces, truth = [], []
    for clip in speech():
        clip = clip[: 8 * SAMPLE_RATE // GRID * GRID]
        clip = clip[: len(clip) // GRID * GRID]
        said = spoken(clip)
        power = np.square(clip).reshape(-1, GRID).mean(1)[said].mean()
        pause = int(random.integers(100, 200))
        clean = np.concatenate([np.zeros(pause * GRID, np.float32), clip])
        noise = _noise(len(clean), random)
        pieces.append(clean / np.sqrt(power) * 0.1 + noise * 0.1 / 10 ** (level / 20))
        truth.append(np.concatenate([np.zeros(pause, bool), said]))
    return np.concatenate(pieces).astype(np.float32), np.concatenate(truth)


def _noise(n: int, random: np.random.Generator) -> np.ndarray:
    """(n,) with a power of 1: half of the time pink noise, half of the time a recorded sound."""
    if random.random() < 0.5:
        spectrum = np.fft.rfft(random.normal(size=n))
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), n)
    else:
        noise = np.resize(_SOUNDS[random.integers(len(_SOUNDS))], n)
    return noise / np.sqrt(np.mean(np.square(noise)) + 1e-12)


_SOUNDS: list[np.ndarray] = []


def rates(found: np.ndarray, truth: np.ndarray) -> dict:
    n = min(len(found), len(truth))
    found, truth = joined(found[:n]), truth[:n]
    return {
        "miss": round(float((~found & truth).sum() / truth.sum()), 4),
        "false_alarm": round(float((found & ~truth).sum() / (~truth).sum()), 4),
    }


def by_silero(sound: np.ndarray) -> np.ndarray:
    """(hundredths,) bool, with the threshold of the usual sensitivity."""
    likely = np.array(Speech().hear(sound)) >= Hearing().threshold
    frames = (np.arange(len(likely) * FRAME // GRID) * GRID + GRID // 2) // FRAME
    return likely[frames]


def by_webrtc(sound: np.ndarray, mode: int) -> np.ndarray:
    import webrtcvad

    vad, pcm = webrtcvad.Vad(mode), (np.clip(sound, -1, 1) * (FULL - 1)).astype("<i2")
    step = 3 * GRID
    judged = [
        vad.is_speech(pcm[at : at + step].tobytes(), SAMPLE_RATE)
        for at in range(0, len(pcm) - step + 1, step)
    ]
    return np.repeat(judged, 3)


def noisy() -> dict:
    """Shares of speech that is missed and of the rest that is taken for speech."""
    _SOUNDS[:] = sounds()
    found = {}
    for level in LEVELS:
        sound, truth = in_noise(level, seed=level)
        found[f"{level} dB"] = {
            "silero": rates(by_silero(sound), truth),
            **{f"webrtc {mode}": rates(by_webrtc(sound, mode), truth) for mode in (2, 3)},
            "minutes": round(len(sound) / SAMPLE_RATE / 60, 1),
        }
    return found


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("what", nargs="*", help="record, kill, memory, starts, ends, speech")
    cli.add_argument("--seconds", type=float, default=60, help="recorded; default: %(default)s")
    cli.add_argument("--hours", type=float, default=2.99, help="of memory; default: %(default)s")
    cli.add_argument("--utterances", type=int, default=50, help="default: %(default)s")
    args = cli.parse_args()
    measures = {
        "record": lambda: record(args.seconds),
        "kill": kill,
        "memory": lambda: memory(args.hours),
        "starts": lambda: starts(args.utterances),
        "ends": lambda: ends(min(12, args.utterances)),
        "speech": noisy,
    }
    if unknown := set(args.what) - set(measures):
        cli.error(f"not measured: {', '.join(sorted(unknown))}")
    results = {}
    for what in args.what or measures:
        results[what] = measures[what]()
        print(what, results[what], flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
