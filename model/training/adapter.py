"""Low-rank adapters on 4-bit weights, that can be merged and quantised again without harm.

QLoRA (arXiv 2305.14314) trains beside weights in NF4. Merging and quantising anew would give other
rounding errors than those trained with; so the base is renewed now and then: it becomes
NF4(W + BA) - BA, and base + BA is what will be shipped.
"""

import torch
from torch import nn
from torch.nn.functional import linear

from model import quantize

SCALE = 2.0  # of the adapter's output


def through_nf4(weight: torch.Tensor) -> torch.Tensor:
    """A weight (out, in) as it is after model/quantize.py has packed it and unpacked it."""
    functional = quantize.library().functional
    packed, state = functional.quantize_4bit(
        weight.to(torch.bfloat16).contiguous(), compress_statistics=True, quant_type="nf4"
    )
    return functional.dequantize_4bit(packed, state).float()


class Adapted(nn.Module):
    """A linear layer without bias, in NF4, with an adapter beside it."""

    def __init__(self, layer: nn.Linear, rank: int):
        super().__init__()
        self.whole = layer.weight.data  # (out, in) float32, before any quantisation
        out, width = self.whole.shape
        self.down = nn.Parameter(torch.randn(rank, width) / width**0.5)
        self.up = nn.Parameter(torch.zeros(out, rank))
        self.renew()

    def merged(self) -> torch.Tensor:
        """The weight that will be shipped, before quantisation."""
        return self.whole + self.up.detach() @ self.down.detach() * SCALE

    @torch.no_grad()
    def renew(self) -> None:
        """Lets the base take in the rounding errors that the merged weight will have."""
        merged = self.merged()
        self.base = (through_nf4(merged) - (merged - self.whole)).to(torch.bfloat16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.base) + linear(linear(x, self.down) * SCALE, self.up)


def adapt(llm: nn.Module, rank: int) -> dict[str, Adapted]:
    """Puts an adapter beside every linear layer, whose q/k/v biases must be zero: they go."""
    found = [(name, m) for name, m in llm.named_modules() if isinstance(m, nn.Linear)]
    for name, layer in found:
        assert layer.bias is None or not layer.bias.any(), f"{name} has a bias"
        llm.set_submodule(name, Adapted(layer, rank))
    return {name: llm.get_submodule(name) for name, _ in found}
