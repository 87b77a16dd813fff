"""Decoding a long mp3, beside the ffmpeg program on the same file.

    python -m benchmarks.decoding [--minutes 60] [--runs 3]

Both decode the whole file and then its first 30 s, in turns. Ours runs in a fresh process each
time; its time is that of the call, since a chat has long been started when a recording comes.
Memory is the peak of that process and of the program it started. The last line is JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from model.audio import ffmpeg
from model.spec import SAMPLE_RATE

SOUND = "aevalsrc='0.3*sin(2*PI*(220+90*sin(t/3))*t)+0.1*random(0)|0.2*sin(2*PI*330*t)':s=44100"

OURS = """
import json, resource, sys, time
from model.audio import decode

def timed(**options):
    start = time.perf_counter()
    clip = decode(sys.argv[1], **options)
    return time.perf_counter() - start, clip.seconds

decode(sys.argv[1], seconds=1)  # warm: modules loaded, the program in the disk cache
first, _ = timed(seconds=30)
whole, seconds = timed()
unit = 1 if sys.platform == "darwin" else 1024  # bytes
here, program = (
    resource.getrusage(who).ru_maxrss * unit
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
)
print(json.dumps(dict(whole=whole, first=first, seconds=seconds, here=here, program=program)))
"""


def make_mp3(path: Path, minutes: float) -> None:
    """Stereo, 44.1 kHz, 128 kbit/s."""
    sound = ["-f", "lavfi", "-i", SOUND, "-t", str(minutes * 60)]
    subprocess.run([ffmpeg(), "-v", "error", *sound, "-b:a", "128k", str(path)], check=True)


def ours(path: Path) -> dict:
    words = [sys.executable, "-c", OURS, str(path)]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def theirs(path: Path, *options: str) -> float:
    """Seconds the ffmpeg program takes to write the file's samples."""
    words = [ffmpeg(), "-nostdin", "-v", "error", "-i", str(path), *options]
    words += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(path: Path, runs: int) -> dict:
    """Medians of `runs` rounds; the largest peak of memory."""
    rounds = []
    for _ in range(runs):
        program = {"ffmpeg": theirs(path), "ffmpeg_first": theirs(path, "-t", "30")}
        rounds.append(ours(path) | program)
    median = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    return {
        "audio_minutes": round(median["seconds"] / 60, 2),
        "ours_seconds": round(median["whole"], 3),
        "ffmpeg_seconds": round(median["ffmpeg"], 3),
        "ratio": round(median["whole"] / median["ffmpeg"], 2),
        "ours_first_30_s": round(median["first"], 3),
        "ffmpeg_first_30_s": round(median["ffmpeg_first"], 3),
        "peak_rss_mb": round(max(one["here"] for one in rounds) / 1e6),
        "peak_rss_program_mb": round(max(one["program"] for one in rounds) / 1e6),
    }


def main():
    cli = argparse.ArgumentParser(description="Time the decoding of a long mp3.")
    cli.add_argument("--minutes", type=float, default=60, help="default: %(default)s")
    cli.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp3"
        make_mp3(path, args.minutes)
        figures = measure(path, args.runs)
    print(f"{figures['audio_minutes']} minutes of stereo mp3, median of {args.runs}")
    print(f"  whole:      ours {figures['ours_seconds']} s, ffmpeg {figures['ffmpeg_seconds']} s")
    print(f"              {figures['ratio']} times as long")
    print(f"  first 30 s: ours {figures['ours_first_30_s']} s, ", end="")
    print(f"ffmpeg {figures['ffmpeg_first_30_s']} s")
    print(f"  peak RSS:   ours {figures['peak_rss_mb']} MB, ", end="")
    print(f"and {figures['peak_rss_program_mb']} MB of the program it runs")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
