"""What was learned to a checkpoint folder that Earshot opens: adapters merged, the language model
in 4 bits, the rest in 16, a tied embedding stored in 8. Trains nothing.

    python -m model.training.ship FOLDER OUT --calibration train.jsonl --text talks.jsonl

FOLDER is a checkpoint, official or ours, in any number of bits. With --calibration or --text (the
files that a training stage reads), rounding makes good for its errors on such conversations: see
model/training/rounding.py.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model import checkpoint, quantize, tokenizer
from model.paths import as_path
from model.placement import Placement, pick_device
from model.prompt import Renderer
from model.qwen_audio import QwenAudio
from model.training import data, mixture, rounding
from model.training.batches import Batches, Chat, Made, Tags
from model.training.learner import Learner

# always the likeliest word: a transcriber should not be inventive
_SPEAKING = {"do_sample": False, "max_new_tokens": 256, "repetition_penalty": 1.0}
LARGE = 2_000_000_000  # weights of a model that is loaded in 16 bits at once
_STORED = torch.bfloat16  # of all that is not quantised
POSITIONS = 24_000  # of conversations that rounding looks at, where they come from files
LONGEST = 12.0  # seconds of a clip in them
SECONDS = 24  # of sound in a batch of them


def export(
    model: nn.Module,
    out: Path,
    *,
    calibration: Sequence[torch.Tensor] | None = None,
    bits: int = 4,
    beside: Path | None = None,
    device: torch.device | None = None,
    tell: Callable[[int], None] = lambda n_layers: None,
) -> QwenAudio:
    """Writes the folder `out`, and gives the model as it was written. `model` is used up: its
    layers become those that were written, one at a time.

    A QwenAudio in any number of bits, or one in which peft has put LoRA adapters (PeftModel or
    not): they are merged. `calibration` is what the language model may be given: embeddings (n,
    width) of prompts; without it, each weight is rounded to the nearest. `bits` is 4, or 16 for no
    rounding. `beside` is the folder whose tokenizer, card and generation_config.json are copied.
    Layers are rounded on `device` (default: the model's own), where those in 4 bits then stay;
    `tell` hears how many.
    """
    model = _unwrapped(model)
    if bits != 4:
        _replace(model.llm.layers)
    elif calibration:
        rounding.round_layers(model, calibration, device=device, ready=_replace, tell=tell)
    else:
        rounding.round_to_nearest(model, ready=_replace, tell=tell)
    if bits == 4 and model.reader is not None:
        rounding.round_reader(model)
    # parameter by parameter: what is packed stays as it is
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(_STORED)
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("model*.safetensors*"):
        stale.unlink()
    small = bits == 4 and model.config.tie_word_embeddings
    checkpoint.save(model, out, beside=beside, embedding_bits=8 if small else 16)
    if not (out / "generation_config.json").exists():
        (out / "generation_config.json").write_text(json.dumps(_SPEAKING, indent=1) + "\n")
    return model


@torch.no_grad()
def plain(model: nn.Module) -> QwenAudio:
    """The model without adapters or quantised layers: each linear layer an nn.Linear, those that
    were quantised or adapted in float32."""
    model = _unwrapped(model)
    _replace(model.llm.layers)
    return model


@torch.no_grad()
def _unwrapped(model: nn.Module) -> QwenAudio:
    """The model where it is (bitsandbytes' layers lose their scales on the way to another device),
    nothing of it adapted or quantised but its decoder layers."""
    if hasattr(model, "get_base_model"):
        model = model.get_base_model()
    model = model.requires_grad_(False).eval()
    _replace(model, but=model.llm.layers)
    if model.config.tie_word_embeddings:
        model.head.weight = model.llm.embed_tokens.weight
    return model


@torch.no_grad()
def _replace(module: nn.Module, but: nn.Module | None = None) -> None:
    """Layers that peft adapted or that are quantised become whole again, wherever they are in the
    module, `but` in this part of it."""
    for name, child in module.named_children():
        if hasattr(child, "modules_to_save"):  # what peft taught as a whole, beside the old one
            setattr(module, name, child.modules_to_save[child.active_adapters[0]])
        elif hasattr(child, "get_delta_weight") or quantize.is_quantised(child):
            setattr(module, name, _whole(child))
        elif child is not but:
            _replace(child, but)


def _whole(layer: nn.Module) -> nn.Linear:
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    weight = quantize.weight_of(base).float()
    if base is not layer:
        assert not layer.merged, "the adapters are merged already"
        for adapter in layer.active_adapters:
            weight = weight + layer.get_delta_weight(adapter).float()
    whole = nn.Linear(base.in_features, base.out_features, device="meta")
    whole.weight = nn.Parameter(weight, requires_grad=False)
    whole.bias = base.bias
    return whole


def conversations(
    model: QwenAudio,
    renderer: Renderer,
    *,
    manifest: Path | None = None,
    talks: Path | None = None,
    positions: int = POSITIONS,
) -> list[torch.Tensor]:
    """What the language model is given, embeddings (n, width), in conversations about the clips of
    a manifest and in those of text alone: half of the positions each, where there are both."""
    ask = Chat(renderer, talks) if model.config.chats else Tags(renderer)
    kinds = [about(manifest, ask, renderer)] if manifest else []
    if talks:
        draw = np.random.default_rng(0)
        kinds.append(ask.alone(draw) for _ in count())
    learner, prompts = Learner(model, hears=False), []
    for kind in kinds:
        n_wanted = sum(map(len, prompts)) + positions // len(kinds)
        while sum(map(len, prompts)) < n_wanted:
            prompts += learner.embeddings(next(kind))
    return prompts


def about(manifest: Path, ask: Chat | Tags, renderer: Renderer) -> Iterator[Made]:
    """Batches without end about the clips of a manifest, as a training stage asks about them."""
    rows, _ = data.within(data.read(manifest), LONGEST)
    mixed = mixture.Mixture(
        rows, mixture.weights(rows, temperature=2.0), seed=0, seconds=SECONDS, whole=True
    )
    batches = Batches(mixed, ask, renderer, rough=0.0)
    return (made for made in (batches[i] for i in count()) if "mels" in made)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Write a checkpoint in 4 bits.")
    cli.add_argument("folder", type=as_path, help="a checkpoint, not yet in 4 bits")
    cli.add_argument("out", type=as_path, help="the folder to write")
    cli.add_argument("--calibration", type=as_path, metavar="MANIFEST", help="clips it may hear")
    cli.add_argument("--text", type=as_path, metavar="FILE", help="conversations without sound")
    cli.add_argument("--device", default="auto", help="where to round: auto, cuda, cuda:1 or cpu")
    args = cli.parse_args(argv)
    device = pick_device(args.device)
    device = device if device.type == "cuda" else torch.device("cpu")
    n = checkpoint.count_weights(checkpoint.read_config(args.folder)).all
    dtype = torch.float32 if n < LARGE else torch.bfloat16
    model = checkpoint.load(args.folder, Placement(torch.device("cpu"), dtype, 32))
    renderer = Renderer(tokenizer.load(args.folder), model.audio.n_slots_of)
    heard = conversations(model, renderer, manifest=args.calibration, talks=args.text)
    if heard:
        print(f"{len(heard)} conversations, {sum(map(len, heard))} positions", flush=True)
    n_layers = len(model.llm.layers)

    def tell(done: int) -> None:
        print(f"{done} of {n_layers} layers", flush=True)

    export(model, args.out, calibration=heard, beside=args.folder, device=device, tell=tell)


if __name__ == "__main__":
    main()
