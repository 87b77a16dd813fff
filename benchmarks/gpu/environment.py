"""The machine: versions, the GPU, how fast its memory is, which attention serves which call."""

import importlib.metadata
import os
import shutil
import subprocess
import sys

import psutil
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile

from benchmarks import synthetic
from benchmarks.answering import bandwidth
from benchmarks.gpu.measuring import gb, median_s
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from model import checkpoint, cuda, machine
from model.errors import NoRoom
from model.placement import place

_PACKAGES = ("torch", "transformers", "accelerate", "peft", "bitsandbytes", "triton", "numpy")
_ASKED = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"


def run(parts: Parts, setting: Setting) -> None:
    parts.run("machine", _machine, setting, needed=True)
    parts.run("bandwidth", _bandwidth, setting)
    parts.run("attention", _attention, setting)
    parts.run("doctor", _doctor, setting)


def _machine(setting: Setting) -> dict:
    row = {"python": sys.version.split()[0]} | {name: _version(name) for name in _PACKAGES}
    row |= {"cores": os.cpu_count(), "ram_gb": gb(psutil.virtual_memory().total)}
    row |= {"scratch_free_gb": gb(shutil.disk_usage(setting.scratch.parent).free)}
    if setting.device.type == "cpu":
        return row
    smi = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
    if shutil.which("nvidia-smi"):
        row["smi"] = subprocess.run(smi, capture_output=True, text=True).stdout.strip()
    about = torch.cuda.get_device_properties(setting.device)
    row |= {"gpu": about.name, "capability": f"{about.major}.{about.minor}"}
    row |= {"multiprocessors": about.multi_processor_count, "gpu_gb": gb(about.total_memory)}
    return row | {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _bandwidth(setting: Setting) -> dict:
    n, side = (1 << 24, 512) if setting.toy else (1 << 30, 8192)
    numbers = torch.ones(n // 4, dtype=torch.float32, device=setting.device)
    row = {"copy_gb_s": round(bandwidth(setting.device) / 1e9, 1)}
    row["read_gb_s"] = round(n / median_s(numbers.sum, 9, 3) / 1e9, 1)
    square = torch.randn(side, side, device=setting.device, dtype=torch.bfloat16)
    tflops = 2 * side**3 / median_s(lambda: square @ square, 9, 3) / 1e12
    return row | {"bf16_tflops": round(tflops, 2)}


def _attention(setting: Setting) -> dict:
    """The slowest kernel of each kind of call that the engine makes: it tells the implementation.
    Set up as the engine is."""
    if setting.device.type == "cuda":
        cuda.prepare()
    calls = {
        "listening": (500, 500, "", 64, {}),
        "first_question": (307, 307, "", 128, {"is_causal": True}),
        "follow_up": (35, 400, "bool", 128, {}),
        "plain_step": (1, 400, "", 128, {}),
        "captured_step": (1, 768, "numbers", 128, {}),
    }
    return {name: _kernel(setting.device, *call) for name, call in calls.items()}


def _kernel(device, n: int, held: int, mask: str, width: int, how: dict) -> str:
    q, k = (torch.randn(1, 8, m, width, device=device).bfloat16() for m in (n, held))
    if mask:
        seen = torch.ones(1, 1, n, held, device=device)
        how = how | {"attn_mask": seen > 0 if mask == "bool" else seen.to(q.dtype)}
    on_gpu = device.type == "cuda"
    scaled_dot_product_attention(q, k, k, **how)
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as seen:
        scaled_dot_product_attention(q, k, k, **how)
        if on_gpu:
            torch.cuda.synchronize()
    spent = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    return max(seen.key_averages(), key=lambda event: getattr(event, spent)).key[:80]


def _doctor(setting: Setting) -> dict:
    counts = checkpoint.count_weights(
        checkpoint._translate(synthetic.official_config(synthetic.FULL))
    )
    found = {"gpu": machine.graphics().sentence, "four_bits": machine.four_bits().sentence}
    found["ok"] = "works" in found["four_bits"]
    try:
        chosen = place(counts, bits=4, device=str(setting.device))
    except NoRoom as refusal:
        if not setting.toy:  # a rehearsal may run where the real weights have no room
            raise
        return found | {"placed": str(refusal)}
    placed = f"{chosen.device} {chosen.dtype} {chosen.bits}"
    return found | {"placed": placed, "remarks": chosen.remarks}
