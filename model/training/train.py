"""One command for every stage: a checkpoint folder and manifests in, a checkpoint folder out.

    python launch.py train --stage pretrain --base FOLDER --data train.jsonl --out OUT --minutes 60

OUT also holds checkpoints (what learns, the optimiser, random numbers) to go on from with --resume,
each loss (loss.jsonl), their curve (loss.svg) and a TensorBoard log. On several processors, GPUs or
machines the same words go behind `accelerate launch`, with FSDP or DeepSpeed as it is configured:

    accelerate launch --multi_gpu --num_processes 2 launch.py train …

(On a machine without a GPU too: then each process has a core, faster than one with two threads.)
"""

import importlib.util
import json
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import TrainingArguments
from transformers.trainer_utils import get_last_checkpoint, set_seed

from model import checkpoint, tokenizer
from model.errors import EarshotError
from model.placement import Placement
from model.prompt import Renderer
from model.training import ctc, data, mixture, ship
from model.training.course import Course
from model.training.learner import Learner
from model.training.stages import STAGES, Batches, Chat, Tags, choose, first_new_token
from model.training.trainer import StageTrainer

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # its chatter about optional kernels
READER = "reader.safetensors"  # beside a checkpoint whose ear reads by itself
_LINEAR = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()


class CannotTrain(EarshotError):
    """The words of the command do not fit together, or not with what is there."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run."""

    stage: str
    base: Path
    data: tuple[Path, ...]
    out: Path
    steps: int | None = None
    minutes: float | None = None
    warm_up: int = 50  # steps
    seconds: float = 30  # of sound in a batch
    accumulate: int = 1  # batches of one process in a step
    longest: float = 12.0  # seconds of a clip
    rate: float | None = None  # peak, of what is not new; None: the stage's
    layers: int | None = None  # of the encoder, from its end; None: all
    rank: int = 16  # of the adapters
    full: bool = False  # the language model learns as a whole, without adapters
    bits: int = 32  # of the language model while it learns: 4 is QLoRA
    temperature: float = 2.0
    weights: dict[str, float] = field(default_factory=dict)
    ctc_share: float = 0.0
    talk: Path | None = None
    seed: int = 0
    resume: bool = False
    log_every: int = 10  # steps
    workers: int = 0  # processes that make batches ahead

    def __post_init__(self):
        if self.stage not in STAGES:
            raise ValueError(f"stage is one of {', '.join(STAGES)}; got {self.stage!r}")
        if not 0 < self.longest <= mixture.LONGEST:
            raise ValueError(f"longest is at most {mixture.LONGEST} seconds; got {self.longest}")


def run(plan: Plan, tell: Callable[[str], None] = print) -> list[float]:
    """Trains, and writes the model that came out to `plan.out` -> losses as they were logged.
    A run that a signal stopped leaves its checkpoint, and no model yet. Raises EarshotError."""
    course = Course(plan.steps, plan.minutes, warm_up=plan.warm_up)
    args = _arguments(plan, course)
    first = args.process_index == 0
    tell = tell if first else _silent
    last = _last_checkpoint(plan)
    set_seed(plan.seed)
    learner, renderer = open_learner(plan)
    batches = _batches(plan, learner, renderer, tell)
    rate = plan.rate or STAGES[plan.stage].rate
    trainer = StageTrainer(learner, args, batches, course, rate=rate)
    n = sum(p.numel() for p in learner.parameters() if p.requires_grad)
    tell(f"{n / 1e6:.1f} M weights learn, of {len(trainer.learning)} names.")
    if first:
        plan.out.mkdir(parents=True, exist_ok=True)
        (plan.out / "plan.json").write_text(json.dumps(asdict(plan), default=str, indent=1) + "\n")
    trainer.train(resume_from_checkpoint=last)
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    step = trainer.state.global_step
    if not course.is_over(step):
        tell(f"Stopped at step {step}. It goes on from there with --resume.")
    elif first:
        finish(plan, learner)
        tell(f"Done after {step} steps: python launch.py ask --model {plan.out} …")
    return losses


def _silent(line: str) -> None:
    pass


def _arguments(plan: Plan, course: Course) -> TrainingArguments:
    on_cpu = not torch.cuda.is_available()
    if on_cpu and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, os.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
    has_board = importlib.util.find_spec("tensorboard") is not None
    return TrainingArguments(
        output_dir=str(plan.out),
        max_steps=course.most,
        gradient_accumulation_steps=plan.accumulate,
        per_device_train_batch_size=1,  # an item of ours is a whole batch
        max_grad_norm=1.0,
        bf16=on_cpu or torch.cuda.is_bf16_supported(),
        fp16=not on_cpu and not torch.cuda.is_bf16_supported(),
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
        ddp_find_unused_parameters=bool(plan.ctc_share),  # a batch may hold nothing to be read
        disable_tqdm=True,
    )


def _last_checkpoint(plan: Plan) -> str | None:
    last = get_last_checkpoint(str(plan.out)) if plan.out.is_dir() else None
    if last and not plan.resume:
        raise CannotTrain(
            f"{plan.out} holds a run that can go on: add --resume, or choose another folder."
        )
    return last


