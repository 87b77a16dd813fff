"""Training: each stage at toy size, stopped and resumed; adapters beside the full shape's 4-bit
weights; and rounding to 4 bits with GPTQ.
"""

import torch

from benchmarks.gpu.measuring import median_s, memory
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from model.errors import EarshotError
from model.training import rounding, toy, train
from model.training.plan import Plan

_STAGES = ("adapt", "pretrain", "sft")


def run(parts: Parts, setting: Setting) -> None:
    for stage in _STAGES[:1] if setting.toy else _STAGES:
        parts.run(f"{stage}_at_toy_size", _stage, stage)
    if (setting.packed / "config.json").exists():
        parts.run("adapters_beside_4_bits", _adapters, setting, seconds=120)
    parts.run("rounding", _rounding, setting)


def _stage(stage: str) -> dict:
    said: list[str] = []
    try:
        train.try_out(stage, said.append)
    except EarshotError as error:
        return {"ok": False, "said": said[-2:], "error": str(error)}
    return {"said": said[-2:]}


def _adapters(setting: Setting) -> dict:
    """Some steps of `adapt`, through the Trainer; nothing is written but its checkpoint."""
    clips, n = setting.scratch / "clips", 2 if setting.toy else 6
    plan = Plan(
        stage="adapt",
        base=setting.packed,
        data=(toy.write_clips(clips),),
        out=setting.scratch / "adapted",
        steps=50,
        seconds=6,
        warm_up=1,
        log_every=1,
    )
    if setting.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(setting.device)
    losses = train.run(plan, lambda line: None, stop_at=n)
    row = {"losses": [round(loss, 4) for loss in losses]} | memory(setting.device)
    return row | {"ok": len(losses) == n and all(map(_is_number, losses))}


def _is_number(loss: float) -> bool:
    return loss == loss and abs(loss) != float("inf")


def _rounding(setting: Setting) -> dict:
    """Seconds for one matrix, and from it for the 8.4 B weights of the whole model."""
    out, width = (128, 256) if setting.toy else (4096, 4096)
    torch.manual_seed(0)
    weight = torch.randn(out, width, device=setting.device) * 0.02
    inputs = torch.randn(2 * width, width, device=setting.device)
    moments = inputs.T @ inputs
    seconds = median_s(lambda: rounding.fit(weight, moments), n=1 if setting.toy else 3, warm=0)
    error = ((rounding.fit(weight, moments).weight() - weight).norm() / weight.norm()).item()
    row = {"matrix": f"{out}x{width}", "seconds": round(seconds, 3), "error": round(error, 3)}
    if not setting.toy:
        row["whole_model_minutes"] = round(seconds * 6.48e9 / out / width / 60)
    return row | {"ok": error < 0.2}
