"""Warm start: the ear learns by CTC to say tokens in the language model's own embedding table.
The language model does not run: many times cheaper than next-token training.

    python -m model.training.warmstart BASE CORPUS OUT --minutes 40

A slot's score for a token is the cosine between its vector and the token's embedding, times a
learned scale; a learned vector stands for the blank (CTC: Graves et al., ICML 2006). So the vectors
land where the language model can read them. Run again, it goes on where it stopped: version 0 was
taught with --longest 2.6 until minute 17, since short clips are sooner understood.
"""

import argparse
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import ctc_loss, linear, normalize

from model import checkpoint, tokenizer
from model.placement import Placement
from model.qwen_audio import QwenAudio
from model.spec import HOP
from model.training import corpus
from model.training.clips import BUCKET, Batch, batches, log_mel
from model.training.loop import Plan, Run

SAMPLED = 2560  # tokens that stand for the rest of the vocabulary in the normaliser
VOCABULARY = "vocabulary.json"  # the reader's token ids
HINT = 0.5  # weight of the hint
RATE, EAR_RATE = 2e-3, 2e-4  # peaks: what is new, and Whisper's layers


class Reader(nn.Module):
    """Scores of slots for the tokens of `vocabulary`; 0 is the blank, then they follow in order."""

    def __init__(self, words: torch.Tensor, vocabulary: list[int], blank: int):
        super().__init__()
        self.vocabulary = vocabulary
        self.place = {token: i + 1 for i, token in enumerate(vocabulary)}
        self.rows = normalize(words[vocabulary].float(), dim=1)  # (tokens, width), never trained
        self.blank = nn.Parameter(normalize(words[blank].float(), dim=0))
        self.bias = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(clips, slots, width) -> unit vectors times the scale; blank (clips, slots)."""
        vectors = normalize(vectors.float(), dim=-1) * self.log_scale.exp()
        return vectors, vectors @ normalize(self.blank, dim=0) + self.bias * 10

    def read(self, vectors: torch.Tensor) -> list[list[int]]:
        """The likeliest token of each slot, without repeats and blanks: ids for each clip."""
        vectors, blank = self(vectors)
        best = torch.cat((blank[..., None], vectors @ self.rows.T), -1).argmax(-1)
        read = [row.unique_consecutive().tolist() for row in best]
        return [[self.vocabulary[i - 1] for i in row if i] for row in read]


def vocabulary_of(texts: list[str], tokens) -> list[int]:
    """Every token that spoken text is made of."""
    return sorted({token for text in set(texts) for token in labels(text, tokens)})


def labels(text: str, tokens) -> list[int]:
    """The token ids that a reading of this text should give."""
    return tokens.encode(" " + corpus.words(text))


def loss(
    reader: Reader, vectors: torch.Tensor, wanted: list[list[int]], hint: list[torch.Tensor] | None
) -> torch.Tensor:
    """CTC, summed over clips (clips, slots, width). Only the batch's own tokens enter the
    recursion, and a random few stand for the rest in the normaliser.

    `hint` (per clip: first and last slot for each of its tokens) adds the chance of each token near
    its likely place, blanks aside: without it the first minutes learn to stay silent.
    """
    n, slots, _ = vectors.shape
    vectors, blank = reader(vectors)
    used = sorted({reader.place[token] for row in wanted for token in row})
    small = {reader.vocabulary[place - 1]: i + 1 for i, place in enumerate(used)}
    own = torch.cat((blank[..., None], vectors @ reader.rows[[u - 1 for u in used]].T), -1)
    rest = _rest(reader, vectors, used)
    scores = own - torch.logaddexp(own.logsumexp(-1), rest)[..., None]  # (clips, slots, own)
    lengths = torch.tensor([len(row) for row in wanted])
    # torch's gradient holds + exp(score), which a softmax over the same scores would cancel; ours
    # was normalised over more than these, and brings its own
    scores.register_hook(lambda grad: grad - scores.detach().exp() * possible[:, None, None])
    each = ctc_loss(
        scores.transpose(0, 1),
        torch.tensor([small[token] for row in wanted for token in row]),
        torch.full((n,), slots),
        lengths,
        reduction="none",
        zero_infinity=True,  # a clip too short for its tokens
    )
    possible = (each.detach() > 0).float()
    if hint is None:
        return each.sum()
    bare = own[..., 1:] - torch.logaddexp(own[..., 1:].logsumexp(-1), rest)[..., None]
    near = [
        bare[i, first : last + 1, small[token] - 1].logsumexp(0) - math.log(last + 1 - first)
        for i, row in enumerate(wanted)
        for token, (first, last) in zip(row, hint[i].tolist(), strict=True)
    ]
    return each.sum() - HINT * torch.stack(near).sum()


def _rest(reader: Reader, vectors: torch.Tensor, used: list[int]) -> torch.Tensor:
    """Log of the summed scores of all tokens not used in the batch, estimated: (clips, slots)."""
    free = torch.ones(len(reader.vocabulary), dtype=torch.bool)
    free[[place - 1 for place in used]] = False
    some = torch.randperm(len(free))
    some = some[free[some]][:SAMPLED]
    if not len(some):
        return torch.full(vectors.shape[:2], -math.inf)
    with torch.autocast("cpu", torch.bfloat16):
        scores = linear(vectors, reader.rows[some])
    return scores.float().logsumexp(-1) + math.log(int(free.sum()) / len(some))


def likely_places(span: tuple[float, float], letters: list[int], slots: int) -> torch.Tensor:
    """First and last slot (tokens, 2) for each token, by the letters before it, with some play."""
    start, end = span[0] * slots, span[1] * slots
    share = np.array(letters, float) / sum(letters)
    middle = start + (end - start) * (share.cumsum() - share / 2)
    play = 1.5 + 0.07 * (end - start) + share * (end - start) / 2
    places = np.stack((middle - play, middle + play), 1)
    return torch.from_numpy(places.clip(0, slots - 1).astype(int))


def hear(model: QwenAudio, mels: torch.Tensor) -> torch.Tensor:
    """(clips, mels, frames), all of them sound -> (clips, slots, width), computed in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        return model.audio.project(model.audio.trunk(mels, [mels.shape[2]] * len(mels)))


