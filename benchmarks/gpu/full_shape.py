"""Qwen-Audio-Chat's shape, with random weights, quantised while they are read: memory, time to the
first token, speed, second turns; and its 4-bit form saved for the next step.
"""

import statistics
import time
from itertools import islice

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import answering
from benchmarks.gpu.measuring import Warned, gb, memory, sync
from benchmarks.gpu.parity import reuse
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting
from benchmarks.turns import QUESTIONS, last_piece, tones
from model import batch, checkpoint
from model.cache import KeyValues
from model.generate import Sampler, decode, embed_rest, prefill, read_chunk
from model.local import LocalEngine
from model.messages import Message, Sampling

_KINDS = {  # of kernels, by words in their names
    "four_bits": ("gemm_4bit", "dequantize", "gemv_4bit"),
    "attention": ("fmha", "flash", "attention", "sdpa", "cudnn"),
    "dense": ("gemv", "gemm", "nvjet", "cutlass", "cublas", "splitK"),
}
_AT_ONCE = 8  # conversations side by side


def run(parts: Parts, setting: Setting) -> None:
    warned = Warned()
    folder = setting.official
    engine = parts.run("load", opened, setting, folder, 4, seconds=120, needed=True)
    parts.run("answer", answering.measure, engine, 8 if setting.toy else 128, 2)
    parts.run("captured", _captured, engine, 6 if setting.toy else 96)
    parts.run("turns", turns, engine)
    parts.run("lengths", _lengths, engine, 3 if setting.toy else 30)
    parts.run("many_answers", _many_answers, engine, 3 if setting.toy else 14)
    parts.run("reuse", reuse, engine)
    parts.run("side_by_side", _side_by_side, engine, 6 if setting.toy else 48)
    if setting.device.type == "cuda":
        parts.run("cudnn_attention", _cudnn, engine)
    parts.run("profile", _profile, engine, setting)
    parts.run("save", _save, engine, setting, seconds=120)
    parts.tell("warnings", ok=not warned.said, said=warned.said[:4])


def opened(setting: Setting, folder, bits: int | None) -> tuple[dict, LocalEngine]:
    if setting.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(setting.device)
    began = time.perf_counter()
    engine = LocalEngine.open(folder, bits=bits, device=str(setting.device))
    sync()
    row = {"load_s": round(time.perf_counter() - began, 1), "bits": engine.about.bits}
    row |= {"weights_gb": gb(engine.about.memory_bytes)} | memory(setting.device)
    return row | {"for_conversations_gb": gb(engine.memories.budget)}, engine


def _asked(engine: LocalEngine, seconds: float = 10, seed: int = 1):
    prompt = engine._chat([Message("user", (tones(seconds, seed), "What do you hear?"))])
    return prompt, engine.model.config.alpha(len(prompt))


def _read(engine: LocalEngine, prompt, alpha: float) -> tuple[KeyValues, torch.Tensor]:
    """A prompt, from the start -> keys and values, the last position's logits."""
    past = KeyValues(engine.memories.n_layers)
    rest = embed_rest(engine.model, prompt, 0, engine._hear)
    *_, logits = prefill(engine.model, rest, past, alpha, engine.chunk)
    return past, logits


def _tokens(engine: LocalEngine, past, logits, alpha: float, limit: int):
    """The product's own way of decoding, always the likeliest token."""
    greedy = Sampler(Sampling(max_tokens=limit, temperature=0), logits.device, engine._banned)
    return decode(engine.model, logits, past, alpha, greedy, (), limit, engine.static)


def _eager(engine: LocalEngine, past, logits, alpha: float, limit: int):
    """The same without a graph -> tokens, and by how much each was likelier than the next."""
    sampler = Sampler(Sampling(max_tokens=limit, temperature=0), logits.device, engine._banned)
    for _ in range(limit):
        first, second = logits.float().topk(2).values[0].tolist()
        token = sampler(logits)
        yield token, first - second
        embeds = engine.model.embed(torch.tensor([[token]], device=logits.device), [])
        logits = read_chunk(engine.model, embeds, past, alpha)


def _captured(engine: LocalEngine, n: int) -> dict:
    """The tokens of the captured step beside those of the plain one, and how long each takes."""
    warned = Warned()
    prompt, alpha = _asked(engine)
    past, logits = _read(engine, prompt, alpha)
    eager, eager_s = _timed(_eager(engine, past, logits, alpha, n), n)
    past, logits = _read(engine, prompt, alpha)
    tokens, captured_s = _timed(_tokens(engine, past, logits, alpha, n), n)
    pairs = zip(tokens, eager, strict=True)
    unlike = next(((i, margin) for i, (a, (b, margin)) in enumerate(pairs) if a != b), None)
    row = {"tokens": n, "eager_ms": 1e3 * eager_s, "captured_ms": 1e3 * captured_s}
    row = {name: round(value, 2) for name, value in row.items()}
    row |= {"first_unlike": unlike, "no_graph": warned.of("without a captured graph")[:2]}
    return row | {"ok": unlike is None and not row["no_graph"]}


def _timed(tokens, n: int) -> tuple[list, float]:
    """All of them, and the seconds of one once it is under way: the second may capture a graph."""
    said, warm = list(islice(tokens, 3)), 3
    sync()
    began = time.perf_counter()
    said += tokens
    sync()
    return said, (time.perf_counter() - began) / max(1, n - warm)


