"""Whisper's decoder on plain torch: causal self-attention, cross-attention to the encoder's steps,
learned positions, a tied embedding. Knows nothing of sound, tokenizers or how a text is searched.

Source: Whisper, arXiv 2212.04356, section 2.2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import nn
from torch.nn.functional import gelu, linear

from model.layers import initialise

RENAMED = {  # transformers' names of a Whisper: ours, in the order of the forward pass
    r"model\.encoder\.(conv1|conv2)\.(weight|bias)": r"audio.\1.\2",
    r"model\.encoder\.embed_positions\.weight": r"audio.positions",
    r"model\.encoder\.layers\.(.+)": r"audio.layers.\1",
    r"model\.encoder\.layer_norm\.(weight|bias)": r"reader.steps_norm.\1",
    r"model\.decoder\.embed_tokens\.weight": r"reader.embed_tokens.weight",
    r"model\.decoder\.embed_positions\.weight": r"reader.positions",
    r"model\.decoder\.layers\.(\d+)\.encoder_attn(_layer_norm)?\.(.+)": (
        r"reader.layers.\1.cross_attn\2.\3"
    ),
    r"model\.decoder\.layers\.(\d+)\.(self_attn|self_attn_layer_norm|fc1|fc2|final_layer_norm)"
    r"\.(.+)": r"reader.layers.\1.\2.\3",
    r"model\.decoder\.layer_norm\.(weight|bias)": r"reader.norm.\1",
}
_TIED = "proj_out.weight"  # the embedding once more, in some files


@dataclass(frozen=True, kw_only=True)
class SpeechDecoderConfig:
    """Sizes, and which heads of cross-attention follow the sound: (layer, head), counted from 0."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    alignment_heads: tuple[tuple[int, int], ...] = ()

    def __post_init__(self):
        sizes = {f.name: getattr(self, f.name) for f in fields(self) if f.type is int}
        if wrong := [name for name, n in sizes.items() if not isinstance(n, int) or n < 1]:
            raise ValueError(f"{wrong[0]} of the reader is a number from 1; got {sizes[wrong[0]]}")
        if self.width % self.heads:
            raise ValueError(f"{self.width} numbers do not go into {self.heads} heads")
        pairs = tuple((int(layer), int(head)) for layer, head in self.alignment_heads)
        if not all(0 <= a < self.layers and 0 <= b < self.heads for a, b in pairs):
            raise ValueError(f"the reader has no such alignment heads: {pairs}")
        object.__setattr__(self, "alignment_heads", pairs)