@torch.no_grad()
def readings(model: QwenAudio, reader: Reader, clips: list[corpus.Spoken], tokens) -> list[str]:
    """What the ear alone makes of each clip."""
    said = []
    for clip in clips:
        n = -(-clip.count // (BUCKET * HOP)) * BUCKET * HOP
        wave = torch.from_numpy(np.pad(clip.samples, (0, n - clip.count)))
        (ids,) = reader.read(hear(model, log_mel(wave[None])))
        said.append(b"".join(map(tokens.bytes_of, ids)).decode(errors="replace").strip())
    return said


def start(folder: Path, texts: list[str], layers: int) -> tuple[QwenAudio, Reader, object, dict]:
    """Model, reader, tokenizer and what learns: the last `layers` of the encoder and all after."""
    model = checkpoint.load(folder, Placement(torch.device("cpu"), torch.float32, 32))
    model.audio.config._attn_implementation = "eager"  # a third faster here than sdpa's kernel
    tokens = tokenizer.load(folder)
    (blank,) = tokens.encode(" ")
    words = model.llm.embed_tokens.weight.data
    reader = Reader(words, vocabulary_of(texts, tokens), blank)
    model.requires_grad_(False)
    old = model.audio.layers[len(model.audio.layers) - layers :]
    for part in (old, model.audio.ln_post, model.audio.proj):
        part.requires_grad_(True)
    learned = {n: p for n, p in model.audio.named_parameters() if p.requires_grad}
    learned |= {f"reader.{name}": p for name, p in reader.named_parameters()}
    return model, reader, tokens, learned


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Teach the ear by CTC against the embedding table.")
    for name in ("base", "corpus", "out"):
        cli.add_argument(name, type=Path)
    cli.add_argument("--minutes", type=float, default=40, help="default: %(default)s")
    cli.add_argument("--steps", type=int, default=10**9, help="stop after so many")
    cli.add_argument("--layers", type=int, default=3, help="of the encoder; default: %(default)s")
    cli.add_argument("--longest", type=float, default=9, help="seconds; default: %(default)s")
    cli.add_argument("--hint", type=float, default=0.5, help="minutes' share; default: %(default)s")
    cli.add_argument("--seconds", type=float, default=48, help="of sound a batch; %(default)s")
    args = cli.parse_args(argv)
    torch.set_num_threads(1)
    clips = corpus.training(args.corpus, human=3)
    texts = [clip.text for clip in clips]
    model, reader, tokens, learned = start(args.base, texts, args.layers)
    rates = {name: EAR_RATE if name.startswith("layers.") else RATE for name in learned}
    plan = Plan(minutes=args.minutes, steps=args.steps)
    dev = corpus.read(args.corpus, "human-dev")

    def look() -> str:
        import jiwer

        model.eval()
        wanted = [corpus.words(clip.text) for clip in dev]
        got = readings(model, reader, dev, tokens)
        few = "".join(f"\n  {w} | {g}" for w, g in list(zip(wanted, got, strict=True))[::30])
        return f"word error rate {jiwer.wer(wanted, got):.3f}{few}"

    run = Run(learned, rates, args.out, partial(print, flush=True), look)

    def loss_of(batch: Batch) -> tuple[torch.Tensor, int]:
        wanted = [labels(text, tokens) for text in batch.texts]
        vectors, hint = hear(model, batch.mels), None
        if run.seconds < args.hint * args.minutes * 60:
            sizes = [[len(tokens.bytes_of(token)) for token in row] for row in wanted]
            spans = zip(batch.spans, sizes, strict=True)
            hint = [likely_places(span, size, vectors.shape[1]) for span, size in spans]
        return loss(reader, vectors, wanted, hint), sum(map(len, wanted))

    drawn = batches(clips, run.step, seconds=args.seconds, longest=args.longest)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / VOCABULARY).write_text(json.dumps(reader.vocabulary))
    run.train(drawn, loss_of, plan)


if __name__ == "__main__":
    main()
