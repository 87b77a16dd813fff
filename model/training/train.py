"""One command for every stage: a checkpoint folder and manifests in, a checkpoint folder out.

    python launch.py train --stage pretrain --base DIR --data train.jsonl --out DIR --minutes 60

The folder that comes out also holds checkpoints (what learns, the optimiser, random numbers) to go
on from with --resume, each loss (loss.jsonl), their curve (loss.svg) and a TensorBoard log. On
several processors, GPUs or machines the same words go behind `accelerate launch`, with FSDP or
DeepSpeed as that is configured:

    accelerate launch --multi_gpu --num_processes 2 launch.py train …

(Without a GPU too: two processes with a core each are faster than one with two.)
"""

import importlib.util
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import isclose
from pathlib import Path

import torch
from transformers import TrainingArguments
from transformers.trainer_utils import get_last_checkpoint, set_seed

from model import cuda
from model.prompt import Renderer
from model.training import data, ends, mixture, notes_check, toy
from model.training.batches import Batches, Chat, Tags
from model.training.course import Course
from model.training.line_passages import Lines
from model.training.notes_batches import NotesBatches
from model.training.plan import CannotTrain, Plan, in_four_bits, settled
from model.training.stages import CHAT, NOTES, STAGES, TAGS
from model.training.trainer import StageTrainer


def run(
    plan: Plan, tell: Callable[[str], None] = print, *, stop_at: int | None = None
) -> list[float]:
    """Trains, and writes the model that came out to `plan.out` -> losses as they were logged.

    A run that a signal stopped (or that stops after step `stop_at`) leaves its checkpoint, and no
    model yet. Raises EarshotError.
    """
    rows, told = _rows(plan)
    plan = settled(plan, rows)
    course = Course(plan.steps, plan.minutes, warm_up=plan.warm_up)
    args = _arguments(plan, course, tell)
    last = _last_checkpoint(plan)
    is_first = args.process_index == 0
    tell = tell if is_first else _in_silence
    set_seed(plan.seed)
    # a norm in 32 bits of numbers in 16 is what autocast means; it only has no kernel of its own
    warnings.filterwarnings("ignore", "Mismatch dtype between input and weight")
    said = [row.text for row in rows if row.task == data.SPEECH_TASK]
    if plan.ctc_share and not said:
        raise CannotTrain(f"There is nothing to be read in {_names(plan)}: leave out --ctc-share.")
    learner, renderer, _ = ends.begin(plan, said, args.device)
    if plan.gradient_checkpointing:
        learner.checkpoint_gradients()
    if STAGES[plan.stage].asks == NOTES:
        lines = Lines(row.text for row in rows) if rows else None
        batches = NotesBatches(renderer, plan.talk, seed=plan.seed, lines=lines)
    else:
        batches = mixed(plan, rows, renderer, chats=learner.model.config.chats)
        for line in _summary(rows, told, plan):
            tell(line)
    n = sum(p.numel() for p in learner.parameters() if p.requires_grad)
    tell(f"{n / 1e6:.1f} M weights learn.")
    trainer = StageTrainer(learner, args, batches, course, plan, tell=tell, stop_at=stop_at)
    if is_first:
        plan.save()
        if isinstance(batches, NotesBatches):
            trainer.add_callback(notes_check.Checks(learner, batches, plan.out, tell))
    trainer.train(resume_from_checkpoint=last)
    step = trainer.state.global_step
    if not course.is_over(step):
        tell(f"Stopped at step {step}. With --resume it goes on from there.")
        return trainer.losses
    values = trainer.learned()
    if is_first:
        if in_four_bits(plan):
            tell("Rounding to 4 bits, with an eye to what was heard.")
        ends.finish(plan, learner, values, batches)
        tell(f"Done, after {step} steps and {course.seconds / 60:.1f} minutes: {plan.out}")
    return trainer.losses


def try_out(stage: str, tell: Callable[[str], None] = print) -> list[float]:
    """A stage at toy size, in seconds: the loss falls, and a stopped run goes on as if it had not
    stopped -> its losses."""
    with tempfile.TemporaryDirectory() as folder:
        base, manifest = toy.make(Path(folder))
        plan = Plan(
            stage=stage,
            base=base,
            data=() if STAGES[stage].asks == NOTES else (manifest,),
            out=Path(folder) / "out",
            steps=24,
            warm_up=4,
            seconds=6,
            rate=2e-3,
            bits=4 if stage == "adapt" else None,
            ctc_share=0.3 if stage == "pretrain" else None,
            hinted=24,
            log_every=1,
        )
        losses = run(plan, tell)
        again = replace(plan, out=Path(folder) / "again")
        run(again, _in_silence, stop_at=9)
        resumed = run(replace(again, resume=True), _in_silence)
    tell(f"Loss {losses[0]:.5f} at first, {losses[-1]:.5f} at last.")
    tell(f"The same, stopped after 9 steps and resumed: {resumed[-1]:.5f} at last.")
    if losses[-1] >= losses[0] or not _alike(resumed, losses):
        raise CannotTrain("The loss did not fall, or a stop has changed it: something is broken.")
    return losses


