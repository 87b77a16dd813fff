"""The ear's projection, turned so that the vectors point to what a linear reading already finds in
the ear (whereto: model/training/pointing.py). Solved at once, by ridge regression.

    python -m model.training.aim FOLDER OUT --data train.jsonl

For each fact, a map from what the projection is given to the direction of the true answer; their
sum is added to the projection. A map is fitted to the means of clips, and held down by how much the
slots of a clip differ among themselves, since each slot is mapped alone.
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from model import checkpoint, tokenizer
from model.placement import Placement
from model.prompt import Renderer
from model.qwen_audio import QwenAudio
from model.tokenizer import Tokenizer
from model.training import data, mixture, pointing
from model.training.batches import Batches
from model.training.ends import READER
from model.training.facts import Facts

STRENGTH = 0.4  # of what is added for a fact, where it is sure: share of the vectors' own length
SOFTER = {"kind": 0.6, "event": 0.6}  # share of that: what is asked of every clip
APART = 0.1  # weight of the slots' own differences, against those of clips
RIDGE = 0.003  # of the mean square of what comes in
CLIPS, LONGEST, SECONDS = 12_000, 6.0, 56.0  # clips that are heard; of a clip; of a batch


@dataclass(frozen=True)
class Heard:
    """What the projection is given of some clips, and what is known of them."""

    means: torch.Tensor  # (clips, width) float64, over the slots
    spread: torch.Tensor  # (width, width): covariance of slots
    facts: list[Facts]


@torch.inference_mode()
def hear(model: QwenAudio, batches: Batches, n_clips: int) -> Heard:
    """At least so many clips."""
    means, facts, square, count, number = [], [], 0.0, 0, 0
    while len(facts) < n_clips:
        mels = batches[number]["mels"]
        given = model.audio.pooled(model.audio.trunk(mels, [mels.shape[2]] * len(mels))).float()
        flat = given.flatten(0, 1)
        square, count = square + (flat.T @ flat).double(), count + len(flat)
        means.append(given.mean(1).double())
        facts += [Facts.of(unit) for unit in batches.mixture[number].units]
        number += 1
    together = torch.cat(means)
    middle = together.mean(0)
    return Heard(together, square / count - torch.outer(middle, middle), facts)


def fit(heard: Heard, name: str, answers: list[str], directions: torch.Tensor):
    """The map of one fact: weight (width out, width), bias (width out,). Where nothing can be asked
    for it, it is to add nothing; where it only is not known, the clip does not count."""
    place = {text: i for i, text in enumerate(answers)}
    true = [getattr(facts, name) for facts in heard.facts]
    counts = [bool(t) or name in f.misfits for t, f in zip(true, heard.facts, strict=True)]
    at = torch.tensor(counts).nonzero().flatten()
    wanted = torch.zeros(len(at), directions.shape[1], dtype=torch.float64)
    for row, i in zip(wanted, at.tolist(), strict=True):
        if true[i]:
            row += directions[place[true[i]]]
    middle, mean = heard.means[at].mean(0), wanted.mean(0)
    given = heard.means[at] - middle
    square = (1 - APART) * given.T @ given / len(at) + APART * heard.spread
    square.diagonal().add_(RIDGE * square.diagonal().mean())
    weight = torch.linalg.solve(square, given.T @ (wanted - mean) / len(at)).T
    return weight, mean - weight @ middle


@torch.no_grad()
def turn(model: QwenAudio, heard: Heard, tokens: Tokenizer) -> None:
    """Adds the maps of all facts to the projection."""
    audio, words = model.audio, model.llm.embed_tokens.weight.data
    long = audio.proj(heard.means.float()).norm(dim=1).mean().double()
    # what is added is scaled by the norm behind the projection, as all else
    norm = getattr(audio.out_norm, "weight", torch.ones(len(audio.proj.weight))).double()
    among = pointing.among(heard.facts)
    for name in pointing.NAMES:
        if len(among[name]) > 1:
            directions = pointing.directions(words, among[name], tokens).double()
            weight, bias = fit(heard, name, among[name], directions)
            scale = STRENGTH * SOFTER.get(name, 1.0) * long * norm.mean() / norm
            audio.proj.weight += scale[:, None] * weight
            audio.proj.bias += scale * bias


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Turn an ear's projection to what it hears.")
    cli.add_argument("folder", type=Path, help="a checkpoint, not in 4 bits")
    cli.add_argument("out", type=Path, help="the folder to write")
    cli.add_argument("--data", type=Path, required=True, metavar="MANIFEST")
    cli.add_argument("--clips", type=int, default=CLIPS, help="to be heard; default: %(default)s")
    args = cli.parse_args(argv)
    model = checkpoint.load(args.folder, Placement(torch.device("cpu"), torch.float32, 32))
    tokens = tokenizer.load(args.folder)
    rows, _ = data.within(data.read(args.data), LONGEST)
    order = mixture.Mixture(
        rows, mixture.weights(rows, temperature=2.0), seed=0, seconds=SECONDS, whole=True
    )
    batches = Batches(
        order,
        None,
        Renderer(tokens, model.audio.n_slots_of),
        rough=0.0,
        reads=pointing.answers(rows),
    )
    turn(model, hear(model, batches, args.clips), tokens)
    checkpoint.save(model, args.out, beside=args.folder)
    if (args.folder / READER).exists():
        shutil.copy(args.folder / READER, args.out / READER)


if __name__ == "__main__":
    main()
