"""Time, memory and likeness, measured alike in all steps."""

import logging
import statistics
import time
from collections.abc import Callable

import torch


def sync() -> None:
    """Waits until the GPU has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def median_s(work: Callable[[], object], n: int = 5, warm: int = 1) -> float:
    """Seconds of one call, the middle of n, after some that do not count."""
    times = []
    for i in range(n + warm):
        sync()
        began = time.perf_counter()
        work()
        sync()
        if i >= warm:
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def gb(n_bytes: float) -> float:
    return round(n_bytes / 1e9, 2)


def memory(device: torch.device) -> dict:
    """Of the GPU: at most since the last reset, and taken now (the driver's context, too)."""
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {
        "gpu_peak_gb": gb(torch.cuda.max_memory_allocated(device)),
        "gpu_reserved_peak_gb": gb(torch.cuda.max_memory_reserved(device)),
        "gpu_taken_gb": gb(total - free),
    }


def likeness(ours: torch.Tensor, theirs: torch.Tensor) -> dict:
    """Of logits (n, vocabulary), and how clear the likeliest tokens were where they differ."""
    ours, theirs = ours.float(), theirs.float()
    top = theirs.topk(2, -1)
    margins = top.values[:, 0] - top.values[:, 1]
    differ = ours.argmax(-1) != top.indices[:, 0]
    return {
        "relative_error": float(f"{((ours - theirs).norm() / theirs.norm()).item():.2e}"),
        "likeliest_differ": int(differ.sum()),
        "of": len(ours),
        "widest_margin": round(margins[differ].max().item(), 4) if differ.any() else 0.0,
    }


class Warned:
    """Collects what the engine logs of its troubles."""

    def __init__(self):
        self.said: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage()[:200])
        logging.getLogger("model").addHandler(handler)

    def of(self, words: str) -> list[str]:
        return [sentence for sentence in self.said if words in sentence]