def _alike(resumed: list[float], losses: list[float]) -> bool:
    """Whether a resumed run went the same way: bit for bit on a processor; on a GPU sums come in
    another order each time, and what differs grows with the steps."""
    if not torch.cuda.is_initialized():
        return resumed == losses
    pairs = zip(resumed, losses, strict=True)
    return len(resumed) == len(losses) and all(isclose(a, b, rel_tol=0.05) for a, b in pairs)


def _rows(plan: Plan) -> tuple[list[data.Row], Counter]:
    """What the stage learns from of the manifests, and what is said of the rest."""
    is_of_notes = STAGES[plan.stage].asks == NOTES
    rows, told = data.within((r for file in plan.data for r in data.read(file)), plan.longest)
    if is_of_notes or plan.stage == "warmstart":
        rows = [row for row in rows if row.task == data.SPEECH_TASK]
    if is_of_notes:
        rows = [row for row in rows if row.language == "en"]
    if not rows and not (is_of_notes and not plan.data):
        raise CannotTrain(f"There is nothing to learn from in {_names(plan)}.")
    return rows, told


def _in_silence(line: str) -> None:
    pass


def _names(plan: Plan) -> str:
    return ", ".join(str(file) for file in plan.data)


class OneDevice(TrainingArguments):
    """The Trainer's own spread one process over all GPUs (DataParallel), which cuts up batches that
    are whole. Several GPUs take several processes."""

    @property
    def n_gpu(self) -> int:
        """As the Trainer asks for it."""
        return min(1, super().n_gpu)


def _gpu(tell: Callable[[str], None]) -> torch.device | None:
    """The one that the Trainer will take for this process, if it can compute."""
    if not torch.cuda.is_available():
        return None
    gpu = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if not (reason := cuda.trouble(gpu)):
        return gpu
    tell(f"{cuda.name(gpu)} cannot be used: {reason}. The processor learns instead.")
    return None


def _arguments(plan: Plan, course: Course, tell: Callable[[str], None]) -> TrainingArguments:
    gpu = _gpu(tell)
    on_cpu, has_bf16 = gpu is None, gpu is None or cuda.has_bf16(gpu)
    if on_cpu and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, os.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
    has_board = importlib.util.find_spec("tensorboard") is not None
    return OneDevice(
        output_dir=str(plan.out),
        max_steps=course.most,
        gradient_accumulation_steps=plan.accumulate,
        per_device_train_batch_size=1,  # an item of ours is a whole batch
        max_grad_norm=1.0,
        bf16=has_bf16,
        fp16=not has_bf16,
        use_cpu=on_cpu,
        seed=plan.seed,
        logging_steps=plan.log_every,
        logging_nan_inf_filter=False,
        report_to=["tensorboard"] if has_board else [],
        save_strategy="no",  # the clock decides: model/training/trainer.py
        save_total_limit=2,
        remove_unused_columns=False,
        dataloader_num_workers=plan.workers,
        dataloader_pin_memory=not on_cpu,
        # a batch may hold nothing to be read, or no sound at all
        ddp_find_unused_parameters=bool(plan.ctc_share) or STAGES[plan.stage].hears,
        disable_tqdm=True,  # ours shows minutes too
    )


def _last_checkpoint(plan: Plan) -> str | None:
    last = get_last_checkpoint(str(plan.out)) if plan.out.is_dir() else None
    if last and not plan.resume:
        raise CannotTrain(
            f"{plan.out} holds a run that can go on: add --resume, or choose another folder."
        )
    return last


def mixed(plan: Plan, rows: list[data.Row], renderer: Renderer, *, chats: bool) -> Batches:
    """The batches of a run. A model that does not chat is asked by tags in every stage."""
    stage = STAGES[plan.stage]
    asks = TAGS if stage.asks and not chats else stage.asks
    chances = mixture.weights(rows, temperature=plan.temperature, given=plan.weights)
    order = mixture.Mixture(rows, chances, seed=plan.seed, seconds=plan.seconds, whole=asks == CHAT)
    ask = Tags(renderer) if asks else None
    if asks == CHAT:
        ask = Chat(renderer, plan.talk, plainly=stage.plainly, beside=stage.beside)
    return Batches(
        order,
        ask,
        renderer,
        rough=stage.rough,
        reads=bool(plan.ctc_share),
        hinted=0 if asks else plan.hinted,
    )


def _summary(rows: list[data.Row], told: Counter, plan: Plan) -> list[str]:
    chances = mixture.weights(rows, temperature=plan.temperature, given=plan.weights)
    share = Counter()
    for row, chance in zip(rows, chances, strict=True):
        share[row.task] += chance
    tasks = ", ".join(f"{task} {n:.0%}" for task, n in share.most_common())
    return [
        *(f"{n} × {what}." for what, n in told.items()),
        f"{len(rows)} rows, {data.seconds(rows) / 3600:.1f} h of sound: {tasks}.",
    ]
