"""Hugging Face's Trainer, with our rates, our course, and checkpoints of what learns alone.

The Trainer (with Accelerate beneath it) carries the loop, mixed precision, gradient accumulation,
several processes and the checkpoints; nothing here knows how many processes there are.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from model.training import curve, stages
from model.training.course import Course

WEIGHTS = "model.safetensors"  # in a checkpoint: the name that the Trainer looks for
LOSSES, PICTURE = "loss.jsonl", "loss.svg"


class StageTrainer(Trainer):
    """Trains a Learner along a Course."""

    def __init__(self, learner, args: TrainingArguments, batches, course: Course, *, rate: float):
        self.course, self.rate = course, rate
        super().__init__(learner, args, train_dataset=batches, data_collator=_only)
        self.learning = [name for name, p in learner.named_parameters() if p.requires_grad]
        for printing in (PrinterCallback, ProgressCallback):
            self.remove_callback(printing)
        self.add_callback(_Clock(self))
        self.add_callback(_Losses(Path(args.output_dir), course, args.process_index == 0))

    def _get_train_sampler(self, *_):
        return SequentialSampler(self.train_dataset)  # the order is the batches' own number

    def create_optimizer(self, model=None):
        """AdamW, new things faster than old ones."""
        if self.optimizer is None:
            groups = stages.groups(model or self.model, self.rate)
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer=None):
        if self.lr_scheduler is None:
            optimizer = optimizer or self.optimizer
            self.lr_scheduler = LambdaLR(optimizer, [self.course] * len(optimizer.param_groups))
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _load_optimizer_and_scheduler(self, checkpoint):
        now = Course(self.course.steps, self.course.minutes)
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:  # the schedule has brought back the course as it was
            saved = dict(vars(self.course))
            self.course.steps, self.course.minutes, self.course.end = (
                now.steps,
                now.minutes,
                now.end,
            )
            self.course.go_on(saved)

    def _save(self, output_dir=None, state_dict=None):
        """What learns, and nothing else."""
        whole = self.model.state_dict() if state_dict is None else state_dict
        if self.args.should_save:
            os.makedirs(output_dir, exist_ok=True)
            kept = {name: whole[name].detach().contiguous().cpu() for name in self.learning}
            save_file(kept, Path(output_dir) / WEIGHTS, metadata={"format": "pt"})

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = load_file(Path(resume_from_checkpoint) / WEIGHTS)
        restore(self.model, saved, self.learning)


def restore(learner, saved: dict[str, torch.Tensor], learning: list[str]) -> None:
    """Puts saved values where they learn; every one of them must be there."""
    assert saved.keys() == set(learning), saved.keys() ^ set(learning)
    learner.load_state_dict(saved, strict=False)


def _only(items: list):
    (item,) = items  # the data's items are whole batches
    return item


class _Clock(TrainerCallback):
    """Ends a run by its course or by a signal, and saves now and then. All processes decide alike:
    the slowest clock and any signal count."""

    def __init__(self, trainer: StageTrainer, save_every: float = 300):
        self.trainer, self.save_every = trainer, save_every
        self.asked = self.saved_at = self.last = 0.0

    def on_train_begin(self, args, state, control, **_):
        self.last, self.saved_at = time.monotonic(), self.trainer.course.seconds
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}

    def _ask(self, number, frame):
        if self.asked:  # asked twice: at once
            raise KeyboardInterrupt
        self.asked = 1.0

    def on_step_end(self, args, state, control, **_):
        course, now = self.trainer.course, time.monotonic()
        mine = torch.tensor([self.asked, course.seconds + now - self.last], device=args.device)
        self.last = now
        asked, course.seconds = self.trainer.accelerator.gather(mine[None]).amax(0).tolist()
        course.settle(state.global_step)
        if asked or course.is_over(state.global_step):
            control.should_training_stop = control.should_save = True
        if course.seconds - self.saved_at > self.save_every:
            control.should_save = True
        if control.should_save:
            self.saved_at = course.seconds
        return control

    def on_train_end(self, args, state, control, **_):
        for number, handler in getattr(self, "before", {}).items():
            signal.signal(number, handler)


class _Losses(TrainerCallback):
    """Writes each logged loss as a line, the curve as a picture, and tells a person."""

    def __init__(self, folder: Path, course: Course, is_first: bool):
        self.folder, self.course, self.is_first = folder, course, is_first
        self.bar = None

    def on_log(self, args, state, control, logs=None, **_):
        if not self.is_first or "loss" not in (logs or {}):
            return
        line = {
            "step": state.global_step,
            "loss": logs["loss"],
            "minutes": self.course.seconds / 60,
        }
        line |= {"rate": logs["learning_rate"], "norm": logs.get("grad_norm")}
        with open(self.folder / LOSSES, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        self._tell(line)

    def _tell(self, line: dict) -> None:
        print(
            f"step {line['step']}, {line['minutes']:.1f} min, loss {line['loss']:.4f}, "
            f"rate {line['rate']:.1e}",
            flush=True,
        )

    def on_save(self, args, state, control, **_):
        if self.is_first:
            losses = [(line["step"], line["loss"]) for line in curve.read(self.folder / LOSSES)]
            (self.folder / PICTURE).write_text(curve.draw(losses, self.folder.name))
