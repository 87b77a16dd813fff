"""`python -m benchmarks.training`: seconds of sound learned from in a second of stage 1, and the
share of the machine's matrix peak.

Both in one run: the peak is that of a large product in bfloat16, the work of a step what all its
products count. On a processor it is one core's, by the time that core spent, as each of several
processes would have it.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from model import weights
from model.placement import pick_device, pick_dtype
from model.spec import SAMPLE_RATE
from model.training import data, ends, stages, toy, train
from model.training.plan import Plan, settled
from sessions.store import default_folder

LENGTHS = 1.5, 5.0  # seconds of a clip: about those of the corpus
SAID = "They argued whether or not he had read the letter."
SIDE = 2048  # of the matrices whose product is the peak


def clock(device: torch.device) -> float:
    """Seconds: of this process's one thread on a processor, else of the wall."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def peak(device: torch.device, runs: int = 7) -> float:
    """Operations a second of a square product in bfloat16, at best."""
    a, b = (torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(runs):
        began = clock(device)
        a @ b
        times.append(clock(device) - began)
    return 2 * SIDE**3 / min(times)


def measure(base: Path, seconds: float, steps: int, scratch: Path) -> dict:
    """Steps of stage 1 from a checkpoint, with `seconds` of sound each."""
    device = pick_device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    manifest = toy.write_clips(scratch, lengths=LENGTHS, said=SAID)
    rows = data.read(manifest)
    plan = Plan(
        stage="pretrain", base=base, data=(manifest,), out=scratch, steps=steps, seconds=seconds
    )
    plan = settled(plan, rows)
    learner, renderer, _ = ends.begin(plan, (), device)
    batches = train.mixed(plan, rows, renderer, chats=True)
    groups = stages.groups(learner, stages.STAGES[plan.stage], plan.rate)
    optimiser = torch.optim.AdamW(groups)
    work, took, heard = [], [], 0.0
    for number in range(0, 2 * steps, 2):
        made = {name: t.to(device) for name, t in batches[number].items()}
        with FlopCounterMode(display=False) as counter:  # and to warm up: counting takes time
            _step(learner, made, optimiser)
        began = clock(device)
        made = {name: t.to(device) for name, t in batches[number].items()}
        _step(learner, made, optimiser)
        took.append(clock(device) - began)
        work.append(counter.get_total_flops())
        heard += batches.mixture[number].n_samples * len(made["mels"]) / SAMPLE_RATE
    best = peak(device)
    return {
        "device": "one core" if device.type == "cpu" else torch.cuda.get_device_name(device),
        "audio_s_per_s": round(heard / sum(took), 1),
        "step_s": round(statistics.median(took), 2),
        "sound_in_step_s": round(heard / steps, 1),
        "work_tflop": round(sum(work) / steps / 1e12, 3),
        "peak_tflops": round(best / 1e12, 3),
        "peak_share": round(sum(work) / sum(took) / best, 3),
    }


def _step(learner, made: dict, optimiser) -> None:
    device = made["mels"].device
    with torch.autocast(device.type, pick_dtype(device, small=False)):
        loss = learner(**made)["loss"]
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--model", default=weights.DEFAULT, metavar="NAME|DIR")
    cli.add_argument("--seconds", type=float, default=24, help="of sound; default: %(default)s")
    cli.add_argument("--steps", type=int, default=6, help="default: %(default)s")
    args = cli.parse_args()
    base = weights.find(args.model, Path(default_folder()) / "models")
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measure(base, args.seconds, args.steps, Path(scratch))))


if __name__ == "__main__":
    main()
