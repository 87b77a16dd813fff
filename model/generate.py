"""Prefill, decode, sample, stop: a plain generator of token ids, and the naive loop that judges it.

Each step enters inference mode by itself: a generator that held it across a `yield` would leave it
on in the thread of whoever is listening.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.cache import KeyValues
from model.messages import Sampling
from model.placement import CHUNK
from model.prompt import Prompt
from model.qwen_audio import QwenAudio
from model.static_decoding import StaticDecoding
from model.windows import Window


class Sampler:
    """Logits to the next token id. Keeps the answer so far (for the repetition penalty) and its
    own random numbers. `allowed` tells from the answer so far which ids may come next
    (model/listening/quoting.py); without it any may that is not banned."""

    def __init__(
        self,
        sampling: Sampling,
        device: torch.device,
        banned: Collection[int] = (),
        begun: Sequence[int] = (),
        allowed: Callable[[Sequence[int]], Collection[int]] | None = None,
    ):
        self.sampling, self.allowed = sampling, allowed
        self.banned = torch.tensor(sorted(banned), dtype=torch.long, device=device)
        self.answer = torch.tensor([list(begun)], dtype=torch.long, device=device)
        self.random = torch.Generator(device)
        if sampling.seed is None:
            self.random.seed()
        else:
            self.random.manual_seed(sampling.seed)
        self.warpers = LogitsProcessorList()
        if sampling.temperature > 0:
            if sampling.temperature != 1:
                self.warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_k:
                self.warpers.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1:
                self.warpers.append(TopPLogitsWarper(sampling.top_p))
        if sampling.repetition_penalty != 1:
            # of the answer alone: a quoted question or a repeated prompt is no fault
            penalty = RepetitionPenaltyLogitsProcessor(float(sampling.repetition_penalty))
            self.warpers.insert(0, penalty)

    @torch.inference_mode()
    def __call__(self, logits: torch.Tensor) -> int:
        """Logits (1, vocabulary) -> one token id."""
        scores = logits.float().clone()
        scores[:, self.banned] = -torch.inf
        if self.allowed is not None:
            scores = only(self.allowed(self.answer[0].tolist()), scores)
        scores = self.warpers(self.answer, scores)
        if self.sampling.temperature == 0:
            token = scores.argmax(-1, keepdim=True)
        else:
            token = torch.multinomial(scores.softmax(-1), 1, generator=self.random)
        self.answer = torch.cat((self.answer, token), dim=1)
        return int(token)


def only(ids: Collection[int], scores: torch.Tensor) -> torch.Tensor:
    """Scores (..., vocabulary) with nothing left but those of these ids."""
    kept = torch.tensor(sorted(ids), dtype=torch.long, device=scores.device)
    return torch.full_like(scores, -torch.inf).index_copy(-1, kept, scores[..., kept])


@torch.inference_mode()
def read_chunk(
    model: QwenAudio, embeds: torch.Tensor, past: KeyValues, alpha: float
) -> torch.Tensor:
    """Embeddings (1, n, width) that follow `past` -> logits (1, vocabulary) of the last."""
    return model.head(model.read(embeds, alpha=alpha, past=past)[:, -1])


@torch.inference_mode()
def embed_rest(
    model: QwenAudio, prompt: Prompt, start: int, hear: Callable[[Window], torch.Tensor]
) -> torch.Tensor:
    """The embeddings (1, n, width) of positions `start` and after. Only windows that reach there
    are asked of `hear`, which gives a window's span (slots + 2, width)."""
    spans = []
    for window, at in zip(prompt.windows, prompt.starts, strict=True):
        if at + model.audio.n_slots_of(window.end - window.start) + 2 > start:
            spans.append(hear(window)[max(0, start - at) :])
    ids = torch.tensor([prompt.ids[start:]], device=model.head.weight.device)
    return model.embed(ids, spans)


def prefill(
    model: QwenAudio,
    embeds: torch.Tensor,
    past: KeyValues,
    alpha: float,
    chunk: int | None = None,
) -> Iterator[torch.Tensor]:
    """Reads (1, n, width) in chunks of so many positions (default: what suits the device); after
    each, the logits (1, vocabulary) of its last."""
    chunk = chunk or CHUNK[embeds.device.type]
    for start in range(0, embeds.shape[1], chunk):
        yield read_chunk(model, embeds[:, start : start + chunk], past, alpha)


def decode(
    model: QwenAudio,
    logits: torch.Tensor,
    past: KeyValues,
    alpha: float,
    sampler: Sampler,
    stop: Collection[int],
    limit: int,
    static: StaticDecoding | None = None,
) -> Iterator[int]:
    """At most `limit` token ids from the logits (1, vocabulary) of the prompt's last position,
    until one of `stop` (not given out). Once it is closed, `past` holds every token given out but
    the last. `static` is how steps are captured (default: for this answer, where they can be)."""
    step, token = None, sampler(logits)
    try:
        for n in range(1, limit + 1):
            if token in stop:
                return
            yield token
            if n < limit:  # made after the first token: it takes time
                step = step or _step(model, past, alpha, limit, static)
                token = sampler(step(token))
    finally:
        if step is not None:
            step.close()


def _step(model, past: KeyValues, alpha: float, limit: int, static: StaticDecoding | None):
    static = static or StaticDecoding.of(model)
    step = static.begin(past, alpha, limit) if static else None
    return step or _GrowingStep(model, past, alpha)


class _GrowingStep:
    """A decoding step over exactly what is held."""

    def __init__(self, model: QwenAudio, past: KeyValues, alpha: float):
        self.model, self.past, self.alpha = model, past, alpha

    @torch.inference_mode()
    def __call__(self, token: int) -> torch.Tensor:
        ids = torch.tensor([[token]], device=self.model.head.weight.device)
        return read_chunk(self.model, self.model.embed(ids, []), self.past, self.alpha)

    def close(self) -> None:
        pass


@torch.inference_mode()
def naive(
    model: QwenAudio,
    prompt: Prompt,
    hear: Callable[[Window], torch.Tensor],
    sampler: Sampler,
    stop: Collection[int],
) -> Iterator[tuple[int, torch.Tensor]]:
    """The judge: the whole sequence anew for each token, nothing remembered. Token ids, each with
    the logits (1, vocabulary) it was drawn from. Keeps inference mode on: for tests alone."""
    alpha = model.config.alpha(len(prompt))
    sequence = replace(prompt, ids=list(prompt.ids))
    for _ in range(sampler.sampling.max_tokens):
        embeds = embed_rest(model, sequence, 0, hear)
        logits = model.head(model.read(embeds, alpha=alpha)[:, -1])
        token = sampler(logits)
        if token in stop:
            return
        yield token, logits
        sequence.ids.append(token)
