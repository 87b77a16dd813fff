"""How far the stage of notes has come: answers on passages kept back from it, told every quarter of
an hour and written to checks.jsonl. Not the examination (model/evaluation/question_answering.py).

Kept back are the last wording of each question of units that are trained on ("wording") and whole
units ("unit"). An answer is right here if each of its tokens is the likeliest after those before.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import TrainerCallback

from model.training.dialogues import IGNORED
from model.training.learner import Learner
from model.training.notes_batches import NotesBatches

FILE = "checks.jsonl"
EVERY = 3  # saved checkpoints
BATCHES = 4  # of each kind
SEED = 77  # of what is kept back: always the same
KEPT_BACK = ("wording", "unit")


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
