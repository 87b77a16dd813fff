"""Next-token training through the language model: it learns to read what the ear says.

    python -m model.training.pretrain BASE CORPUS EAR OUT --minutes 35

EAR is the folder of the warm start. Learned are a low-rank adapter on a language model in 4 bits (a
frozen one was slow to read vectors with blanks and repeats among them), the boundary vectors, the
projection and the last layers of the encoder. The loss is on the assistant's tokens, plus a share
of the warm start's, which keeps the vectors readable. Run again, it goes on.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from model import checkpoint, tokenizer
from model.cache import KeyValues
from model.generate import Sampler, decode, embed_rest, prefill
from model.messages import Clip, Message, Sampling
from model.placement import Placement
from model.prompt import Renderer
from model.qwen_audio import QwenAudio
from model.spec import HOP, IM_END
from model.training import corpus, warmstart
from model.training.adapter import Adapted, adapt
from model.training.clips import batches, log_mel
from model.training.dialogues import IGNORED, Dialogue, Facts, Turn, converse, render, small_talk
from model.training.loop import STATE, Plan, Run, restore
from model.training.wordings import ASKS
from model.windows import Window

RATE = 1e-3  # peak, of what is new; a tenth for what the warm start has taught
CTC_SHARE = 0.3  # of the warm start's loss in the sum
RENEW_EVERY = 150  # steps between two renewals of the 4-bit base
TALK_SHARE = 0.06  # of all batches: text alone, so that it still talks
_TALK = 10  # dialogues in a batch of them


@dataclass(frozen=True)
class Lesson:
    mels: torch.Tensor | None  # (clips, mels, frames), all of them sound; None: text alone
    dialogues: list[Dialogue]
    texts: list[str]  # what each clip says


class _Opening:
    """Keys and values of what all dialogues of a batch begin with, read once."""

    def __init__(self):
        self.held: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def update(self, keys, values, layer):
        if layer not in self.held:
            self.held[layer] = (keys, values)
            return keys, values
        before = (t.expand(len(keys), -1, -1, -1) for t in self.held[layer])
        return tuple(torch.cat(pair, 2) for pair in zip(before, (keys, values), strict=True))


def start(
    folder: Path, ear: Path, rank: int, layers: int
) -> tuple[QwenAudio, dict[str, Adapted], warmstart.Reader]:
    """The model and the reader of the warm start, what is to be learned marked so, and adapters."""
    model = checkpoint.load(folder, Placement(torch.device("cpu"), torch.float32, 32))
    words = model.llm.embed_tokens.weight
    vocabulary = json.loads((ear / warmstart.VOCABULARY).read_text())
    reader = warmstart.Reader(words.data, vocabulary, blank=0)
    take_ear(model, reader, torch.load(ear / STATE)["learned"])
    model.requires_grad_(False)
    for part in (model.audio, model.llm):
        part.config._attn_implementation = (
            "eager"  # sdpa's processor kernel is slower at these sizes
        )
    adapters = adapt(model.llm, rank)
    words.data = words.data.to(torch.bfloat16)
    audio = model.audio
    last = audio.layers[len(audio.layers) - layers :]
    for part in (last, audio.ln_post, audio.proj, audio.out_norm, audio.boundary):
        part.requires_grad_(True)
    return model, adapters, reader


def take_ear(model: QwenAudio, reader: nn.Module | None, learned: dict) -> None:
    """Puts what the warm start has learned into the model, and into a reader."""
    heard = {name: w for name, w in learned.items() if not name.startswith("reader.")}
    left_over = model.audio.load_state_dict(heard, strict=False).unexpected_keys
    assert not left_over, left_over
    if reader is not None:
        reader.load_state_dict({n: learned[f"reader.{n}"] for n, _ in reader.named_parameters()})


def learning(model: QwenAudio, reader: nn.Module) -> dict[str, nn.Parameter]:
    """What learns, by name."""
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return learned | {f"reader.{name}": p for name, p in reader.named_parameters()}


def rates(learned: dict[str, nn.Parameter], peak: float = RATE) -> dict[str, float]:
    """Peak learning rates by name."""
    new = ("llm.", "audio.boundary", "audio.out_norm")
    return {name: peak if name.startswith(new) else peak / 10 for name in learned}


def loss(
    model: QwenAudio, lesson: Lesson, reader: warmstart.Reader | None = None, tokens=None
) -> tuple[torch.Tensor, int]:
    """Summed over the tokens that the assistant says, and their number; with a reader, plus the
    share of its loss."""
    ids, labels = _padded(lesson.dialogues)
    with torch.autocast("cpu", torch.bfloat16):
        vectors = [] if lesson.mels is None else warmstart.hear(model, lesson.mels)
        opening = _common(ids, model.config.audio_start_id)
        hidden = _read(model, ids, [model.audio.bounded(row) for row in vectors], opening)
        wanted = labels[:, opening + 1 :]
        at = wanted != IGNORED
        logits = model.head(hidden[:, :-1][at]).float()
    total = cross_entropy(logits, wanted[at], reduction="sum")
    if reader is not None and len(vectors):
        read = [warmstart.labels(text, tokens) for text in lesson.texts]
        total = total + CTC_SHARE * warmstart.loss(reader, vectors, read, None)
    return total, int(at.sum())


def _padded(dialogues: list[Dialogue]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = -(-max(len(d.ids) for d in dialogues) // 8) * 8  # few shapes
    ids = torch.zeros(len(dialogues), longest, dtype=torch.long)
    labels = torch.full_like(ids, IGNORED)
    for i, d in enumerate(dialogues):
        ids[i, : len(d.ids)] = torch.tensor(d.ids)
        labels[i, : len(d.ids)] = torch.tensor(d.labels)
    return ids, labels


def _common(ids: torch.Tensor, audio_start: int) -> int:
    """How many positions all rows share, those of sound not counted; at most all but two."""
    same = (ids == ids[:1]).all(0) & (ids[0] != audio_start)
    return min(int(same.long().cumprod(0).sum()), ids.shape[1] - 2)


def _read(model: QwenAudio, ids: torch.Tensor, spans: list, opening: int) -> torch.Tensor:
    """Hidden states of the positions after the common opening. Padding is at the end, where only
    padding can look at it."""
    past = _Opening()
    for rows, start, end, sound in ((1, 0, opening, []), (len(ids), opening, ids.shape[1], spans)):
        embeds = model.embed(ids[:rows, start:end], sound)
        positions = torch.arange(start, end)
        hidden_from = torch.arange(end) > positions[:, None]
        mask = torch.zeros(end - start, end).masked_fill(hidden_from, -1e9).to(torch.bfloat16)
        hidden = model.llm(embeds, positions[None], mask=mask[None, None], past=past)
    return hidden


def lessons(
    clips: list[corpus.Spoken], talk: list, renderer: Renderer, seed: int, **sizes
) -> Iterator[Lesson]:
    """Endless. `talk` is a list of (Turn, whether its answer is whole)."""
    draw = random.Random(seed)
    turns = small_talk(([turn], whole) for turn, whole in talk)
    for batch in batches(clips, seed, **sizes):
        if draw.random() < TALK_SHARE:
            few = draw.sample(talk, min(_TALK, len(talk)))
            yield Lesson(None, [render(renderer, [turn], whole=whole) for turn, whole in few], [])
        n = batch.mels.shape[2] * HOP
        facts = [Facts(transcript=corpus.sentence(text), samples=n) for text in batch.texts]
        said = converse(facts, turns, draw)
        yield Lesson(batch.mels, [render(renderer, turns_) for turns_ in said], batch.texts)


def read_talk(file: Path) -> list[tuple[Turn, bool]]:
    """Text dialogues, a JSON line each: prompt, answer, and whether the answer had ended."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [(Turn(row["prompt"], row["answer"]), row["ended"]) for row in rows if row["answer"]]


