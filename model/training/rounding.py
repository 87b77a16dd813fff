"""Weights to 4 bits with an eye to what they are multiplied with. Knows nothing of files.

Rounded to the nearest, each weight errs by itself, and the errors add up. Here the error of a
weight is made good by those of its row that are not rounded yet, as far as what comes in varies
with it (GPTQ, arXiv 2210.17323, on NF4's uneven levels); then each weight is chosen anew while the
others stand (QuantEase, arXiv 2309.01885), and the blocks' scales are fitted in between. Scales are
taken as they are after double quantisation, so that nothing is lost after the choice.

A linear layer's error is |X (W - Q)^T|^2 over the positions of some prompts, whose X^T X
(`moments`) is all that is kept of them. Decoder layers go one after the other: what one is given
comes from the rounded ones before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import silu

from model import quantize
from model.longcontext import rotary
from model.qwen_audio import QwenAudio

BLOCK = 64  # weights that share a scale
DAMPING = 0.01  # of the mean square of what comes in: how far the prompts are not trusted
SWEEPS = 3  # in which every weight is chosen anew
NARROWER = (1.0, 0.95, 0.9, 0.84, 0.78, 0.72)  # shares of a block's largest weight tried as scale
_COLUMNS = 64  # weights of a row rounded before what they leave is passed on to the others
_TINY = 1e-12


@dataclass(frozen=True)
class Rounded:
    """A weight (out, in): which of NF4's levels each number takes, and each block's scale."""

    codes: torch.Tensor  # (out, in)
    scales: torch.Tensor  # (out, blocks), as they are after double quantisation
    state: object  # what quantize.pack wants

    def weight(self) -> torch.Tensor:
        """(out, in) float32."""
        block = self.codes.shape[1] // self.scales.shape[1]
        return quantize.levels(self.codes.device)[self.codes] * self.scales.repeat_interleave(
            block, 1
        )


def fit(weight: torch.Tensor, moments: torch.Tensor) -> Rounded:
    """A weight (out, in) float32, and the moments (in, in) of what it is multiplied with."""
    width = weight.shape[1]
    assert width % BLOCK == 0, f"rows of {width} weights are no whole blocks of {BLOCK}"
    moments = _damped(moments)
    scales, state = quantize.stored_scales(_narrowed(weight, moments.diagonal()), width)
    codes = _compensated(weight, moments, scales)
    for _ in range(SWEEPS):
        fitted = _fitted(weight, moments, codes, scales)
        scales, state = quantize.stored_scales(fitted, width)
        _choose_anew(weight, moments, codes, scales)
    return Rounded(codes, scales, state)


def _damped(moments: torch.Tensor) -> torch.Tensor:
    more = DAMPING * moments.diagonal().mean() + _TINY
    return moments + more * torch.eye(len(moments), device=moments.device)


def _nearest(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    levels = quantize.levels(weight.device)
    ratio = torch.where(scale > _TINY, weight / scale, 0.0)
    return torch.bucketize(ratio, (levels[1:] + levels[:-1]) / 2)


def _narrowed(weight: torch.Tensor, importance: torch.Tensor) -> torch.Tensor:
    """The scale of each block (out, blocks) with the least error when rounded to the nearest,
    weighed by how large is what comes in (in,)."""
    blocks, importance = weight.unflatten(1, (-1, BLOCK)), importance.view(-1, BLOCK)
    largest, levels = blocks.abs().amax(2), quantize.levels(weight.device)
    best, least = largest, torch.full_like(largest, torch.inf)
    for share in NARROWER:
        scale = (largest * share)[..., None]
        error = (levels[_nearest(blocks, scale)] * scale - blocks).square_().mul_(importance).sum(2)
        best = torch.where(error < least, scale[..., 0], best)
        least = torch.minimum(error, least)
    return best


def _compensated(weight, moments, scales) -> torch.Tensor:
    """GPTQ: the codes (out, in). Inputs that are large on average come first."""
    order = moments.diagonal().argsort(descending=True)
    left, columns = weight[:, order], scales.repeat_interleave(BLOCK, 1)[:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments[order][:, order]))
    passed_on = torch.linalg.cholesky(inverse, upper=True)
    levels, codes = quantize.levels(weight.device), torch.empty_like(weight, dtype=torch.long)
    for start in range(0, len(order), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        here, share = left[:, part].clone(), passed_on[part, part]
        errors = torch.empty_like(here)
        for i in range(here.shape[1]):
            scale = columns[:, start + i]
            code = _nearest(here[:, i], scale)
            errors[:, i] = (here[:, i] - levels[code] * scale) / share[i, i]
            here[:, i:] -= errors[:, i, None] * share[i, i:]
            codes[:, start + i] = code
        left[:, part.stop :] -= errors @ passed_on[part, part.stop :]
    return codes[:, order.argsort()]


def _choose_anew(weight, moments, codes, scales) -> None:
    """Each weight in turn takes the level that is best while all others stand; changes `codes`."""
    levels, columns = quantize.levels(weight.device), scales.repeat_interleave(BLOCK, 1)
    chosen = levels[codes] * columns
    pull = (weight - chosen) @ moments  # (out, in): half the slope of the error
    for start in range(0, weight.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        here, among = pull[:, part].clone(), moments[part, part]
        moved = torch.empty_like(here)
        for i in range(here.shape[1]):
            at, scale = chosen[:, start + i], columns[:, start + i]
            code = _nearest(at + here[:, i] / among[i, i], scale)
            moved[:, i] = at - levels[code] * scale
            here += moved[:, i, None] * among[i]
            codes[:, start + i] = code
        pull += moved @ moments[part]


def _fitted(weight, moments, codes, scales) -> torch.Tensor:
    """The scales of least error for these codes, block after block."""
    shape, scales = quantize.levels(weight.device)[codes], scales.clone()
    pull = (weight - shape * scales.repeat_interleave(BLOCK, 1)) @ moments
    for i in range(scales.shape[1]):
        part = slice(i * BLOCK, (i + 1) * BLOCK)
        along = (shape[:, part] @ moments[part, part] * shape[:, part]).sum(1)
        step = (shape[:, part] * pull[:, part]).sum(1) / along.clamp(min=_TINY)
        step = step.clamp(-0.2 * scales[:, i], 0.2 * scales[:, i])
        scales[:, i] += step
        pull -= (step[:, None] * shape[:, part]) @ moments[part]
    return scales


@torch.no_grad()
def round_layers(
    model: QwenAudio,
    prompts: Sequence[torch.Tensor],
    *,
    device: torch.device | None = None,
    ready: Callable[[nn.Module], None] = lambda layer: None,
    tell: Callable[[int], None] = lambda n_done: None,
) -> None:
    """Every linear layer of the language model to 4 bits, in place, for these prompts: embeddings
    (n, width) each, of which the trained length is read.

    `ready` is called with each decoder layer before anything is done to it; `tell` with the number
    of those that are done. One decoder layer at a time is held in float32, together with what the
    prompts make of it, on `device` (default: the model's own).
    """
    config = model.config
    width, base = config.text_config.head_dim, config.text_config.rope_parameters["rope_theta"]
    device = device or model.head.weight.device
    states = [prompt[: config.trained_length].to(device, torch.float32) for prompt in prompts]
    longest = torch.arange(max(map(len, states)), device=device)[None]
    turn = rotary(longest, width, base, 1.0, torch.float32)
    for n, layer in enumerate(model.llm.layers, 1):
        ready(layer)
        _round_layer(layer.to(device, torch.float32), states, turn)
        tell(n)


@torch.no_grad()
def round_to_nearest(
    model: QwenAudio,
    *,
    ready: Callable[[nn.Module], None] = lambda layer: None,
    tell: Callable[[int], None] = lambda n_done: None,
) -> None:
    """The same without prompts: each weight by itself."""
    for n, layer in enumerate(model.llm.layers, 1):
        ready(layer)
        _pack_each(layer)
        tell(n)


@torch.no_grad()
def round_reader(model: QwenAudio) -> None:
    """The linear layers of the reader to 4 bits, in place, each weight by itself."""
    for layer in model.reader.layers:
        _pack_each(layer)


def _pack_each(layer: nn.Module) -> None:
    for name, linear in list(layer.named_modules()):
        if isinstance(linear, nn.Linear):
            layer.set_submodule(name, quantize.packed_linear(linear, linear.weight.data))


def _round_layer(layer: nn.Module, states: list[torch.Tensor], turn: tuple) -> None:
    """One decoder layer; what came into it, prompt by prompt, becomes what goes out."""
    done = {}
    for names, given in _stages(layer, states, turn):
        moments = sum(x.T @ x for x in given)
        for name in names:
            linear = layer.get_submodule(name)
            done[name] = fit(linear.weight, moments)
            linear.weight = nn.Parameter(done[name].weight(), requires_grad=False)
    for name, rounded in done.items():
        layer.set_submodule(
            name, quantize.pack(layer.get_submodule(name), rounded.codes, rounded.state)
        )


def _stages(layer: nn.Module, states: list, turn: tuple) -> Iterator[tuple[tuple[str, ...], list]]:
    """The linear layers in the order of the forward pass, those together that are given the same;
    and what they are given. Goes on with the weights that they then have."""
    attention, mlp = layer.self_attn, layer.mlp
    given = [layer.input_layernorm(x) for x in states]
    yield ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), given
    given = [_attended(attention, x, turn) for x in given]
    yield ("self_attn.o_proj",), given
    states[:] = [x + attention.o_proj(y) for x, y in zip(states, given, strict=True)]
    given = [layer.post_attention_layernorm(x) for x in states]
    yield ("mlp.gate_proj", "mlp.up_proj"), given
    given = [silu(mlp.gate_proj(x)) * mlp.up_proj(x) for x in given]
    yield ("mlp.down_proj",), given
    states[:] = [x + mlp.down_proj(y) for x, y in zip(states, given, strict=True)]


def _attended(attention: nn.Module, x: torch.Tensor, turn: tuple) -> torch.Tensor:
    """What the last linear layer of an attention is given (n, heads * width)."""
    caught = []
    hook = attention.o_proj.register_forward_pre_hook(lambda _, args: caught.append(args[0][0]))
    n = len(x)
    hidden_from = x.new_full((n, n), torch.finfo(x.dtype).min).triu(1)
    attention(x[None], turn.upto(n), hidden_from[None, None])
    hook.remove()
    return caught[0]
