"""A part of the residual that carries what an early layer found to the answers: no layer between
writes there but to make it louder. Trains nothing, and reads no sound.

Layers write over all of the residual, also where it is used least: of what a head of layer 6 of
SmolLM2-135M writes there, nothing is left before the last layer (correlation 0.04; 0.99 where no
layer writes).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from model.training import pooling

OWN = ".carried"  # how the names of a Reader's own weights end
FILE = "carried.safetensors"  # beside a checkpoint: what its training goes on to keep
_SELF = 10.0  # nats of attention to oneself, by each rotary pair
_PAIRS = 8  # rotary pairs that turn fast enough to tell neighbours apart
_LEAST = 1e-3  # of a norm's weight that is divided by


@dataclass(frozen=True)
class Carried:
    """Orthonormal directions `where` (width, k) of the residual, in which from `layer` to before
    `end` only the first heads of the key-value groups `writers`, as (layer, group), write. Later
    layers make words of it: they may write everywhere."""

    where: torch.Tensor
    layer: int
    end: int
    writers: tuple[tuple[int, int], ...]

    def save(self, folder: Path) -> None:
        """Beside a checkpoint."""
        writers = torch.tensor(self.writers).reshape(-1, 2)
        span = torch.tensor([self.layer, self.end])
        kept = {"where": self.where.contiguous(), "span": span, "writers": writers}
        save_file(kept, folder / FILE)

    @classmethod
    def of(cls, folder: Path) -> "Carried | None":
        """That beside a checkpoint, where there is one."""
        if not (folder / FILE).exists():
            return None
        kept = load_file(folder / FILE)
        writers = tuple((layer, group) for layer, group in kept["writers"].tolist())
        return cls(kept["where"], *kept["span"].tolist(), writers)

    @torch.no_grad()
    def keep(self, llm: nn.Module) -> None:
        """Takes out what others write there: once, and after each step of training."""
        where = self.where.to(llm.norm.weight.device)
        for number, layer in enumerate(llm.layers[self.layer : self.end], self.layer):
            for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                written = where @ (where.T @ linear.weight.float())
                for at, group in self.writers:
                    if at == number and linear is layer.self_attn.o_proj:
                        written[:, pooling.columns(layer.self_attn, group, where.shape[1])] = 0
                linear.weight -= written.to(linear.weight.dtype)

    @torch.no_grad()
    def hide(self, llm: nn.Module) -> None:
        """As if nobody read there yet: what is carried changes no answer until that is learned."""
        for module, name, norm in self._readers(llm):
            linear = getattr(module, name)
            read = (linear.weight * norm.weight) @ self.where
            linear.weight -= read @ self.where.T / _divisor(norm)

    def open(self, llm: nn.Module) -> None:
        """For training: each later layer reads what is carried through weights of its own."""
        for module, name, norm in self._readers(llm):
            setattr(module, name, Reader(getattr(module, name), norm, self.where))

    def close(self, llm: nn.Module) -> None:
        """The linear layers as they were before `open`, with what was learned in them."""
        for module, name, _ in self._readers(llm):
            setattr(module, name, getattr(module, name).folded())

    def _readers(self, llm: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
        """(module, name of its linear layer, the norm before that), all that read where something
        is carried. Attention of the layer in which it begins has read before."""
        for number, layer in enumerate(llm.layers[self.layer :], self.layer):
            if number > self.layer:
                for name in ("q_proj", "k_proj", "v_proj"):
                    yield layer.self_attn, name, layer.input_layernorm
            for name in ("gate_proj", "up_proj"):
                yield layer.mlp, name, layer.post_attention_layernorm


class Reader(nn.Module):
    """A linear layer that reads what is carried through weights of its own (out, k), none at first.
    They learn faster than others: where a weight is zero, steps that suit weights of 0.2 would take
    thousands to say anything."""

    def __init__(self, linear: nn.Linear, norm: nn.Module, where: torch.Tensor):
        super().__init__()
        self.linear = linear
        self.carried = nn.Parameter(torch.zeros(linear.out_features, where.shape[1]))
        apart = where / _divisor(norm).detach().float().cpu()[:, None]
        self.register_buffer("apart", apart, persistent=False)  # (width, k)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (..., width), normed -> (..., out)."""
        return self.linear(x) + nn.functional.linear(x @ self.apart.to(x.dtype), self.carried)

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        """The same in one layer."""
        self.linear.weight.data = self.linear.weight.float() + self.carried.float() @ self.apart.T
        return self.linear


@torch.no_grad()
def amplify(
    llm: nn.Module, carried: Carried, at: tuple[int, int], gain: float, size: float
) -> None:
    """A key-value group that attends to its own position alone makes what is carried `gain` times
    as large; `size` is the root mean square of the residual there. Queries and keys are constant in
    the fastest rotary pairs, values are what is carried."""
    number, group = at
    attention, norm = llm.layers[number].self_attn, llm.layers[number].input_layernorm
    keys, queries = pooling.rows(attention, group), pooling.heads(attention, group)
    each = (_SELF / attention.scaling) ** 0.5
    for linear, part in ((attention.q_proj, queries), (attention.k_proj, keys)):
        linear.weight[part] = 0
        linear.bias[part] = 0
        for start in range(part.start, part.stop, attention.head_dim):
            linear.bias[start : start + _PAIRS] = each
    k = carried.where.shape[1]
    attention.v_proj.weight[keys] = 0
    attention.v_proj.bias[keys] = 0
    attention.v_proj.weight[keys.start : keys.start + k] = carried.where.T / _divisor(norm) * size
    attention.o_proj.weight[:, queries] = 0
    written = pooling.columns(attention, group, k)
    attention.o_proj.weight[:, written] = carried.where * (gain - 1)


def _divisor(norm: nn.Module) -> torch.Tensor:
    weight = norm.weight
    return torch.where(weight.abs() < _LEAST, torch.full_like(weight, _LEAST), weight)


def least_used(moments: torch.Tensor, k: int) -> torch.Tensor:
    """The `k` orthonormal directions (width, k) of least energy, by moments (width, width)."""
    return torch.linalg.eigh(moments.double()).eigenvectors[:, :k].float()
