"""`python -m benchmarks.answering`: first token after a 10 s clip, tokens a second, peak memory.

With `--full-shape`, random weights of the published sizes in 4 bits (what a graphics card would
run, without the download). The share of memory bandwidth is measured in the same run: bytes of
weights read for each token, over what a plain copy on this device moves.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import torch

from benchmarks import synthetic
from benchmarks.turns import tones
from model import weights
from model.cache import KeyValues
from model.generate import Sampler, decode, embed_rest, prefill
from model.local import LocalEngine
from model.messages import Message, Sampling


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes, the median of nine."""
    source = torch.empty(1 << 28, dtype=torch.uint8, device=device)
    target, rates = torch.empty_like(source), []
    for _ in range(9):
        _settle(device)
        began = time.perf_counter()
        target.copy_(source)
        _settle(device)
        rates.append(2 * len(source) / (time.perf_counter() - began))
    return statistics.median(rates)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(engine: LocalEngine, n_tokens: int, runs: int) -> dict:
    """First-token times and decoding speed, with nothing remembered between runs."""
    device = engine.model.head.weight.device
    prompt = engine._chat([Message("user", (tones(10, 1), "What do you hear?"))])
    alpha = engine.model.config.alpha(len(prompt))
    firsts, speeds = [], []
    for _ in range(runs + 1):
        engine.sounds.clear()
        past = KeyValues(engine.memories.n_layers)
        sampler = Sampler(Sampling(max_tokens=n_tokens, temperature=0), device, engine._banned)
        began = time.perf_counter()
        rest = embed_rest(engine.model, prompt, 0, engine._hear)
        *_, logits = prefill(engine.model, rest, past, alpha, engine.chunk)
        tokens = decode(engine.model, logits, past, alpha, sampler, (), n_tokens, engine.static)
        next(tokens)
        firsts.append(time.perf_counter() - began)
        next(tokens)  # may capture the graph, which is not part of the speed
        began = time.perf_counter()
        n = sum(1 for _ in tokens)
        _settle(device)
        speeds.append(n / (time.perf_counter() - began))
    moved = _bytes_per_token(engine)
    speed = statistics.median(speeds[1:])  # the first run warms up
    return {
        "model": engine.about.name,
        "device": engine.about.device,
        "bits": engine.about.bits,
        "prompt": len(prompt),
        "first_token_s": round(statistics.median(firsts[1:]), 3),
        "tokens_per_s": round(speed, 1),
        "weights_gb": round(engine.about.memory_bytes / 1e9, 2),
        "peak_gb": round(_peak(device) / 1e9, 2),
        "bandwidth_share": round(speed * moved / bandwidth(device), 2),
    }


def _bytes_per_token(engine: LocalEngine) -> int:
    """Every weight but the encoder's, and of the embedding one row."""
    from model.quantize import footprint

    model = engine.model
    tied = model.config.tie_word_embeddings
    total = footprint(model) - footprint(model.audio)
    return total if tied else total - model.llm.embed_tokens.weight.nbytes


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def main() -> None:
    from sessions.store import default_folder

    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--model", default=weights.DEFAULT, metavar="NAME|DIR")
    cli.add_argument("--full-shape", action="store_true", help="random weights, 8.4 B at 4 bits")
    cli.add_argument("--bits", type=int, choices=[4, 8, 16], help="default: what suits the device")
    cli.add_argument("--tokens", type=int, default=128, help="default: %(default)s")
    cli.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    args = cli.parse_args()
    if args.full_shape:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            synthetic.write(folder, synthetic.FULL)
            engine = LocalEngine.open(folder, bits=args.bits or 4)
    else:
        folder = weights.find(args.model, Path(default_folder()) / "models")
        engine = LocalEngine.open(folder, bits=args.bits)
    print(json.dumps(measure(engine, args.tokens, args.runs)))


if __name__ == "__main__":
    main()
