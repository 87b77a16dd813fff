"""Linear layers that are given the same, as one: which they are, and how their weights become the
rows of one weight and come apart again. Files hold them apart; see model/layers.py.
"""

import torch
from torch import nn

from model import quantize
from model.quantize import Packed

PARTS = {  # the fused layer: its parts, in the order of its rows
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
}
_WHOLE = {part: whole for whole, parts in PARTS.items() for part in parts}


def whole_name(name: str) -> str | None:
    """The fused parameter in which one of the language model becomes rows, by their names."""
    path, _, leaf = name.rpartition(".")
    path, _, part = path.rpartition(".")
    if not path.startswith("llm.layers.") or part not in _WHOLE:
        return None
    return f"{path}.{_WHOLE[part]}.{leaf}"


def part_names(name: str) -> list[str]:
    """The parameters that are rows of a fused one; of any other, itself."""
    path, _, leaf = name.rpartition(".")
    path, _, layer = path.rpartition(".")
    return [f"{path}.{part}.{leaf}" for part in PARTS[layer]] if layer in PARTS else [name]


def joined(parts: list[torch.Tensor | Packed]) -> torch.Tensor | Packed:
    """Parameters of parts -> that of the whole."""
    if all(isinstance(part, Packed) for part in parts):
        return quantize.join(parts)
    return torch.cat([p.expand() if isinstance(p, Packed) else p for p in parts])


@torch.no_grad()
def take_apart(model: nn.Module) -> None:
    """Puts parts in the place of fused layers, one after the other: the other form of the model,
    number for number the same."""
    for module in list(model.modules()):
        if not getattr(module, "fused", False):
            continue
        (whole,) = PARTS.keys() & dict(module.named_children()).keys()
        parts = quantize.split_linear(getattr(module, whole), module.rows)
        delattr(module, whole)
        for name, part in zip(PARTS[whole], parts, strict=True):
            setattr(module, name, part)
        module.fused = False
