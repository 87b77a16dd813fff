"""How far the stage of notes has come, on passages kept back from it. Not the examination
(model/evaluation/question_answering.py), which nothing is chosen by.

Kept back are the last wording of each question of units that are trained on ("wording") and whole
units ("unit"). While a run goes on, every quarter of an hour is told how many answers are foretold
whole: each token the likeliest after those before (checks.jsonl). A model's own answers are scored
with the examination's rules by

    python -m model.training.notes_check MODEL --held unit
    python -m model.training.notes_check MODEL --held unit --quoting
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch
from transformers import TrainerCallback

from model.evaluation.question_answering import (
    MOST_WORDS,
    UNANSWERABLE,
    Answering,
    Question,
    examine,
    is_refusal,
    show,
)
from model.paths import as_path
from model.training.dialogues import IGNORED
from model.training.heard_passages import Example, examples
from model.training.learner import Learner
from model.training.notes_batches import NotesBatches, opening

FILE = "checks.jsonl"
EVERY = 3  # saved checkpoints
BATCHES = 4  # of each kind
SEED = 77  # of what is kept back: always the same
KEPT_BACK = ("wording", "unit")
_SMALL = "the a an in on at to for of by from my your his her our their".split()


class Checks(TrainerCallback):
    """Runs the checks now and then, as the Trainer saves."""

    def __init__(
        self, learner: Learner, batches: NotesBatches, folder: Path, tell: Callable[[str], None]
    ):
        self.learner, self.folder, self.tell, self.saved = learner, folder, tell, 0
        self.sets = {
            held: NotesBatches(batches.renderer, seed=SEED, rows=batches.rows, held=held)
            for held in KEPT_BACK
        }

    def on_save(self, args, state, control, **_):
        self.saved += 1
        if self.saved % EVERY != 1 and not control.should_training_stop:
            return
        line = {"step": state.global_step}
        for name, batches in self.sets.items():
            line[name] = check(self.learner, [batches[i] for i in range(BATCHES)])
        with open(self.folder / FILE, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        said = ", ".join(f"{name} {line[name]['right']:.0%}" for name in self.sets)
        self.tell(f"step {state.global_step}: answers foretold whole: {said}")


@torch.no_grad()
def check(learner: Learner, made: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Share of answers with every token foretold, how many answers, and nats a token."""
    was_training = learner.training
    learner.eval()
    right, losses, device = defaultdict(lambda: True), [], learner.model.head.weight.device
    for number, batch in enumerate(made):
        ids, labels, segments = (batch[n].to(device) for n in ("ids", "labels", "segments"))
        with torch.autocast(device.type, dtype=torch.bfloat16):
            _, hidden = learner._hidden(ids, labels, None, segments)
            wanted = labels[:, 1:]
            at = wanted != IGNORED
            logits = learner._logits(hidden[:, :-1][at])
        losses += torch.nn.functional.cross_entropy(logits, wanted[at], reduction="none").tolist()
        rows, columns = at.nonzero(as_tuple=True)
        of = zip(rows.tolist(), segments[rows, columns + 1].tolist(), strict=True)
        for key, hit in zip(of, (logits.argmax(-1) == wanted[at]).tolist(), strict=True):
            right[number, *key] &= hit
    learner.train(was_training)
    share = sum(right.values()) / max(1, len(right))
    return {"right": share, "answers": len(right), "loss": sum(losses) / max(1, len(losses))}


def questions(held: str, count: int) -> list[Question]:
    """Questions on passages kept back, those with short answers, as the examination asks them."""
    found: list[Question] = []
    for made in examples(SEED, held):
        found += _asked(made)
        if len(found) >= count:
            return found[:count]
    return found


def _asked(made: Example) -> Iterator[Question]:
    before = "".join(map(str, opening(made.recordings, Random(0), lambda note: [])))
    for turns in made.conversations:
        last: Question | None = None
        for turn in turns:
            if len(turn.answer.split()) > MOST_WORDS:
                break
            kind = UNANSWERABLE if is_refusal(turn.answer) else turn.kind
            accept = () if kind == UNANSWERABLE else (turn.answer, _core(turn.answer))
            last = Question(before, turn.question, kind, accept, last)
            yield last


def _core(answer: str) -> str:
    """Without the small words that it begins with: "the golden trowel" is "golden trowel"."""
    parts = answer.split()
    while len(parts) > 1 and parts[0].lower() in _SMALL:
        parts = parts[1:]
    return " ".join(parts)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Score a model's answers on passages kept back.")
    cli.add_argument("model", type=as_path, help="a checkpoint folder")
    cli.add_argument("--held", choices=KEPT_BACK, default="unit")
    cli.add_argument("--count", type=int, default=150, help="questions; default: %(default)s")
    cli.add_argument("--quoting", action="store_true", help="only words that were heard or asked")
    cli.add_argument("--out", type=as_path, metavar="FILE", help="every answer, as JSON lines")
    args = cli.parse_args(argv)
    answering = Answering.open(args.model, quoting=args.quoting)
    report = examine(answering, questions(args.held, args.count))
    show(report, args.out)


if __name__ == "__main__":
    main()