@torch.inference_mode()
def answer(model: QwenAudio, renderer: Renderer, samples, limit: int = 64) -> str:
    """What the model in training says of a clip (n,) when asked the first question, greedily."""
    clip, control = Clip(samples, ""), renderer.tokenizer.control
    window = Window(clip, 0, len(samples))
    prompt = renderer.chat([Message("user", (clip, ASKS["transcript"][0]))], [[window]])
    model.llm.config._attn_implementation = "sdpa"  # whose masks the reader of a cache makes
    with torch.autocast("cpu", torch.bfloat16):
        (slots,) = warmstart.hear(model, log_mel(torch.from_numpy(samples)[None]))
        span = model.audio.bounded(slots)
        past = KeyValues(len(model.llm.layers))
        for last in prefill(model, embed_rest(model, prompt, 0, lambda _: span), past, 1.0):
            logits = last
        greedy = Sampler(Sampling(temperature=0), torch.device("cpu"))
        ids = list(decode(model, logits, past, 1.0, greedy, {control[IM_END]}, limit))
    model.llm.config._attn_implementation = "eager"
    return b"".join(map(renderer.tokenizer.bytes_of, ids)).decode(errors="replace")


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Teach the language model to read the ear.")
    for name in ("base", "corpus", "ear", "out"):
        cli.add_argument(name, type=Path)
    cli.add_argument("--talk", type=Path, required=True, help="dialogues of text, JSON lines")
    cli.add_argument("--minutes", type=float, default=35, help="default: %(default)s")
    cli.add_argument("--steps", type=int, default=10**9, help="stop after so many")
    cli.add_argument("--rank", type=int, default=16, help="of the adapters; default: %(default)s")
    cli.add_argument("--layers", type=int, default=3, help="of the encoder; default: %(default)s")
    cli.add_argument("--human", type=int, default=6, help="weight of people; default: %(default)s")
    cli.add_argument("--longest", type=float, default=8, help="seconds; default: %(default)s")
    cli.add_argument("--rough", type=float, default=0.3, help="share; default: %(default)s")
    cli.add_argument("--seconds", type=float, default=26, help="of sound a batch; %(default)s")
    cli.add_argument("--rate", type=float, default=RATE, help="peak; default: %(default)s")
    cli.add_argument("--joined", type=int, default=0, help="clips of 6 to 26 s, made of several")
    cli.add_argument("--go-on-from", type=Path, help="an earlier run's folder: its weights only")
    args = cli.parse_args(argv)
    torch.set_num_threads(1)
    model, adapters, reader = start(args.base, args.ear, args.rank, args.layers)
    learned = learning(model, reader)
    if args.go_on_from:
        restore(learned, torch.load(args.go_on_from / STATE)["learned"])
    tokens = tokenizer.load(args.base)
    renderer = Renderer(tokens, model.audio.n_slots_of)
    dev = random.Random(5).sample(corpus.read(args.corpus, "human-dev"), 24)

    def look() -> str:
        import jiwer

        wanted = [corpus.words(clip.text) for clip in dev]
        got = [answer(model, renderer, clip.samples) for clip in dev]
        rate = jiwer.wer(wanted, [corpus.words(text) or "-" for text in got])
        few = "".join(f"\n  {w} | {g}" for w, g in list(zip(wanted, got, strict=True))[:8])
        return f"word error rate {rate:.3f}{few}"

    def renew(step: int) -> None:
        if step % RENEW_EVERY == 0:
            for layer in adapters.values():
                layer.renew()

    run = Run(learned, rates(learned, args.rate), args.out, partial(print, flush=True), look, renew)
    for layer in adapters.values():
        layer.renew()
    sizes = {"seconds": args.seconds, "longest": args.longest, "rough": args.rough}
    clips = corpus.training(args.corpus, args.human)
    if args.joined:  # and twice as many short ones
        long = corpus.joined(clips, args.joined, (6, 26), seed=0)
        clips = random.Random(0).sample(clips, min(2 * args.joined, len(clips))) + long
    drawn = lessons(clips, read_talk(args.talk), renderer, run.step, **sizes)
    plan = Plan(minutes=args.minutes, steps=args.steps, warm_up=30, floor=0.03, look_every=480)
    run.train(drawn, lambda lesson: loss(model, lesson, reader, tokens), plan)


if __name__ == "__main__":
    main()
