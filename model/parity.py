"""`python -m model.parity DIR`: our numbers beside the original's, on a folder of fixtures.

DIR holds `checkpoint/` (official format), `cases.json`, and for each case an npz of what the
original computed in float32 on a CPU. `--device cuda` computes ours on a GPU, in float32 as well,
by captured steps. Prints one JSON line; exit status 1 on any miss.
"""

import argparse
import json
import re
import sys
import wave
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch

from model import checkpoint, tokenizer
from model.cache import KeyValues
from model.cuda import exact_float32
from model.errors import EarshotError
from model.generate import Sampler, decode, embed_rest, read_chunk
from model.mel import log_mel, n_frames
from model.messages import Clip, Sampling
from model.paths import as_path
from model.placement import Placement, pick_device
from model.prompt import Prompt, Renderer
from model.qwen_audio import QwenAudio
from model.spec import END_OF_TEXT, IM_END, IM_START, SAMPLE_RATE, SYSTEM_PROMPT, TAGS, WINDOW
from model.windows import Window

TOLERANCE = 1e-4
EXACT = Placement(torch.device("cpu"), torch.float32, 32)
_CLIP = re.compile(r"<audio>(.*?)</audio>", re.DOTALL)


def _parts(text: str, folder: Path) -> list[str | Window]:
    """The original's own way of writing a clip into text. Fixtures are trusted; people are not."""
    parts: list[str | Window] = []
    for i, piece in enumerate(_CLIP.split(text)):
        if i % 2 == 0:
            parts.append(piece)
            continue
        clip = _read(folder / piece)
        parts.append(Window(clip, 0, min(len(clip.samples), WINDOW)))  # it drops the rest
    return parts


def _read(file: Path) -> Clip:
    """A fixture as it is, however short or silent: 16 kHz, 16 bit, mono."""
    with wave.open(str(file)) as sound:
        form = (sound.getframerate(), sound.getsampwidth(), sound.getnchannels())
        assert form == (SAMPLE_RATE, 2, 1), f"{file.name} has the form {form}"
        return Clip.of(np.frombuffer(sound.readframes(sound.getnframes()), "<i2"))


def render(case: dict, folder: Path, renderer: Renderer) -> Prompt:
    """The prompt of a case, in the original's way: tags that stand in text count as tags."""
    prompt = Prompt()
    if case["chat_format"] == "raw":
        renderer.sequence(prompt, _parts(case["query"], folder), TAGS)
        return prompt
    turns = [("system", SYSTEM_PROMPT if case["system"] is None else case["system"])]
    for asked, answered in case["history"] or []:
        turns += [("user", asked), ("assistant", answered)]
    turns.append(("user", case["query"]))
    for i, (role, text) in enumerate(turns):
        renderer.turn(prompt, role, _parts(text, folder), TAGS, first=i == 0)
    renderer.begin_answer(prompt)
    return prompt


@torch.inference_mode()
def spans(model: QwenAudio, windows: list[Window], *, together: bool) -> list[torch.Tensor]:
    """What stands for each window in the prompt, encoded together (as the original does) or alone
    (as the engine does, so that they can be kept)."""
    if not windows:
        return []
    mels = torch.stack([log_mel(w.samples, model.audio.config.num_mel_bins) for w in windows])
    mels = mels.to(model.head.weight.device)
    frames = [n_frames(len(w.samples)) for w in windows]
    if together:
        return model.audio(mels, frames)
    return [model.audio(mels[i : i + 1], frames[i : i + 1])[0] for i in range(len(windows))]


@torch.inference_mode()
def check(case: dict, folder: Path, model: QwenAudio, renderer: Renderer) -> dict:
    """One case: the worst differences and what did not match."""
    wanted = np.load(folder / f"{case['name']}.npz")
    prompt = render(case, folder, renderer)
    row = {"name": case["name"], "id_mismatches": 0, "feature_diff": 0.0, "logit_diff": 0.0}
    if prompt.ids != wanted["input_ids"].tolist():
        return row | {"id_mismatches": 1, "greedy_mismatches": 1, "alone_greedy_mismatches": 1}
    together = spans(model, prompt.windows, together=True)
    if prompt.windows:
        mels = torch.stack([log_mel(w.samples) for w in prompt.windows])
        row["feature_diff"] = max(
            _worst(mels[:, :, :8], wanted["mel_head"]),
            # a sum over 240,000 bins: per bin
            _worst(mels.double().sum((1, 2)), wanted["mel_sum"]) / mels[0].numel(),
            _worst(torch.cat(together), wanted["audio_features"]),
        )
    alpha = model.config.alpha(len(prompt))
    embeds = _embeds(model, prompt, together)
    logits = model.head(model.read(embeds, alpha=alpha)[0])  # (positions, vocabulary)
    row["logit_diff"] = max(
        _worst(logits[-1], wanted["last_logits"]),
        _worst(logits[:, ::4999], wanted["logits_cols"]),
        _worst(logits.logsumexp(-1), wanted["logits_lse"]),
    )
    theirs = torch.from_numpy(wanted["logits_argmax"]).long().to(logits.device)
    behind = logits.max(-1).values - logits.gather(-1, theirs[:, None])[:, 0]
    row["id_mismatches"] += int((behind > 2 * TOLERANCE).any())  # nearer is a tie
    stop = {renderer.tokenizer.control[name] for name in (END_OF_TEXT, IM_START, IM_END)}
    generated = list(takewhile(lambda token: token not in stop, wanted["generated"].tolist()))
    tokens, tops = _greedy(model, prompt, together, case["new_tokens"], stop)
    row["greedy_mismatches"] = int(tokens != generated)
    if tokens == generated:
        row["logit_diff"] = max(row["logit_diff"], _worst(tops, wanted["step_top"][: len(tokens)]))
    alone = spans(model, prompt.windows, together=False)
    row["alone_feature_diff"] = max(
        (_worst(a, b.cpu().numpy()) for a, b in zip(alone, together, strict=True)), default=0.0
    )
    row["alone_greedy_mismatches"] = int(
        _greedy(model, prompt, alone, case["new_tokens"], stop)[0] != generated
    )
    return row


