"""Hugging Face's Trainer, with our rates, our course, and checkpoints of what learns alone.

The Trainer (with Accelerate beneath it) carries the loop, mixed precision, gradient accumulation,
several processes and the checkpoints; nothing here knows how many processes there are.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from model.checkpoint import give_back_freed_memory
from model.training import curve, ends, stages
from model.training.batches import Batches
from model.training.course import Course
from model.training.plan import Plan

WEIGHTS = "model.safetensors"  # in a checkpoint: the name that the Trainer looks for
LOSSES, PICTURE = "loss.jsonl", "loss.svg"
SAVE_EVERY = 300  # seconds
TRIM_EVERY = 20  # steps: a process of 1.1 GB had grown to 5


class StageTrainer(Trainer):
    """Trains a Learner along a Course."""

    def __init__(
        self,
        learner,
        args: TrainingArguments,
        batches: Batches,
        course: Course,
        plan: Plan,
        *,
        tell: Callable[[str], None],
        stop_at: int | None = None,
    ):
        self.course, self.plan, self.stop_at = course, plan, stop_at
        super().__init__(learner, args, train_dataset=batches, data_collator=_only)
        self.learning = [name for name, p in learner.named_parameters() if p.requires_grad]
        self.remove_callback(PrinterCallback)
        self.add_callback(_Clock(self))
        if learner.carried is not None:
            self.add_callback(_Keeper(learner))
        if args.process_index == 0:
            self.add_callback(_Losses(Path(args.output_dir), course, tell))

    def _get_train_sampler(self, *_):
        return SequentialSampler(self.train_dataset)  # the order is the batches' own number

    def create_optimizer(self, model=None):
        """AdamW, new things faster than old ones."""
        if self.optimizer is None:
            stage = stages.STAGES[self.plan.stage]
            groups = stages.groups(model or self.model, stage, self.plan.rate)
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer=None):
        """The course. It is saved with the schedule, and so is where it stands."""
        if self.lr_scheduler is None:
            optimizer = optimizer or self.optimizer
            self.lr_scheduler = LambdaLR(optimizer, [self.course] * len(optimizer.param_groups))
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _load_optimizer_and_scheduler(self, checkpoint):
        wanted = dict(vars(self.course))
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:  # the schedule has brought back the course as it was
            self.course.go_on(wanted)

    @property
    def losses(self) -> list[float]:
        """As they were logged, from the first step on."""
        return [line["loss"] for line in self.state.log_history if "loss" in line]

    def learned(self) -> dict[str, torch.Tensor]:
        """What has learned, by name, whole on the processor of every process: also where it is
        spread over several."""
        whole = self.accelerator.get_state_dict(self.model_wrapped)
        return {name: whole[name].detach().cpu() for name in self.learning if name in whole}

    def _save(self, output_dir=None, state_dict=None):
        """What learns, and nothing else."""
        if self.args.should_save:
            whole = self.model.state_dict() if state_dict is None else state_dict
            os.makedirs(output_dir, exist_ok=True)
            kept = {name: whole[name].detach().contiguous().cpu() for name in self.learning}
            save_file(kept, Path(output_dir) / WEIGHTS, metadata={"format": "pt"})

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        if self.is_fsdp_enabled:  # which saves in a form of its own
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            ends.restore(self.model, load_file(Path(resume_from_checkpoint) / WEIGHTS))


def _only(items: list):
    (item,) = items  # the data's items are whole batches
    return item


class _Clock(TrainerCallback):
    """Ends a run by its course or by a signal, and saves now and then. All processes decide alike:
    the slowest clock counts, and a signal to any of them."""

    def __init__(self, trainer: StageTrainer):
        self.trainer, self.course = trainer, trainer.course
        self.asked = self.saved = self.last = 0.0
        self.before = {}

    def on_train_begin(self, args, state, control, **_):
        self.last, self.saved = time.monotonic(), self.course.seconds
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._ask)

    def _ask(self, number, frame):
        if self.asked:  # asked twice: at once
            raise KeyboardInterrupt
        self.asked = 1.0

    def on_step_end(self, args, state, control, **_):
        now = time.monotonic()
        mine = torch.tensor([self.asked, self.course.seconds + now - self.last]).to(args.device)
        self.last = now
        all_of_them = self.trainer.accelerator.gather(mine[None])  # (processes, 2)
        asked, self.course.seconds = all_of_them.amax(0).tolist()
        self.course.settle(state.global_step)
        asked = asked or state.global_step == self.trainer.stop_at
        if asked or self.course.is_over(state.global_step):
            control.should_training_stop = control.should_save = True
        if self.course.seconds - self.saved > SAVE_EVERY:
            control.should_save = True
        if control.should_save:
            self.saved = self.course.seconds
        if state.global_step % TRIM_EVERY == 0:
            give_back_freed_memory()

    def on_train_end(self, args, state, control, **_):
        for number, handler in self.before.items():
            signal.signal(number, handler)


class _Keeper(TrainerCallback):
    """Takes out what a step has written where something is carried."""

    def __init__(self, learner):
        self.learner = learner

    def on_step_end(self, args, state, control, **_):
        self.learner.carried.keep(self.learner.model.llm)


class _Losses(TrainerCallback):
    """Writes each logged loss as a line and the curve as a picture, and tells a person: a bar where
    one looks on, else lines."""

    def __init__(self, folder: Path, course: Course, tell: Callable[[str], None]):
        from tqdm import tqdm

        self.folder, self.course, self.tell = folder, course, tell
        self.bar = tqdm(disable=not sys.stderr.isatty(), total=100, unit="%", leave=False)

    def on_step_end(self, args, state, control, **_):
        done = self.course.done(state.global_step)
        self.bar.update(round(100 * done, 1) - self.bar.n)

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" not in (logs or {}):
            return
        line = {"step": state.global_step, "loss": logs["loss"], "rate": logs["learning_rate"]}
        line |= {"minutes": round(self.course.seconds / 60, 3), "norm": logs.get("grad_norm")}
        with open(self.folder / LOSSES, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        said = f"step {line['step']}, {line['minutes']:.1f} min, loss {line['loss']:.4f}"
        if self.bar.disable:
            self.tell(said)
        else:
            self.bar.set_description(said)

    def on_save(self, args, state, control, **_):
        points = [(line["step"], line["loss"]) for line in curve.read(self.folder / LOSSES)]
        text = curve.draw(points, self.folder.name)
        (self.folder / PICTURE).write_text(text, encoding="utf-8")

    def on_train_end(self, args, state, control, **_):
        self.bar.close()
