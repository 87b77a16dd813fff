"""A head that averages a clip for a checkpoint, before the language model learns to converse: what
is true of a whole clip is told to every later layer. Trains nothing by steps.

    python -m model.training.pool MODEL --manifest train.jsonl --out OUT

MODEL is a checkpoint folder in 16 or 32 bits, the manifest as for a training stage. In one layer,
the key-value group that is missed least is overwritten (model/training/pooling.py); what it finds
is carried to the end, louder on the way (model/training/carry.py). What comes of it is for the
stage sft to learn, with --full: it goes on to keep what is carried as it is.
"""

import argparse
import random
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from model import checkpoint, tokenizer
from model.errors import EarshotError
from model.paths import as_path
from model.placement import Placement
from model.prompt import Renderer
from model.training import carry, data, ends, gather, pooling
from model.training.batches import Made
from model.training.facts import FIELDS, Facts
from model.training.learner import Learner
from model.training.plan import CannotTrain

LONGEST = 6.0  # seconds of a clip
HELD_BACK = 5  # every so many clips, one is only judged by
FEW = 600  # clips that tell slots from text, and what a group is worth
LOUD = 2.0  # times the values' spread between clips, as they are written first


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be done to which model. `louder` are the later layers that make what is carried
    larger, and how many times; the last `free` layers may write over it."""

    base: Path
    manifest: Path
    out: Path
    layer: int = 3
    louder: tuple[tuple[int, float], ...] = ()
    free: int = 3
    clips: int = 12_000
    seed: int = 0

    def __post_init__(self):
        if self.clips < HELD_BACK:
            raise CannotTrain(f"--clips is at least {HELD_BACK}; got {self.clips}.")
        if any(layer <= self.layer for layer, _ in self.louder):
            raise CannotTrain(f"--louder names layers after --layer, which is {self.layer}.")


def run(job: Job, tell: Callable[[str], None] = print) -> None:
    """Writes the folder `job.out`. Raises EarshotError."""
    model = checkpoint.load(job.base, Placement(torch.device("cpu"), torch.float32, 32))
    _check(job, model)
    # a norm in 32 bits of numbers in 16 is what autocast means; it only has no kernel of its own
    warnings.filterwarnings("ignore", "Mismatch dtype between input and weight")
    learner = Learner(model.requires_grad_(False), hears=False).eval()
    renderer = Renderer(tokenizer.load(job.base), model.audio.n_slots_of)
    learned, judged = split(data.read(job.manifest), job)
    n_judged = job.clips // HELD_BACK
    heard = gather.Heard(learned, renderer, n=job.clips - n_judged, seed=job.seed)
    judges = gather.Heard(judged, renderer, n=n_judged, seed=job.seed)
    before = gather.score(learner, judges)
    carried = install(learner, heard, job, tell)
    after = gather.score(learner, judges)
    tell("Right of clips that were held back, before and after, with nothing learned yet:")
    for name, (n, share) in before.items():
        what = "words' parts" if name == "transcript" else "answers"
        tell(f"{name}: {share:.1%}, {after[name][1]:.1%} of {n} {what}")
    write(learner, carried, job)


def _check(job: Job, model) -> None:
    n = len(model.llm.layers)
    for layer in (job.layer, *(layer for layer, _ in job.louder)):
        if not 0 <= layer < n:
            raise CannotTrain(f"This model has layers 0 to {n - 1}; got {layer}.")
    if not model.config.chats:
        raise CannotTrain(f"{job.base} is a model that does not chat: it is asked by tags alone.")


def split(rows: list[data.Row], job: Job) -> tuple[list[data.Row], list[data.Row]]:
    """The rows of clips that are learned from, and of those that are held back. Parts of one clip
    stay together."""
    clips: dict[tuple, list[data.Row]] = {}
    for row in rows:
        clips.setdefault(row.clip, []).append(row)
    told = [of for of in clips.values() if gather.known(Facts.of(of))]
    random.Random(job.seed).shuffle(told)
    parts = [row for of in told[HELD_BACK - 1 :: HELD_BACK] for row in of]
    others = [row for i, of in enumerate(told, 1) if i % HELD_BACK for row in of]
    kept = [_known(data.within(part, LONGEST)[0]) for part in (others, parts)]
    if not all(kept):
        tasks = ", ".join(FIELDS)
        raise CannotTrain(
            f"{job.manifest} tells no facts of {HELD_BACK} clips that can be heard: "
            f"rows of these tasks do ({tasks})."
        )
    return kept[0], kept[1]


def _known(rows: list[data.Row]) -> list[data.Row]:
    """Of the clips of which a fact is known: windows of a long clip may have lost theirs."""
    clips: dict[tuple, list[data.Row]] = {}
    for row in rows:
        clips.setdefault(row.clip, []).append(row)
    return [row for of in clips.values() if gather.known(Facts.of(of)) for row in of]


def cheapest(
    learner: Learner, heard: Sequence[Made], layers: Sequence[int], tell: Callable[[str], None]
) -> list[int]:
    """Of each layer the group without which answers cost the least, by cross-entropy."""
    whole = gather.cost(learner, heard)
    return [_cheapest(learner, heard, layer, whole, tell) for layer in layers]


def _cheapest(learner, heard, layer: int, whole: float, tell: Callable[[str], None]) -> int:
    attention, costs = learner.model.llm.layers[layer].self_attn, []
    for group in range(pooling.n_groups(attention)):
        with pooling.without(attention, group):
            costs.append(gather.cost(learner, heard) - whole)
        tell(f"Without group {group} of layer {layer}: {costs[-1]:+.4f} nats a token")
    return costs.index(min(costs))


@torch.no_grad()
def install(
    learner: Learner, heard: gather.Heard, job: Job, tell: Callable[[str], None]
) -> carry.Carried:
    """A group of `job.layer` averages the slots, what it finds is carried to the end, and a group
    of each layer of `job.louder` makes it larger."""
    llm, some = learner.model.llm, list(heard.some(FEW))
    attention = llm.layers[job.layer].self_attn
    later = [layer for layer, _ in job.louder]
    group, *others = cheapest(learner, some, [job.layer, *later], tell)
    louder = list(zip(later, others, strict=True))
    places = gather.places(learner, some, job.layer)
    means, answers = gather.means(learner, heard, job.layer)
    del answers["transcript"]
    found = pooling.directions(means, answers, room=attention.head_dim, unread=places)
    n = found.directions.shape[1]
    if not n:
        raise CannotTrain(
            f"No fact has two answers with {pooling.FEWEST} clips each: there is nothing to tell "
            "apart."
        )
    tell(f"{n} directions in group {group} of layer {job.layer}")
    where = carry.least_used(gather.residuals(learner, some, job.layer), n)
    end = max(job.layer + 1, len(llm.layers) - job.free)
    carried = carry.Carried(where, job.layer, end, ((job.layer, group), *louder))
    pooling.install(attention, group, found, pooling.key(places))
    carried.keep(llm)
    carried.hide(llm)
    attention.o_proj.weight[:, pooling.columns(attention, group, n)] = where * LOUD
    for at, (layer, gain) in zip(louder, job.louder, strict=True):
        carry.amplify(llm, carried, at, gain, gather.size(learner, some, layer))
    return carried


def write(learner: Learner, carried: carry.Carried, job: Job) -> None:
    """A checkpoint like the one that it was made of; an ear that reads by itself still does."""
    job.out.mkdir(parents=True, exist_ok=True)
    for stale in job.out.glob("model*.safetensors*"):
        stale.unlink()
    checkpoint.save(learner.model, job.out, beside=job.base)
    carried.save(job.out)
    reader = job.base / ends.READER
    if reader.exists() and job.base != job.out:
        shutil.copy2(reader, job.out / ends.READER)


def _gains(text: str) -> tuple[tuple[int, float], ...]:
    pairs = (part.split(":") for part in text.split(","))
    return tuple((int(layer), float(gain)) for layer, gain in pairs)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Put a head that averages a clip into a checkpoint.")
    cli.add_argument("base", type=as_path, metavar="MODEL", help="a checkpoint in 16 or 32 bits")
    cli.add_argument(
        "--manifest", type=as_path, required=True, help="clips, and what is true of them"
    )
    cli.add_argument("--out", type=as_path, required=True, help="the folder to write")
    cli.add_argument("--layer", type=int, default=3, help="of the language model, from 0")
    cli.add_argument(
        "--louder", type=_gains, default=(), metavar="LAYER:TIMES,…", help="such as 8:1.5,13:1.6"
    )
    cli.add_argument("--free", type=int, default=3, help="last layers that may write over it")
    cli.add_argument("--clips", type=int, default=12_000, help="default: %(default)s")
    cli.add_argument("--seed", type=int, default=0)
    args = cli.parse_args(argv)
    try:
        run(Job(**vars(args)), lambda line: print(line, flush=True))
    except EarshotError as error:
        cli.error(str(error))


if __name__ == "__main__":
    main()
