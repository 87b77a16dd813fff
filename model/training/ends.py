"""Both ends of a run: a checkpoint folder becomes a Learner, and a Learner a checkpoint folder.
Trains nothing.

    python -m model.training.ends RUN OUT

writes the model as it was when the run in the folder RUN was last saved, be it over or not.
"""

import argparse
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.trainer_utils import get_last_checkpoint

from model import checkpoint, tokenizer
from model.paths import as_path
from model.placement import Placement, pick_dtype
from model.prompt import Renderer
from model.qwen_audio import QwenAudio
from model.spec import TAGS
from model.training import ctc, ship, teacher
from model.training.batches import Batches
from model.training.carry import FILE as CARRIED
from model.training.carry import Carried
from model.training.learner import Learner
from model.training.plan import Plan, in_four_bits
from model.training.stages import STAGES, Stage

READER = "reader.safetensors"  # beside a checkpoint whose ear reads by itself
HEARD = 6  # batches that tell how to round
ADAPTED = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()


def begin(
    plan: Plan, texts: Iterable[str], device: torch.device, *, exact: bool = False
) -> tuple[Learner, Renderer, list[str]]:
    """A Learner in which what learns is marked so, and the renderer of its prompts -> both, and the
    names of what learns. `texts` are what is said, for a reader that begins from nothing.

    What is frozen is in 16 bits (or plan.bits), or with `exact` as it was stored.
    """
    stage = STAGES[plan.stage]
    tokens = tokenizer.load(plan.base)
    model = checkpoint.load(plan.base, _place(plan, device)).requires_grad_(False)
    learner = Learner(
        model,
        hears=stage.hears,
        first_new=first_new_token(tokens, model) if "new_rows" in stage.learns else None,
        reader=_reader(plan.base, texts, model, tokens) if plan.ctc_share else None,
        ctc_share=plan.ctc_share,
    )
    if stage.speaks and not plan.full:
        adapt(model, plan.rank, packed=plan.bits == 4)
    if plan.teacher is not None:
        knows = Learner(teacher.opened(plan.teacher, model, device), hears=False)
        learner.teacher = (knows.eval(),)
    learner.carried = Carried.of(plan.base) if stage.speaks and plan.full else None
    if learner.carried is not None:
        learner.carried.open(model.llm)
    learning = choose(learner, stage, last_layers=plan.layers)
    for name, weight in learner.named_parameters():
        if name not in learning and weight.dtype == torch.float32 and not exact:
            weight.data = weight.data.to(pick_dtype(device, small=False))
    return learner, Renderer(tokens, model.audio.n_slots_of), learning


def _place(plan: Plan, device: torch.device) -> Placement:
    dtype = pick_dtype(device, small=False)
    if plan.bits == 4:
        return Placement(device, dtype, 4)
    n = checkpoint.count_weights(checkpoint.read_config(plan.base)).all
    return Placement(device, torch.float32 if n < ship.LARGE else dtype, 32)


def choose(learner: Learner, stage: Stage, *, last_layers: int | None = None) -> list[str]:
    """Marks what learns, and gives its names. Of the encoder, the `last_layers` alone (default:
    all). Where the language model holds adapters, they alone learn of it; where something is
    carried in it, what comes before that is as it was when that was found."""
    n = len(learner.model.audio.layers)
    first = n - (n if last_layers is None else last_layers)
    adapted = any(".lora_" in name for name, _ in learner.named_parameters())
    lowest = round(stage.fixed * len(learner.model.llm.layers))
    if learner.carried is not None:
        lowest = max(lowest, learner.carried.layer + 1)
    chosen = []
    for name, weight in learner.named_parameters():
        learns = name.startswith(stage.learns)
        if name.startswith("model.audio.layers."):
            learns = learns and int(name.split(".")[3]) >= first
        if name.startswith("model.llm.") and adapted:
            learns = learns and ".lora_" in name
        if name.startswith("model.llm.layers."):
            learns = learns and int(name.split(".")[3]) >= lowest
        if name == "model.llm.embed_tokens.weight":
            learns = False  # a run meets few of the words: the others would be left behind
        weight.requires_grad_(learns)
        if learns:
            chosen.append(name)
            weight.data = weight.data.float()  # steps are smaller than 16 bits can tell
    assert chosen, f"nothing learns: no weight begins with one of {stage.learns}"
    return chosen