class DecoderMemory:
    """Keys and values of the windows that are read: those of the sound are computed once, those of
    the text grow with each call. `crossed` keeps the weights of cross-attention of the last call,
    (windows, heads, n, steps) a layer, where it `watches`."""

    def __init__(self, *, watches: bool = False):
        self.sound: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.text: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.watches, self.crossed = watches, {}

    def __len__(self) -> int:
        return self.text[0][0].shape[2] if self.text else 0

    def grow(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple:
        """New keys and values (windows, heads, n, head_dim) -> all so far."""
        if layer in self.text:
            k, v = (torch.cat(pair, 2) for pair in zip(self.text[layer], (k, v), strict=True))
        self.text[layer] = (k, v)
        return k, v

    def again(self, *, watches: bool = False) -> "DecoderMemory":
        """One of the same sound and no text."""
        fresh = DecoderMemory(watches=watches)
        fresh.sound = self.sound
        return fresh


class _Attention(nn.Module):
    """Queries of the text over keys and values of the text or of the sound."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj, self.q_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def keys(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(windows, n, width) -> keys and values (windows, heads, n, head_dim)."""
        return self._split(self.k_proj(x)), self._split(self.v_proj(x))

    def queries(self, x: torch.Tensor) -> torch.Tensor:
        """(windows, n, width) -> (windows, heads, n, head_dim)."""
        return self._split(self.q_proj(x))

    def out(self, x: torch.Tensor) -> torch.Tensor:
        """(windows, heads, n, head_dim) -> (windows, n, width)."""
        return self.out_proj(x.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SpeechDecoderLayer(nn.Module):
    """One of Whisper's decoder."""

    def __init__(self, config: SpeechDecoderConfig, index: int):
        super().__init__()
        width, self.index = config.width, index
        self.self_attn = _Attention(width, config.heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.cross_attn = _Attention(width, config.heads)
        self.cross_attn_layer_norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, config.inner), nn.Linear(config.inner, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(
        self,
        x: torch.Tensor,
        steps: torch.Tensor,
        memory: DecoderMemory,
        causal: torch.Tensor | None,
        sounding: torch.Tensor | None,
    ) -> torch.Tensor:
        """Text (windows, n, width) over steps (windows, steps, width) -> (windows, n, width).
        `causal` (n, all) and `sounding` (1 or windows, 1, 1, steps) are True where a query looks.
        """
        attention, y = self.self_attn, self.self_attn_layer_norm(x)
        k, v = memory.grow(self.index, *attention.keys(y))
        x = x + attention.out(_weights(attention.queries(y), k, causal) @ v)
        attention, y = self.cross_attn, self.cross_attn_layer_norm(x)
        if self.index not in memory.sound:
            k, v = attention.keys(steps)
            memory.sound[self.index] = (k.contiguous(), v.contiguous())  # read with each token
        k, v = memory.sound[self.index]
        weights = _weights(attention.queries(y), k, sounding)
        if memory.watches:
            memory.crossed[self.index] = weights
        x = x + attention.out(weights @ v)
        return x + self.fc2(gelu(self.fc1(self.final_layer_norm(x))))


def _weights(q: torch.Tensor, k: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
    """How much each query looks at each key. Written out: for one query on a processor torch's own
    kernel takes five times as long (0.6 ms and 0.1, 600 keys, bfloat16)."""
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if seen is not None:
        scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
    return scores.softmax(-1).to(q.dtype)


class SpeechDecoder(nn.Module):
    """Encoder steps and token ids in, logits of the next token out."""

    def __init__(self, config: SpeechDecoderConfig):
        super().__init__()
        self.config = config
        self.steps_norm = nn.LayerNorm(config.width)  # the last layer of Whisper's encoder
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Parameter(torch.empty(config.positions, config.width))
        self.layers = nn.ModuleList(SpeechDecoderLayer(config, i) for i in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        initialise(self, 0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(
        self,
        ids: torch.Tensor,
        steps: torch.Tensor,
        memory: DecoderMemory,
        sounding: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Token ids (windows, n) that follow those in `memory`, and steps (windows, steps, width)
        as `normalise` gives them -> hidden states (windows, n, width).

        `sounding` (1 or windows, steps) is True for the steps to look at; None: all.
        """
        n, start = ids.shape[1], len(memory)
        positions = torch.arange(start, start + n, device=ids.device)
        x = self.embed_tokens(ids) + self.positions[positions]
        causal = None
        if n > 1:
            causal = torch.arange(start + n, device=ids.device) <= positions[:, None]
        if sounding is not None:
            sounding = sounding[:, None, None]
        for layer in self.layers:
            x = layer(x, steps, memory, causal, sounding)
        return self.norm(x)

    def normalise(self, steps: torch.Tensor) -> torch.Tensor:
        """Steps of the encoder's last layer (…, width) -> as this decoder reads them."""
        return self.steps_norm(steps)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states (…, width) -> (…, vocabulary) float32."""
        return linear(hidden, self.embed_tokens.weight).float()

    def alignment(self, memory: DecoderMemory) -> torch.Tensor:
        """Weights of the alignment heads in the last call that `memory` watched -> (heads, n,
        steps) of its first window."""
        pairs = self.config.alignment_heads
        return torch.stack([memory.crossed[layer][0, head] for layer, head in pairs]).float()


def rename(theirs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a Whisper in transformers' names, encoder and decoder -> in the names of our
    composite. Raises KeyError for a weight that has no place."""
    return {_ours(name): weight for name, weight in theirs.items() if name != _TIED}


def _ours(theirs: str) -> str:
    for pattern, ours in RENAMED.items():
        if match := re.fullmatch(pattern, theirs):
            return match.expand(ours)
    raise KeyError(f"{theirs}: no weight of a Whisper")
