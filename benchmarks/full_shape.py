"""`python -m benchmarks.full_shape`: peak memory and time of loading 8.4 B official weights.

Writes a synthetic checkpoint of the full published shape (17 GB on disk), loads it at 4 bits in a
process of its own, saves the 4-bit form, and loads that in another. `--toy` does the same small.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import synthetic
from model.paths import as_path


def load(folder: Path, save_to: Path | None, decode: int) -> dict:
    """In this process: load at 4 bits, say what it took."""
    import torch

    from model import checkpoint, quantize
    from model.cache import KeyValues
    from model.generate import read_chunk
    from model.placement import pick_device, pick_dtype

    before = _peak_gb()
    device = pick_device()
    where = checkpoint.Placement(device, pick_dtype(device, small=False), 4, fused=True)
    began = time.perf_counter()
    model = checkpoint.load(folder, where, progress=_Progress())
    seconds = time.perf_counter() - began
    row = {
        "load_s": round(seconds, 1),
        "peak_gb": _peak_gb(),
        "before_gb": before,
        "weights_gb": round(quantize.footprint(model) / 1e9, 2),
        "device": str(device),
    }
    if device.type == "cuda":
        row["gpu_peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    if save_to is not None:
        checkpoint.save(model, save_to)
        row["saved_gb"] = round(sum(f.stat().st_size for f in save_to.iterdir()) / 1e9, 2)
        row["peak_with_save_gb"] = _peak_gb()
    if decode:
        width = model.config.text_config.hidden_size
        past = KeyValues(model.config.text_config.num_hidden_layers)
        one = torch.zeros(1, 1, width, dtype=where.dtype, device=device)
        times = []
        for _ in range(decode + 1):  # the first repacks the weights for the processor
            began = time.perf_counter()
            read_chunk(model, one, past, 1.0)
            times.append(time.perf_counter() - began)
        row["decode_s_per_token"] = round(sorted(times[1:])[len(times[1:]) // 2], 2)
        row["peak_with_decode_gb"] = _peak_gb()
    return row


class _Progress:
    def __init__(self):
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.last > 10:
            self.last = time.monotonic()
            print(f"  {100 * done // total} %", file=sys.stderr, flush=True)


def _peak_gb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would begin with what the parent had at the fork
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return round(int(line.split()[1]) * 1024 / 1e9, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9, 2)  # bytes on macOS


def _in_own_process(*args: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.full_shape", *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--toy", action="store_true", help="a small shape, for a quick look")
    cli.add_argument("--folder", type=as_path, help="where to write; default: a temporary folder")
    cli.add_argument("--decode", type=int, default=3, metavar="N", help="tokens to time")
    cli.add_argument("--load", type=as_path, help=argparse.SUPPRESS)
    cli.add_argument("--save-to", type=as_path, help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.load:
        print(json.dumps(load(args.load, args.save_to, args.decode)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        official, packed = Path(scratch) / "official", Path(scratch) / "4bit"
        sizes = synthetic.TOY if args.toy else synthetic.FULL
        n = synthetic.write(official, sizes, shard_bytes=(4 << 20) if args.toy else (2 << 30))
        print(f"{n / 1e9:.2f} B weights in {len(list(official.glob('*.safetensors')))} shards")
        first = _in_own_process("--load", str(official), "--save-to", str(packed), "--decode", "0")
        print("official, quantised while reading:", json.dumps(first), flush=True)
        again = _in_own_process("--load", str(packed), "--decode", str(args.decode))
        print("its saved 4-bit form:", json.dumps(again))
        print(json.dumps({"weights": n, "quantise": first, "reload": again}))


if __name__ == "__main__":
    main()
