"""Little memory: the saved 4-bit form on a card of 8 GB, and what happens when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch

from benchmarks.gpu.full_shape import opened, turns
from benchmarks.gpu.measuring import Warned, gb
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from benchmarks.turns import last_piece, tones
from model.errors import NoRoom
from model.local import LocalEngine
from model.messages import Message, Sampling

_SMALL = {"8_gb": 8.0e9, "8_gb_with_a_screen": 7.0e9, "6_gb": 5.9e9}  # bytes free
_SHORT = Sampling(max_tokens=40, temperature=0)


def run(parts: Parts, setting: Setting) -> None:
    folder = setting.packed if (setting.packed / "config.json").exists() else setting.official
    for name, n_bytes in _SMALL.items():
        parts.run(f"card_of_{name}", _small_card, setting, folder, n_bytes, seconds=60)
    warned = Warned()
    engine = parts.run("load", opened, setting, folder, 4, needed=True)
    if setting.device.type == "cuda":
        parts.run("drops_what_it_remembers", _dropped, engine, warned)
        parts.run("refuses_in_a_sentence", _refused, engine)


def _small_card(setting: Setting, folder, n_bytes: float) -> dict:
    """Where what lies is chosen as on such a card, and the memory is cut to its size."""
    warned = Warned()
    with card_of(n_bytes, setting.device):
        figures, engine = opened(setting, folder, 4)
        try:
            figures |= turns(engine)
        finally:
            engine.close()
    figures["remarks"] = warned.said[:4]
    peak = figures.get("gpu_peak_gb", 0.0)
    return figures | {"ok": peak <= min(7.5, n_bytes / 1e9)}


@contextmanager
def card_of(n_bytes: float, device: torch.device) -> Iterator[None]:
    """Within it, a GPU has so many bytes for us; a processor is left as it is."""
    if device.type != "cuda":
        yield
        return
    total = torch.cuda.get_device_properties(device).total_memory

    def info(device=None) -> tuple[int, int]:
        return max(0, int(n_bytes) - torch.cuda.memory_reserved(device)), int(n_bytes)

    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(n_bytes / total, device)
    try:
        with patch.object(torch.cuda, "mem_get_info", info):
            yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


@contextmanager
def _only(more: float, device: torch.device) -> Iterator[None]:
    """Within it, there are so many bytes beside those that are taken."""
    torch.cuda.empty_cache()
    with card_of(torch.cuda.memory_reserved(device) + more, device):
        yield


def _dropped(engine: LocalEngine, warned: Warned) -> dict:
    """Other conversations fill the GPU: what is remembered of them goes, and answers go on."""
    engine._forget()
    budget, ended = engine.memories.budget, []
    engine.memories.budget = 1 << 40
    try:
        with _only(1.1e9, engine.model.head.weight.device):
            for i in range(8):
                talk = [Message("user", (tones(10, 100 + i), "What do you hear?"))]
                ended.append(last_piece(engine, talk, _SHORT)[1].finish)
    finally:
        engine.memories.budget = budget
    n = len(warned.of("memory ran out"))
    return {"ended": ended, "dropped": n, "ok": len(ended) == 8 and n > 0}


def _refused(engine: LocalEngine) -> dict:
    """More sound than there is memory for is one sentence; the next answer works."""
    engine._forget()
    device, sentence = engine.model.head.weight.device, ""
    before = torch.cuda.memory_allocated(device)
    with _only(0.5e9, device):
        clips = tuple(tones(29, 200 + i) for i in range(5))
        try:
            last_piece(engine, [Message("user", (*clips, "What?"))], _SHORT)
        except NoRoom as error:
            sentence = str(error)
        engine._forget()
        left = torch.cuda.memory_allocated(device) - before
        finish = last_piece(engine, [Message("user", ("Hello",))], _SHORT)[1].finish
    row = {"sentence": sentence, "left_behind_gb": gb(left), "then": finish}
    return row | {"ok": bool(sentence) and left < 50e6}