def first_new_token(tokens: tokenizer.Tokenizer, model: QwenAudio) -> int | None:
    """The id from which on there are only tags, where the vocabulary ends with them: their rows
    are for stage 1 to learn."""
    tags = {tokens.control[tag] for tag in TAGS if tag in tokens.control}
    end = first = len(model.llm.embed_tokens.weight)
    while first - 1 in tags:
        first -= 1
    return first if first < end else None


def adapt(model: QwenAudio, rank: int, *, packed: bool) -> None:
    """Low-rank adapters beside every linear layer of the language model, which may be in 4 bits
    (LoRA, arXiv 2106.09685; QLoRA, arXiv 2305.14314)."""
    from peft import LoraConfig, LoraModel

    model.llm.is_loaded_in_4bit = packed  # where peft looks
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ADAPTED)
    LoraModel(model.llm, config, "default")


def _reader(base: Path, texts: Iterable[str], model: QwenAudio, tokens) -> ctc.Reader:
    words = model.llm.embed_tokens.weight.data
    blank = tokens.encode(" ")[0]
    if not (base / READER).exists():
        return ctc.Reader(words, ctc.vocabulary_of(texts, tokens), blank)
    saved = load_file(base / READER)
    known = {*saved.pop("vocabulary").tolist(), *ctc.vocabulary_of(texts, tokens)}
    reader = ctc.Reader(words, sorted(known), blank)
    reader.load_state_dict(saved, strict=False)  # its vocabulary is told anew
    return reader


def finish(plan: Plan, learner: Learner, values: dict[str, torch.Tensor], batches: Batches) -> None:
    """Writes the model that a run has made to `plan.out`, rounded to 4 bits where its base was. The
    learner is used up. What it has heard in a few batches tells how to round: a base that is in 4
    bits already would else swallow every change smaller than half a step."""
    if not in_four_bits(plan):
        if learner.reader is not None:
            kept = {"reader.vocabulary": learner.reader.vocabulary.cpu()} | values
            kept = {name: value for name, value in kept.items() if name.startswith("reader.")}
            save_file({n.removeprefix("reader."): t for n, t in kept.items()}, plan.out / READER)
        write(plan, values, plan.out)
        return
    device = learner.model.head.weight.device
    heard = ({n: t.to(device) for n, t in batches[i].items()} for i in range(HEARD))
    calibration = [row.cpu() for made in heard for row in learner.embeddings(made)]
    ship.export(learner.settle(), plan.out, calibration=calibration, beside=plan.base)


def write(plan: Plan, values: dict[str, torch.Tensor], out: Path) -> None:
    """The base with what was learned, merged and unrounded: what was frozen is as it was before it
    was put in 16 bits."""
    whole, _, _ = begin(
        replace(plan, ctc_share=0.0, teacher=None), (), torch.device("cpu"), exact=True
    )
    restore(whole, {name: p for name, p in values.items() if not name.startswith("reader.")})
    for stale in out.glob("model*.safetensors*"):
        stale.unlink()
    checkpoint.save(ship.plain(whole.settle()), out, beside=plan.base)
    if whole.carried is not None:
        shutil.copy2(plan.base / CARRIED, out / CARRIED)


def restore(learner: nn.Module, saved: dict[str, torch.Tensor]) -> None:
    """Puts saved values where something learns; every one of them must be there."""
    learning = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    assert saved.keys() == learning.keys(), sorted(saved.keys() ^ learning.keys())
    with torch.no_grad():
        for name, value in saved.items():
            learning[name].copy_(value)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Write the model that a run has reached.")
    cli.add_argument("run", type=as_path, help="the folder of a run")
    cli.add_argument("out", type=as_path, help="the folder to write")
    args = cli.parse_args(argv)
    last = get_last_checkpoint(str(args.run))
    write(Plan.of(args.run), load_file(Path(last) / "model.safetensors"), args.out)


if __name__ == "__main__":
    main()
