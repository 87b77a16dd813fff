"""The second turn of a conversation, beside another commit of this repository.

    python -m benchmarks.second_turn [--against REF] [--packages DIR]

Both checkouts read the same random weights in float32, in processes of their own that take turns
talk by talk. Times are to the first token and for the whole answer; ratios are ours to the other's
(the median of talks), so that less is better; with --cpu they are of processor time, where other
programs disturb. REF is by default the first commit in which Earshot-mini shipped. It may need
older packages: what was installed into DIR (`pip install --target DIR --no-deps
transformers==5.20.0`) comes first for it alone. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import synthetic
from model.paths import as_path

ROOT = Path(__file__).parent.parent
SIZES = synthetic.TOY | {
    "hidden_size": 768,
    "intermediate_size": 4096,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "n_state": 384,
    "n_head": 6,
    "n_layer": 4,
}
PARTS = "first_turn_s", "second_turn_s", "second_answer_s"

# runs in either checkout: with what both have
WORKER = """
import json, sys, time
from pathlib import Path
import numpy as np
from model.local import LocalEngine
from model.messages import Clip, Message, Sampling

folder, clock, (seconds, tokens) = sys.argv[1], getattr(time, sys.argv[2]), map(int, sys.argv[3:])
engine = LocalEngine.open(Path(folder), bits=32, device="cpu")
sampling = Sampling(max_tokens=tokens, temperature=0, repetition_penalty=2.0)  # not in circles

def timed(talk):
    began, first, ids = clock(), None, []
    for piece in engine.reply(talk, sampling):
        ids += piece.token_ids
        if ids and first is None:
            first = clock() - began
    return first, clock() - began, ids, piece.n_reused

for line in sys.stdin:
    notes = np.repeat(np.random.default_rng(int(line)).uniform(150, 900, seconds * 4), 4000)
    clip = Clip.of((np.sin(2 * np.pi * np.cumsum(notes) / 16000) * 9000).astype(np.int16))
    talk = [Message("user", (clip, "What do you hear?"))]
    one, _, said, _ = timed(talk)
    talk += [Message("assistant", ("Tones.",)), Message("user", ("Say it in other words.",))]
    two, whole, again, reused = timed(talk)
    row = dict(first_turn_s=one, second_turn_s=two, second_answer_s=whole, reused=reused)
    print(json.dumps(row | dict(ids=said + again)), flush=True)
"""


def first_release() -> str:
    """The first commit in which Earshot-mini shipped."""
    wanted = ["log", "--diff-filter=A", "--format=%h", "--", "assets/earshot-mini/config.json"]
    return _git(*wanted).split()[-1]


@contextmanager
def checkout(ref: str) -> Iterator[Path]:
    """Its files, in a folder for a while."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkout"
        _git("worktree", "add", "--detach", str(folder), ref)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


class Worker:
    """A process in a checkout that holds the model and talks when it is told to."""

    def __init__(self, checkout: Path, packages: Path | None, *options: str | int):
        paths = [str(checkout), *([str(packages)] if packages else [])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *map(str, options)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def talk(self, seed: int) -> dict:
        """The times of a talk of two turns."""
        print(seed, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "the process ended: what it said is above"
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(ours: list[dict], theirs: list[dict]) -> dict:
    """Medians of times, and of their ratios."""
    row, pairs = {}, list(zip(ours, theirs, strict=True))
    for part in PARTS:
        row[part] = {
            "ours": round(statistics.median(one[part] for one in ours), 4),
            "theirs": round(statistics.median(one[part] for one in theirs), 4),
            "ratio": round(statistics.median(a[part] / b[part] for a, b in pairs), 2),
        }
    row["same_tokens"] = all(a["ids"] == b["ids"] for a, b in pairs)
    row["same_reuse"] = all(a["reused"] == b["reused"] for a, b in pairs)
    return row


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def main() -> None:
    cli = argparse.ArgumentParser(prog="python -m benchmarks.second_turn", description=__doc__)
    cli.add_argument("--against", metavar="REF", help="default: the first release")
    cli.add_argument("--packages", type=as_path, metavar="DIR", help="older packages for REF")
    cli.add_argument("--talks", type=int, default=9, help="default: %(default)s")
    cli.add_argument("--seconds", type=int, default=10, help="of a clip; default: %(default)s")
    cli.add_argument("--tokens", type=int, default=40, help="of an answer; default: %(default)s")
    cli.add_argument("--cpu", action="store_true", help="processor time, not the clock's")
    cli.add_argument("--toy", action="store_true", help="a small model, for a quick look")
    args = cli.parse_args()
    ref, ours, theirs = args.against or first_release(), [], []
    packages = args.packages and args.packages.resolve()
    with tempfile.TemporaryDirectory() as scratch, checkout(ref) as other:
        weights = Path(scratch)
        synthetic.write(weights, synthetic.TOY if args.toy else SIZES)
        clock = "process_time" if args.cpu else "perf_counter"
        options = weights, clock, args.seconds, args.tokens
        with (
            closing(Worker(other, packages, *options)) as there,
            closing(Worker(ROOT, None, *options)) as here,
        ):
            for seed in range(args.talks + 1):
                pair = [(theirs, there), (ours, here)]
                for rows, worker in pair if seed % 2 else reversed(pair):
                    rows.append(worker.talk(seed))
    print(json.dumps({"against": ref, **compare(ours[1:], theirs[1:])}))  # the first warms up


if __name__ == "__main__":
    main()