def _greedy(
    model: QwenAudio, prompt: Prompt, spans: list[torch.Tensor], limit: int, stop: set[int]
) -> tuple[list[int], torch.Tensor]:
    """Greedy tokens by the engine's own path, with the four highest logits at each."""
    alpha = model.config.alpha(len(prompt))
    past = KeyValues(model.config.text_config.num_hidden_layers)
    sampler = _Watching(Sampling(max_tokens=limit, temperature=0), model.head.weight.device)
    logits = read_chunk(model, _embeds(model, prompt, spans), past, alpha)
    tokens = list(decode(model, logits, past, alpha, sampler, stop, limit))
    return tokens, torch.stack(sampler.tops)[: len(tokens)]


def _embeds(model: QwenAudio, prompt: Prompt, spans: list[torch.Tensor]) -> torch.Tensor:
    each = iter(spans)
    return embed_rest(model, prompt, 0, lambda window: next(each))


class _Watching(Sampler):
    def __init__(self, *args):
        super().__init__(*args)
        self.tops: list[torch.Tensor] = []  # each (4,), ascending

    def __call__(self, logits):
        self.tops.append(logits[0].topk(4).values.flip(0))
        return super().__call__(logits)


def _worst(ours: torch.Tensor, theirs: np.ndarray) -> float:
    if tuple(ours.shape) != theirs.shape:
        return float("inf")
    difference = (ours.cpu().double() - torch.from_numpy(np.asarray(theirs)).double()).abs()
    return float(difference.max()) if difference.numel() else 0.0


def run(folder: Path, where: Placement = EXACT) -> tuple[dict, list[dict]]:
    """Every case of the folder -> (summary, rows)."""
    model = checkpoint.load(folder / "checkpoint", replace(where, fused=True))
    renderer = Renderer(tokenizer.load(folder / "checkpoint"), model.audio.n_slots_of)
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    with exact_float32():
        rows = [check(case, folder, model, renderer) for case in cases]
    summary = {
        "worst_logit_diff": max((row["logit_diff"] for row in rows), default=0.0),
        "worst_feature_diff": max((row["feature_diff"] for row in rows), default=0.0),
        "id_mismatches": sum(row["id_mismatches"] for row in rows),
        "greedy_mismatches": sum(row["greedy_mismatches"] for row in rows),
        "cases": len(rows),
        "worst_alone_feature_diff": max(
            (row.get("alone_feature_diff", 0.0) for row in rows), default=0.0
        ),
        "alone_greedy_mismatches": sum(row["alone_greedy_mismatches"] for row in rows),
    }
    return summary, rows


def passed(summary: dict) -> bool:
    """Whether the numbers agree with the original's. Clips encoded alone are not held to it."""
    return (
        summary["cases"] > 0
        and summary["id_mismatches"] == summary["greedy_mismatches"] == 0
        and summary["worst_logit_diff"] <= TOLERANCE
        and summary["worst_feature_diff"] <= TOLERANCE
    )


def main(argv: list[str] | None = None) -> int:
    cli = argparse.ArgumentParser(prog="python -m model.parity", description=__doc__)
    cli.add_argument("folder", type=as_path, metavar="DIR")
    cli.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1; default: %(default)s")
    args = cli.parse_args(argv)
    try:
        where = replace(EXACT, device=pick_device(args.device))
        summary, rows = run(args.folder, where)
    except EarshotError as error:
        cli.error(str(error))
    for row in rows:
        print(json.dumps(row), file=sys.stderr)
    print(json.dumps(summary))
    return 0 if passed(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
