"""Single kernels by their share of the memory's bandwidth: products in 4 bits, attention of one
query, and the small things between them. Random numbers; times alone count.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention

from benchmarks.gpu.measuring import median_s
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from model import quantize

_WIDTH, _INNER, _HEADS, _HEAD_DIM, _WORDS = 4096, 11008, 32, 128, 155_947
_PRODUCTS = {  # (out, in)
    "o_proj": (_WIDTH, _WIDTH),
    "qkv_proj": (3 * _WIDTH, _WIDTH),
    "gate_up_proj": (2 * _INNER, _WIDTH),
    "down_proj": (_WIDTH, _INNER),
    "head": (_WORDS, _WIDTH),
}
_ENOUGH = 4e8  # bytes that no cache holds: several weights are read one after the other


def run(parts: Parts, setting: Setting) -> None:
    bench = _Bench(setting)
    parts.run("products", bench.products)
    parts.run("attention", bench.attention)
    parts.run("small", bench.small)


class _Bench:
    def __init__(self, setting: Setting):
        self.device, self.toy = setting.device, setting.toy

    def seconds_of_each(self, works: Sequence[Callable]) -> float:
        """Of one of several like things: on a GPU captured, one after the other."""

        def all_of_them() -> None:
            for work in works:
                work()

        replay = all_of_them if self.device.type == "cpu" else self._captured(all_of_them)
        return median_s(replay, 1 if self.toy else 9) / len(works)

    def _captured(self, work: Callable) -> Callable:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        return graph.replay

    def random(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=self.device, dtype=torch.bfloat16) * 0.02

    @torch.inference_mode()
    def products(self) -> dict:
        """µs of one token's product, and GB/s of weights read: in 4 bits, and in bfloat16."""
        row = {}
        for name, (out, width) in _PRODUCTS.items():
            out, width = (512, 256) if self.toy else (out, width)
            x = self.random(1, width)
            n = 1 if self.toy else max(2, int(_ENOUGH // (out * width // 2)))
            for kind, size in (("4_bits", 0.516), ("bfloat16", 2)):
                layers = [self._layer(out, width, kind) for _ in range(n if size < 1 else 2)]
                took = self.seconds_of_each([partial(layer, x) for layer in layers])
                row[f"{name}_{kind}"] = _rate(took, out * width * size)
        return row

    def _layer(self, out: int, width: int, kind: str) -> Callable:
        weight = self.random(out, width)
        if kind == "bfloat16":
            return lambda x: linear(x, weight)
        return quantize.packed_linear(torch.nn.Linear(width, out, bias=False), weight).eval()

    @torch.inference_mode()
    def attention(self) -> dict:
        """µs of one query over buffers of a length, GB/s of keys and values read: with a mask of
        truth values, with one that is added, and over exactly what is there."""
        row = {}
        for length in (64,) if self.toy else (512, 1024, 2048, 8192):
            heads, width = (2, 16) if self.toy else (_HEADS, _HEAD_DIM)
            size = 4 * length * heads * width
            n = 1 if self.toy else max(2, int(_ENOUGH // size))
            q = self.random(1, heads, 1, width)
            held = [(self.random(1, heads, length, width),) * 2 for _ in range(n)]
            seen = (torch.arange(length, device=self.device) <= length - 30)[None, None, None]
            added = torch.zeros(seen.shape, device=self.device, dtype=q.dtype)
            masks = {"bool": seen, "added": added.masked_fill(~seen, -1e30), "none": None}
            for name, mask in masks.items():
                attend = partial(scaled_dot_product_attention, q, attn_mask=mask)
                took = self.seconds_of_each([partial(attend, k, v) for k, v in held])
                row[f"{length}_{name}"] = _rate(took, size)
        return row

    @torch.inference_mode()
    def small(self) -> dict:
        """µs of each, captured alone."""
        x, weight = self.random(1, 1, _WIDTH), self.random(_WIDTH)
        scores = torch.randn(1, _WORDS, device=self.device)
        works = {
            "norm": lambda: rms_norm(x, (_WIDTH,), weight, 1e-6),
            "add": lambda: x + x,
            "likeliest_of_the_vocabulary": lambda: scores.argmax(-1),
            "sorted_vocabulary": lambda: torch.sort(scores),
        }
        return {n: f"{1e6 * self.seconds_of_each([w] * 16):.1f} µs" for n, w in works.items()}


def _rate(seconds: float, n_bytes: float) -> str:
    return f"{1e6 * seconds:.1f} µs, {n_bytes / seconds / 1e9:.0f} GB/s"
