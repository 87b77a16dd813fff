"""`python -m benchmarks.rounding FOLDER --calibration train.jsonl --test dev.jsonl`: what rounding
to 4 bits costs a model: its perplexity whole, rounded to the nearest, and with errors made good.

All in one run, over the answers of the same conversations about clips that rounding did not see.
FOLDER is a checkpoint that is not in 4 bits yet, as training leaves it.
"""

import argparse
import json
import math
import tempfile
from itertools import islice
from pathlib import Path

import torch

from model import checkpoint, tokenizer
from model.paths import as_path
from model.placement import Placement
from model.prompt import Renderer
from model.training import ship
from model.training.batches import Chat, Tags
from model.training.dialogues import IGNORED
from model.training.learner import Learner

WHOLE = Placement(torch.device("cpu"), torch.float32, 32)
PACKED = Placement(torch.device("cpu"), torch.float32, 4)
WAYS = "nearest", "compensated"


@torch.inference_mode()
def perplexity(model, renderer: Renderer, test: Path, n: int) -> float:
    """Over the answers of `n` batches of conversations about the clips of a manifest."""
    learner, loss, labels = Learner(model, hears=False), 0.0, 0
    ask = Chat(renderer) if model.config.chats else Tags(renderer)
    for made in islice(ship.about(test, ask, renderer), n):
        own = int((made["labels"] != IGNORED).sum())
        loss += float(learner(**made)["loss"]) * own
        labels += own
    return math.exp(loss / labels)


def measure(folder: Path, heard_from: Path, test: Path, batches: int, positions: int) -> dict:
    """Perplexities by way of rounding."""
    renderer, found = None, {}
    for way in ("whole", *WAYS):
        model = checkpoint.load(folder, WHOLE)
        renderer = renderer or Renderer(tokenizer.load(folder), model.audio.n_slots_of)
        with tempfile.TemporaryDirectory() as out:
            if way in WAYS:
                heard = None
                if way == "compensated":
                    heard = ship.conversations(
                        model, renderer, manifest=heard_from, positions=positions
                    )
                ship.export(model, Path(out), calibration=heard, beside=folder)
                model = checkpoint.load(Path(out), PACKED)
            found[way] = perplexity(model, renderer, test, batches)
    lost = (found["compensated"] - found["whole"]) / (found["nearest"] - found["whole"])
    return {name: round(value, 4) for name, value in found.items()} | {
        "share_of_loss_left": round(lost, 2),
        "batches": batches,
    }


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("folder", type=as_path, help="a checkpoint, not yet in 4 bits")
    cli.add_argument("--calibration", type=as_path, required=True, metavar="MANIFEST")
    cli.add_argument("--test", type=as_path, required=True, metavar="MANIFEST")
    cli.add_argument("--batches", type=int, default=40, help="to test with; default: %(default)s")
    cli.add_argument("--positions", type=int, default=ship.POSITIONS, help="that rounding sees")
    args = cli.parse_args()
    print(
        json.dumps(measure(args.folder, args.calibration, args.test, args.batches, args.positions))
    )


if __name__ == "__main__":
    main()
