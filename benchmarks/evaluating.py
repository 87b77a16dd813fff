"""`python -m benchmarks.evaluating`: recordings asked one by one, and side by side, in turns.

Each run begins with nothing remembered; the files are decoded before the clock starts. What is
compared is the whole of hearing and answering, in clips a second; and, since a processor is often
shared, in seconds of processor time a clip. The last line is JSON.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from model import weights
from model.evaluation import loop, manifest
from model.local import LocalEngine
from model.machine import PACKAGED
from model.messages import Message
from model.paths import as_path
from sessions.store import default_folder

SAMPLE = PACKAGED.parent / "sample" / "manifest.jsonl"


def measure(engine: LocalEngine, items: list[manifest.Item], size: int, runs: int) -> dict:
    """Clips a second for both ways, the medians of `runs`, and how many answers are the same."""
    talks = [
        [Message("user", (*map(loop.clip_of, item.sounds), loop.row_of(item.task).asks))]
        for item in sorted(items, key=loop.alike)
    ]
    times: dict[int, list[tuple[float, float]]] = {1: [], size: []}
    said = {}
    for _ in range(runs + 1):
        for n, taken in times.items():
            engine.sounds.clear()
            engine.memories.clear()
            began = time.perf_counter(), time.process_time()
            groups = [talks[at : at + n] for at in range(0, len(talks), n)]
            said[n] = [answer for group in groups for answer in loop.answers(engine, group)]
            taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    # the first run warms up
    (one, one_busy), (many, many_busy) = (
        map(statistics.median, zip(*taken[1:], strict=True)) for taken in times.values()
    )
    return {
        "model": engine.about.name,
        "device": engine.about.device,
        "clips": len(talks),
        "batch": size,
        "clips_per_s_alone": round(len(talks) / one, 2),
        "clips_per_s": round(len(talks) / many, 2),
        "ratio": round(one / many, 2),
        "processor_s_a_clip_alone": round(one_busy / len(talks), 3),
        "processor_s_a_clip": round(many_busy / len(talks), 3),
        "same_answers": sum(a == b for a, b in zip(*said.values(), strict=True)),
    }


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--model", default=weights.DEFAULT, metavar="NAME|DIR")
    cli.add_argument(
        "--manifest", type=as_path, default=SAMPLE, help="default: Earshot's own sample"
    )
    cli.add_argument("--limit", type=int, default=48, help="clips at most; default: %(default)s")
    cli.add_argument("--batch", type=int, default=8, help="default: %(default)s")
    cli.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    args = cli.parse_args()
    items = manifest.some(manifest.read(args.manifest), args.limit)
    engine = LocalEngine.open(weights.find(args.model, Path(default_folder()) / "models"))
    print(json.dumps(measure(engine, items, args.batch, args.runs)))


if __name__ == "__main__":
    main()
