"""What was learned to a checkpoint folder that Earshot opens: adapters merged, the language model
in 4 bits, the rest in 16, a tied embedding stored in 8. Trains nothing.

    python -m model.training.ship FOLDER OUT

FOLDER is a checkpoint, official or ours, in any number of bits.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from model import checkpoint, quantize
from model.placement import Placement
from model.qwen_audio import QwenAudio

# always the likeliest word: a transcriber should not be inventive
_SPEAKING = {"do_sample": False, "max_new_tokens": 256, "repetition_penalty": 1.0}
_STORED = torch.bfloat16  # of all that is not quantised


def export(
    model: nn.Module,
    out: Path,
    *,
    calibration: list[torch.Tensor] | None = None,
    bits: int = 4,
    beside: Path | None = None,
) -> QwenAudio:
    """Writes the folder `out`, and gives the model as it was written. `model` is used up: its
    layers become those that were written, one at a time.

    A QwenAudio in any number of bits, or one in which peft has put LoRA adapters (PeftModel or
    not): they are merged. `bits` is 4, or 16 for no rounding. `beside` is the folder whose
    tokenizer, card and generation_config.json are copied.
    """
    model = plain(model)
    if bits == 4:
        for name, layer in linears(model):
            model.set_submodule(name, quantize.packed_linear(layer, layer.weight.data))
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


def linears(model: QwenAudio) -> list[tuple[str, nn.Linear]]:
    """The layers that become 4 bit, with their names, in the order of the forward pass."""
    return [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith("llm.layers.")
    ]


@torch.no_grad()
def plain(model: nn.Module) -> QwenAudio:
    """The model without adapters or quantised layers: each linear layer of the language model an
    nn.Linear whose weight is whole, in the model's own type; on the processor."""
    if hasattr(model, "get_base_model"):
        model = model.get_base_model()
    model = model.cpu().requires_grad_(False).eval()
    _replace(model)
    if model.config.tie_word_embeddings:
        model.head.weight = model.llm.embed_tokens.weight
    return model


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        if hasattr(child, "modules_to_save"):  # what peft taught as a whole, beside the old one
            setattr(module, name, child.modules_to_save[child.active_adapters[0]])
        elif hasattr(child, "get_delta_weight") or quantize.is_quantised(child):
            setattr(module, name, _whole(child))
        else:
            _replace(child)


def _whole(layer: nn.Module) -> nn.Linear:
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    weight = quantize.weight_of(base).float()
    if base is not layer:
        assert not layer.merged, "the adapters are merged already"
        for adapter in layer.active_adapters:
            weight += layer.get_delta_weight(adapter).float()
    whole = nn.Linear(base.in_features, base.out_features, device="meta")
    whole.weight = nn.Parameter(weight, requires_grad=False)
    whole.bias = base.bias
    return whole


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Write a checkpoint in 4 bits.")
    cli.add_argument("folder", type=Path, help="a checkpoint, not yet in 4 bits")
    cli.add_argument("out", type=Path, help="the folder to write")
    args = cli.parse_args(argv)
    model = checkpoint.load(args.folder, Placement(torch.device("cpu"), torch.float32, 32))
    export(model, args.out, beside=args.folder)


if __name__ == "__main__":
    main()
