"""Transformer layers on plain torch: a decoder layer (RMSNorm, rotary attention, SwiGLU) and an
encoder layer (Whisper's). What they need to know of a call is an argument of it.

A decoder layer has one of two forms that compute the same. Fused, for answers: queries, keys and
values are one product, gate and up another. Apart, for training: adapters and surgery reach each
weight by its name. model/fused.py turns the weights of one form into those of the other.

Sources: Qwen, arXiv 2309.16609, section 2.3; Whisper, arXiv 2212.04356, section 2.2.
"""

from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.nn.functional import gelu, rms_norm, scaled_dot_product_attention, silu

_LARGEST_HALF = 65_504 - 1000  # of float16, and some room: as Whisper is run in 16 bits


class Rotary(NamedTuple):
    """What turns queries and keys at their positions: (batch, n, 1 or heads, head_dim) each, heads
    those of queries, then of keys. The first half of `sin` is negative."""

    cos: torch.Tensor
    sin: torch.Tensor

    def upto(self, n: int) -> "Rotary":
        """That of the first `n` positions."""
        return Rotary(self.cos[:, :n], self.sin[:, :n])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Queries and keys (batch, n, heads, head_dim), turned."""
        return x * self.cos + x.roll(x.shape[-1] // 2, -1) * self.sin


class Past(Protocol):
    """Keeps keys and values from call to call: see model/cache.py."""

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """New keys and values (rows, groups, n, head_dim) of a layer -> all that are attended."""


class RMSNorm(nn.Module):
    """Root mean square layer normalisation, arXiv 1910.07467; one kernel where there is one."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> the same, in the wider type of input and weight."""
        dtype = torch.promote_types(x.dtype, self.weight.dtype)
        return rms_norm(x.to(dtype), self.weight.shape, self.weight.to(dtype), self.eps)


class Attention(nn.Module):
    """Causal self-attention with grouped keys (arXiv 2305.13245)."""

    def __init__(self, config, index: int, *, fused: bool):
        super().__init__()
        self.index, self.fused, self.head_dim = index, fused, config.head_dim
        self.n_heads, self.n_groups = config.num_attention_heads, config.num_key_value_heads
        self.scaling = self.head_dim**-0.5
        width, out = config.hidden_size, self.n_heads * self.head_dim
        keys = self.n_groups * self.head_dim
        self.rows = (out, keys, keys)  # of the fused weight
        if fused:
            self.qkv_proj = nn.Linear(width, sum(self.rows))
        else:
            self.q_proj = nn.Linear(width, out)
            self.k_proj, self.v_proj = nn.Linear(width, keys), nn.Linear(width, keys)
        self.o_proj = nn.Linear(out, width, bias=False)

    def forward(
        self,
        x: torch.Tensor,
        rotary: Rotary,
        mask: torch.Tensor | None = None,
        past: Past | None = None,
    ) -> torch.Tensor:
        """(batch, n, width) -> (batch, n, width). Without a mask, a query sees what is before it,
        a single query everything."""
        qkv = self._project(x).unflatten(-1, (-1, self.head_dim))  # (batch, n, heads, head_dim)
        turned, values = qkv.split((self.n_heads + self.n_groups, self.n_groups), 2)
        turned = rotary(turned).transpose(1, 2)
        q, k = turned.split((self.n_heads, self.n_groups), 1)  # (batch, heads, n, head_dim)
        v = values.transpose(1, 2)
        if past is not None:
            k, v = past.update(k, v, self.index)
        out = attend(q, k, v, mask, is_causal=mask is None and x.shape[1] > 1)
        return self.o_proj(out.transpose(1, 2).flatten(2))

    def _project(self, x: torch.Tensor) -> torch.Tensor:
        if self.fused:
            return self.qkv_proj(x)
        return torch.cat((self.q_proj(x), self.k_proj(x), self.v_proj(x)), -1)


class Mlp(nn.Module):
    """SwiGLU, arXiv 2002.05202."""

    def __init__(self, width: int, inner: int, *, fused: bool):
        super().__init__()
        self.fused, self.rows = fused, (inner, inner)
        if fused:
            self.gate_up_proj = nn.Linear(width, 2 * inner, bias=False)
        else:
            self.gate_proj = nn.Linear(width, inner, bias=False)
            self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width)."""
        if self.fused:
            gate, up = self.gate_up_proj(x).chunk(2, -1)
        else:
            gate, up = self.gate_proj(x), self.up_proj(x)
        return self.down_proj(silu(gate) * up)


class DecoderLayer(nn.Module):
    """One of Qwen-7B or of a llama. `config` is a Qwen2Config."""

    def __init__(self, config, index: int, *, fused: bool):
        super().__init__()
        width, eps = config.hidden_size, config.rms_norm_eps
        self.self_attn = Attention(config, index, fused=fused)
        self.mlp = Mlp(width, config.intermediate_size, fused=fused)
        self.input_layernorm = RMSNorm(width, eps)
        self.post_attention_layernorm = RMSNorm(width, eps)

    def forward(
        self,
        x: torch.Tensor,
        rotary: Rotary,
        mask: torch.Tensor | None = None,
        past: Past | None = None,
    ) -> torch.Tensor:
        """(batch, n, width) -> (batch, n, width)."""
        x = x + self.self_attn(self.input_layernorm(x), rotary, mask, past)
        return x + self.mlp(self.post_attention_layernorm(x))


class EncoderAttention(nn.Module):
    """Self-attention in which everything sees all that is not masked."""

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj, self.q_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(windows, steps, width) -> the same. `mask` is True where a step may look."""
        parts = (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        q, k, v = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        return self.out_proj(attend(q, k, v, mask).transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """One of Whisper's encoder. `config` is a Qwen2AudioEncoderConfig."""

    def __init__(self, config):
        super().__init__()
        width, inner = config.d_model, config.encoder_ffn_dim
        self.self_attn = EncoderAttention(width, config.encoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(windows, steps, width) -> the same."""
        x = x + self.self_attn(self.self_attn_layer_norm(x), mask)
        x = x + self.fc2(gelu(self.fc1(self.final_layer_norm(x))))
        if x.dtype == torch.float16:
            x = x.clamp(-_LARGEST_HALF, _LARGEST_HALF)
        return x


def attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    is_causal: bool = False,
) -> torch.Tensor:
    """Queries (batch, heads, n, head_dim) over keys and values (batch, groups, keys, head_dim) ->
    (batch, heads, n, head_dim). `mask` is True where a query may look, or is added to the scores.
    """
    batch, heads, n, width = q.shape
    groups = k.shape[1]
    if n == 1 and groups < heads:  # heads that share keys read them together
        q = q.reshape(batch, groups, heads // groups, width)
        return attend(q, k, v, mask).reshape(batch, heads, 1, width)
    if groups < heads:
        k, v = (part.repeat_interleave(heads // groups, 1) for part in (k, v))
    if q.requires_grad and q.device.type == "cpu":
        return _attend_in_steps(q, k, v, mask, is_causal)
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal)


def _attend_in_steps(q, k, v, mask, is_causal: bool) -> torch.Tensor:
    """Where gradients are wanted on a processor, this is a third faster than torch's kernel."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if is_causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores = scores + mask
    return scores.softmax(-1, dtype=torch.float32).to(v.dtype) @ v


@torch.no_grad()
def initialise(module: nn.Module, std: float) -> None:
    """Random weights for an untrained model: normal, biases of zero; norms stay as they are."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv1d, nn.Embedding)):
            nn.init.normal_(part.weight, std=std)
            if getattr(part, "bias", None) is not None:
                nn.init.zeros_(part.bias)
