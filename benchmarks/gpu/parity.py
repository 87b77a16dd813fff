"""Right numbers: beside the original's, beside unpacked weights, beside a processor's packing, and
a remembered conversation beside one read from the start.
"""

from dataclasses import replace

import torch
from torch import nn

from benchmarks import synthetic
from benchmarks.gpu.measuring import Warned, likeness
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from benchmarks.turns import tones
from model import checkpoint, parity, quantize
from model.cache import KeyValues
from model.generate import embed_rest, prefill
from model.local import LocalEngine
from model.messages import Message, Sampling
from model.placement import Placement

_ROWS = (1, 2, 4, 8, 17, 40, 200, 600, 1600)  # positions multiplied at once: each has its kernel
_TALK = (
    ("What do you hear?", 4.0),
    ("Say it in other words.", 0),
    ("And in this one?", 2.3),
    ("Which of the two is louder?", 0),
)


def run(parts: Parts, setting: Setting) -> None:
    if setting.fixtures:
        parts.run("float32", _fixtures, setting, torch.float32, 32, seconds=90)
        if not setting.toy:  # their rows of 32 weights have no 4-bit kernel on a processor
            parts.run("bfloat16", _fixtures, setting, torch.bfloat16, 16)
            parts.run("4_bits", _fixtures, setting, torch.bfloat16, 4)
    parts.run("packed_as_by_a_processor", _packed_alike, setting)
    folder = setting.scratch / "middling"
    synthetic.write(folder, setting.middling)
    parts.run("4_bit_kernels", _kernels, setting, folder)
    for bits in (32, 4) if setting.toy else (32, 16, 4):
        parts.run(f"reuse_{bits}_bits", _reuse, setting, folder, bits)


def _fixtures(setting: Setting, dtype: torch.dtype, bits: int) -> dict:
    warned = Warned()
    where = replace(parity.EXACT, device=setting.device, dtype=dtype, bits=bits)
    summary, rows = parity.run(setting.fixtures, where)
    unlike = [row["name"] for row in rows if row["greedy_mismatches"]]
    summary |= {"unlike": unlike, "no_graph": warned.of("without a captured graph")[:2]}
    right = parity.passed(summary) if bits == 32 else summary["id_mismatches"] == 0 or bits < 32
    return summary | {"ok": right and not summary["no_graph"]}


def _packed_alike(setting: Setting) -> dict:
    """Whether a GPU packs a weight as a processor does: a folder in 4 bits is good for both."""
    torch.manual_seed(1)
    weight = torch.empty(1024, 512, dtype=torch.bfloat16).normal_(0, 0.02)
    layer = nn.Linear(512, 1024, bias=False)
    ours, theirs = (
        quantize.packed_linear(layer, weight.to(device)).weight
        for device in (setting.device, torch.device("cpu"))
    )
    a, b = (one.quant_state for one in (ours, theirs))
    alike = (ours.data.cpu().flatten() == theirs.data.flatten()).float().mean().item()
    row = {"codes_alike": round(alike, 6)}
    row["scales_alike"] = round((a.absmax.cpu() == b.absmax).float().mean().item(), 6)
    row["offset_difference"] = (a.offset.cpu() - b.offset).abs().item()
    return row | {"ok": alike > 0.999}


def _kernels(setting: Setting, folder) -> dict:
    """bitsandbytes' products in 4 bits beside float32 on the same unpacked weights, by rows."""
    model = checkpoint.load(folder, Placement(setting.device, torch.bfloat16, 4, fused=True))
    torch.manual_seed(0)
    errors, layer = {}, model.llm.layers[1]
    for name in ("self_attn.qkv_proj", "mlp.gate_up_proj", "mlp.down_proj"):
        linear = layer.get_submodule(name)
        whole = quantize.weight_of(linear).float()
        for n in _ROWS:
            x = torch.randn(n, linear.in_features, device=setting.device, dtype=torch.bfloat16)
            with torch.inference_mode():
                ours = linear(x).float()
            bias = 0 if linear.bias is None else linear.bias.float()
            wanted = x.float() @ whole.T + bias
            error = ((ours - wanted).norm() / wanted.norm()).item()
            errors[f"rows_{n}"] = max(errors.get(f"rows_{n}", 0.0), float(f"{error:.1e}"))
    return errors | {"ok": max(errors.values()) < 1e-2}


def _reuse(setting: Setting, folder, bits: int) -> dict:
    engine = LocalEngine.open(folder, bits=bits, device=str(setting.device))
    try:
        return reuse(engine)
    finally:
        engine.close()


def reuse(engine: LocalEngine) -> dict:
    """Logits after what is remembered, beside those of the same prompt read from the start."""
    engine._forget()
    talk, ours, fresh, shares = [], [], [], []
    for number, (words, seconds) in enumerate(_TALK):
        talk.append(Message("user", (tones(seconds, number), words) if seconds else (words,)))
        prompt = engine._chat(talk)
        alpha = engine.model.config.alpha(len(prompt))
        memory = engine.memories.recall(prompt.keys, alpha)
        shares.append(round(len(memory.past) / len(prompt), 2))
        ours.append(_after(engine, prompt, memory.past, alpha))
        memory.slots = prompt.keys[: len(memory.past)]
        fresh.append(_after(engine, prompt, KeyValues(engine.memories.n_layers), alpha))
        list(engine.reply(talk, Sampling(max_tokens=6, temperature=0)))  # goes on from it
        talk.append(Message("assistant", (f"Answer {number}.",)))
    row = likeness(torch.cat(ours), torch.cat(fresh)) | {"remembered": shares}
    return row | {"ok": row["relative_error"] < (1e-4 if engine.about.bits == 32 else 3e-2)}


def _after(engine, prompt, past, alpha) -> torch.Tensor:
    rest = embed_rest(engine.model, prompt, len(past), engine._hear)
    *_, logits = prefill(engine.model, rest, past, alpha, engine.chunk)
    return logits.float()