def open_learner(plan: Plan, *, exact: bool = False) -> tuple[Learner, Renderer]:
    """What learns marked so, the rest frozen in 16 bits (or, with `exact`, as it was stored)."""
    stage = STAGES[plan.stage]
    tokens = tokenizer.load(plan.base)
    bits = 32 if plan.bits > 4 else 4
    where = Placement(torch.device("cpu"), torch.float32, bits)
    model = checkpoint.load(plan.base, where).requires_grad_(False)
    attend = (
        "eager" if not torch.cuda.is_available() else "sdpa"
    )  # faster on a processor by a third
    for part in (model.audio, model.llm):
        part.config._attn_implementation = attend
    reader = None
    if plan.ctc_share:
        reader = _reader(plan, model, tokens)
    learns_new = "new_rows" in stage.learns
    learner = Learner(
        model,
        hears=stage.hears,
        first_new=first_new_token(tokens.control, len(model.head.weight)) if learns_new else None,
        reader=reader,
        ctc_share=plan.ctc_share,
    )
    if not stage.hears and not plan.full:
        _adapt(model, plan)
    learning = choose(learner, stage, last_layers=plan.layers)
    if not exact:
        for name, weight in learner.named_parameters():
            if name not in learning and weight.is_floating_point():
                weight.data = weight.data.to(torch.bfloat16)
    return learner, Renderer(tokens, model.audio.n_slots_of)


def _reader(plan: Plan, model, tokens) -> ctc.Reader:
    from safetensors.torch import load_file

    words = model.llm.embed_tokens.weight.data
    (blank,) = tokens.encode(" ")
    if (plan.base / READER).exists():
        saved = load_file(plan.base / READER)
        reader = ctc.Reader(words, saved["vocabulary"], blank)
        reader.load_state_dict(saved)
        return reader
    rows = [row for file in plan.data for row in data.read(file)]
    texts = [row.text for row in rows if row.task == "transcribe"]
    return ctc.Reader(words, ctc.vocabulary_of(texts, tokens), blank)


def _adapt(model, plan: Plan) -> None:
    """Low-rank adapters beside every linear layer of the language model (arXiv 2106.09685)."""
    from peft import LoraConfig, LoraModel

    model.llm.is_loaded_in_4bit = plan.bits == 4  # where peft looks
    config = LoraConfig(r=plan.rank, lora_alpha=2 * plan.rank, target_modules=_LINEAR)
    LoraModel(model.llm, config, "default")


def _batches(plan: Plan, learner: Learner, renderer: Renderer, tell) -> Batches:
    stage = STAGES[plan.stage]
    rows = [row for file in plan.data for row in data.read(file)]
    rows, told = data.within(rows, plan.longest)
    if not rows:
        raise CannotTrain(f"There is nothing to learn from in {', '.join(map(str, plan.data))}.")
    for what, n in told.items():
        tell(f"{n} × {what}")
    chance = mixture.weights(rows, temperature=plan.temperature, given=plan.weights)
    told = Counter()
    for row, share in zip(rows, chance, strict=True):
        told[row.task] += share
    hours = sum({row.clip: row.duration for row in rows}.values()) / 3600
    mix = ", ".join(f"{task} {share:.0%}" for task, share in told.most_common())
    tell(f"{len(rows)} rows, {hours:.1f} h of sound: {mix}.")
    units = mixture.units(rows, by_clip=stage.by_clip)
    by_clip = Counter()
    for row, share in zip(rows, chance, strict=True):
        by_clip[row.clip if stage.by_clip else id(row)] += share
    chances = [by_clip[unit[0].clip if stage.by_clip else id(unit[0])] for unit in units]
    mixed = mixture.Mixture(units, np.array(chances), seed=plan.seed, seconds=plan.seconds)
    spoken = None
    if learner.reader is not None:
        tokens = renderer.tokenizer

        def spoken(row):
            return ctc.spoken(row.text, tokens) if row.task == "transcribe" else []

    by_tags = stage.hears or not learner.model.config.chats
    ask = Tags(renderer) if by_tags else Chat(renderer, plan.talk)
    return Batches(mixed, ask, rough=stage.rough, spoken=spoken)


def finish(plan: Plan, learner: Learner) -> None:
    """Writes the model that a run has made."""
    from safetensors.torch import save_file

    from model.training.trainer import restore

    if plan.bits > 4:  # what was frozen goes back to what it was before it lost its 16 bits
        learned = {n: p.detach() for n, p in learner.named_parameters() if p.requires_grad}
        whole, _ = open_learner(plan, exact=True)
        restore(whole, learned, list(learned))
        learner = whole
    if learner.reader is not None:
        save_file(learner.reader.state_dict(), plan.out / READER)
    model = ship.plain(learner.settle())
    if plan.bits == 4:
        ship.export(model, plan.out, beside=plan.base)
    else:
        checkpoint.save(model, plan.out, beside=plan.base)