def turns(engine: LocalEngine) -> dict:
    """Seconds to the first token of each turn of a talk, through the engine's own `reply`; twice,
    with other lengths, since what is new to a library takes its time once."""
    row = {}
    for name, seconds in (("cold", 10.0), ("warm", 9.4)):
        engine._forget()
        talk, firsts, anew = [], [], []
        for number, (words, has_clip) in enumerate(QUESTIONS[:6]):
            clip = (tones(seconds, 10 * number + len(name)),) if has_clip else ()
            talk.append(Message("user", (*clip, words)))
            said, piece, first = last_piece(engine, talk, Sampling(max_tokens=20, temperature=0))
            firsts.append(round(first or -1, 3))
            anew.append(piece.n_prompt - piece.n_reused)
            talk.append(Message("assistant", (said or "…",)))
        row |= {f"{name}_first_s": firsts, "read_anew": anew}
    return row | {"kept_gb": gb(engine.memories.nbytes)}


def _lengths(engine: LocalEngine, n: int) -> dict:
    """What a token takes by how long the answer may become: buffers may be larger than what is in
    them."""
    row, (prompt, alpha) = {}, _asked(engine)
    for limit in (64, 512, 2048, 6000):
        past, logits = _read(engine, prompt, alpha)
        tokens = islice(_tokens(engine, past, logits, alpha, limit), n + 3)
        row[f"up_to_{limit}_ms"] = round(1e3 * _timed(tokens, n + 3)[1], 2)
        row[f"up_to_{limit}_gb"] = gb(past.nbytes)
    return row


def _many_answers(engine: LocalEngine, n: int) -> dict:
    """Whether memory grows with answers, and how long the second token of each takes."""
    engine._forget()
    device, seconds, taken = engine.model.head.weight.device, [], []
    for i in range(n):
        talk = [Message("user", (tones(5 + i % 3, i), "What do you hear?"))]
        times = []
        for piece in engine.reply(talk, Sampling(max_tokens=4, temperature=0)):
            times += [time.perf_counter()] * len(piece.token_ids)
        seconds.append(round(times[1] - times[0], 3))
        engine._forget()
        taken.append(memory(device).get("gpu_taken_gb", 0.0))
    growth = round(taken[-1] - taken[min(2, n - 1)], 3)
    return {"second_token_s": seconds, "growth_gb": growth, "ok": growth < 0.05}


def _side_by_side(engine: LocalEngine, limit: int) -> dict:
    """Tokens a second of each of several conversations, by the product's own loop."""
    prompts = [_asked(engine, 10, seed)[0] for seed in range(_AT_ONCE)]
    limits, row = [limit] * len(prompts), {}
    for name in ("cold", "warm"):
        sync()
        began = time.perf_counter()
        found = batch.answers(engine.model, prompts, engine._hear, limits, (), engine._banned)
        sync()
        each = sum(map(len, found)) / len(prompts) / (time.perf_counter() - began)
        row[f"{name}_tokens_s_of_each"] = round(each, 1)
    return row


def _cudnn(engine: LocalEngine) -> dict:
    """First questions of ever new lengths, with cuDNN's attention and as the engine has it."""
    row = {}
    for name, on in (("cudnn", True), ("as_shipped", False)):
        torch.backends.cuda.enable_cudnn_sdp(on)
        times = []
        for i in range(5):
            prompt, alpha = _asked(engine, 6 + i + (0.31 if on else 0.73), 50 + i + 10 * on)
            engine.sounds.clear()
            sync()
            began = time.perf_counter()
            _read(engine, prompt, alpha)
            sync()
            times.append(round(time.perf_counter() - began, 3))
        row |= {f"{name}_s": times, f"{name}_median_s": statistics.median(times)}
    return row


def _profile(engine: LocalEngine, setting: Setting) -> dict:
    """The kernels of a token, by what they do; all of them are listed in profile.txt."""
    on_gpu, n = setting.device.type == "cuda", 4
    prompt, alpha = _asked(engine)
    past, logits = _read(engine, prompt, alpha)
    tokens = _tokens(engine, past, logits, alpha, 512)
    list(islice(tokens, 4))
    sync()
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as seen:
        list(islice(tokens, n))
        sync()
    spent = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    sums, lines = {kind: [0.0, 0.0] for kind in (*_KINDS, "other")}, []
    for event in seen.key_averages():
        ms, count = getattr(event, spent) / 1e3 / n, event.count / n
        names = (kind for kind, words in _KINDS.items() if any(w in event.key for w in words))
        kind = sums[next(names, "other")]
        kind[0], kind[1] = kind[0] + ms, kind[1] + count
        lines.append((ms, f"{ms:8.3f} ms {count:7.1f} × {event.key[:150]}"))
    text = "\n".join(line for _, line in sorted(lines, reverse=True)[:60])
    (setting.out / "profile.txt").write_text(text + "\n", encoding="utf-8")
    return {kind: f"{ms:.2f} ms, {count:.0f}" for kind, (ms, count) in sums.items()}


def _save(engine: LocalEngine, setting: Setting) -> dict:
    checkpoint.save(engine.model, setting.packed, beside=setting.official)
    return {"gb": gb(sum(file.stat().st_size for file in setting.packed.iterdir()))}
