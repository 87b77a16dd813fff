"""Decoding steps with no shape or address that changes from one to the next: on a GPU, a step is
one launch of a CUDA graph. Knows no sampling.

A 4-bit model at batch 1 is bound by launching its thousand small kernels, not by their work. So
keys and values of the conversation that is being answered are copied to buffers that stay, and a
graph is captured once for each capacity of them. What is remembered of conversations
(model/cache.py) takes no more room than its positions.
"""

import logging

import torch

from model.cache import KeyValues
from model.errors import is_out_of_memory
from model.quantize import has_8_bit_layers
from model.qwen_audio import QwenAudio

log = logging.getLogger(__name__)

CAPACITIES = (1024, 2048, 4096, 8192)  # positions; a longer context doubles them further
_AHEAD = 64  # positions of an answer that a capacity should at least hold


@torch.inference_mode()
def fixed_step(
    model: QwenAudio, past: KeyValues, embeds: torch.Tensor, alpha: float
) -> torch.Tensor:
    """One step: the embedding of a token (1, 1, width) at position `past.at` (1,) -> logits (1,
    vocabulary). Attention runs over the whole buffers, with what is not written yet masked out."""
    capacity = past.keys[0].shape[2]
    seen = torch.arange(capacity, device=embeds.device) <= past.at
    mask = torch.zeros(capacity, device=embeds.device, dtype=embeds.dtype)
    mask = mask.masked_fill(~seen, torch.finfo(embeds.dtype).min)[None, None, None]
    logn_from = model.logn_from
    if logn_from is not None and capacity <= logn_from:
        logn_from = None  # up to there, it changes nothing
    hidden = model.llm(
        embeds, past.at[None], alpha=alpha, logn_from=logn_from, mask=mask, past=past
    )
    return model.head(hidden[:, -1])


class StaticDecoding:
    """The buffers and the graphs of a model, for one answer at a time. Nothing is taken before the
    first answer; `clear` gives it back."""

    def __init__(self, model: QwenAudio, capacities: tuple[int, ...] = CAPACITIES):
        self.model, self.capacities = model, capacities
        self.device = model.head.weight.device
        self.is_broken = False  # a capture failed, and not for lack of memory
        self.clear()

    @classmethod
    def of(cls, model: QwenAudio) -> "StaticDecoding | None":
        """For a model on an NVIDIA GPU; None elsewhere, and in 8 bits, where bitsandbytes waits for
        the processor in every product."""
        on_gpu = model.head.weight.device.type == "cuda"
        return cls(model) if on_gpu and not has_8_bit_layers(model) else None

    def clear(self) -> None:
        """Lets go of buffers and graphs."""
        self._graphs: dict[tuple[int, float], _Step] = {}  # by capacity and rotary widening
        self._storage: list[tuple[torch.Tensor, torch.Tensor]] = []  # each layer's, flat
        self._room = 0  # positions that they hold
        self._pool = self._stream = None

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for pair in self._storage for t in pair)

    @property
    def n_graphs(self) -> int:
        return len(self._graphs)

    def begin(self, past: KeyValues, alpha: float, limit: int) -> "StaticAnswer | None":
        """Steps after what `past` holds; None where they cannot be captured."""
        if self.is_broken:
            return None
        try:
            return StaticAnswer(self, past, alpha, limit)
        except RuntimeError as error:
            self.is_broken = not is_out_of_memory(error)
            log.warning("decoding without a captured graph: %s", error)
        self.clear()
        return None

    def step(self, past: KeyValues, alpha: float, n_positions: int) -> "_Step":
        """The step of a capacity for so many positions, with what `past` holds in its buffers."""
        capacity = self.capacities[-1]
        while capacity < n_positions:
            capacity *= 2
        capacity = next((n for n in self.capacities if n >= n_positions), capacity)
        self._hold(past, capacity)
        known = self._graphs.get((capacity, alpha))
        window = known.window if known else self._window(past, capacity)
        window.at.fill_(len(past))
        for theirs, ours in ((past.keys, window.keys), (past.values, window.values)):
            for held, buffer in zip(theirs, ours, strict=True):
                buffer[:, :, : len(past)] = held[:, :, : len(past)]
        if known is None:
            self._graphs[capacity, alpha] = _Step(self, window, alpha)
        return self._graphs[capacity, alpha]

    def _hold(self, past: KeyValues, capacity: int) -> None:
        """Buffers for so many positions; smaller capacities are the beginning of larger ones."""
        if capacity <= self._room:
            return
        self.clear()  # before anything is taken: graphs point into the old ones
        like = past.keys[0]
        size = like.shape[1] * capacity * like.shape[3]
        self._storage = [(like.new_zeros(size), like.new_zeros(size)) for _ in past.keys]
        self._room = capacity

    def _window(self, past: KeyValues, capacity: int) -> KeyValues:
        like, window = past.keys[0], KeyValues(len(past.keys))
        shape = (1, like.shape[1], capacity, like.shape[3])
        size = shape[1] * shape[2] * shape[3]
        for layer, (keys, values) in enumerate(self._storage):
            window.keys[layer] = keys[:size].view(shape)
            window.values[layer] = values[:size].view(shape)
        window.at = torch.zeros(1, dtype=torch.long, device=self.device)
        return window

    def capture(self, work):
        """What runs `work` again, as it runs it now -> its result; on a processor, `work`."""
        if self.device.type != "cuda":
            return work
        with torch.cuda.device(self.device):  # streams and graphs are those of the current GPU
            if self._pool is None:
                self._pool, self._stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):  # a first run sets libraries up: not in a capture
                work()
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # of one pool, since no two run at once; other threads may go on allocating meanwhile
            with torch.cuda.graph(
                graph, self._pool, self._stream, capture_error_mode="thread_local"
            ):
                result = work()

        def replay() -> torch.Tensor:
            graph.replay()
            return result

        return replay


class _Step:
    """A captured step and its inputs: a token's embedding and the position."""

    def __init__(self, decoding: StaticDecoding, window: KeyValues, alpha: float):
        model, self.window = decoding.model, window
        self.embedding = model.llm.embed_tokens.weight  # may lie in the processor's memory
        width = self.embedding.shape[1]
        self.embeds = torch.zeros(1, 1, width, dtype=self.embedding.dtype, device=decoding.device)
        self.capacity = window.keys[0].shape[2]
        self.replay = decoding.capture(lambda: fixed_step(model, window, self.embeds, alpha))

    @torch.inference_mode()
    def __call__(self, token: int, at: int) -> torch.Tensor:
        self.embeds[0, 0].copy_(self.embedding.detach()[token])
        self.window.at.fill_(at)
        return self.replay()


class StaticAnswer:
    """The steps of one answer. `close` gives what they computed to the memory of the conversation,
    which holds nothing of it before."""

    def __init__(self, decoding: StaticDecoding, past: KeyValues, alpha: float, limit: int):
        self.decoding, self.past, self.alpha = decoding, past, alpha
        self.n, self.end = len(past), len(past) + limit
        self._enter()

    @torch.inference_mode()
    def _enter(self) -> None:
        ahead = min(self.end - self.n, _AHEAD)
        self.step = self.decoding.step(self.past, self.alpha, self.n + ahead)

    def __call__(self, token: int) -> torch.Tensor:
        """A token id -> the logits (1, vocabulary) after it, until the next call."""
        if self.n == self.step.capacity:  # goes on in larger buffers
            self.close()
            self._enter()
        logits = self.step(token, self.n)
        self.n += 1
        return logits

    @torch.inference_mode()
    def close(self) -> None:
        new, window = slice(len(self.past), self.n), self.step.window
        self.past.reserve(self.n)
        for layer, (keys, values) in enumerate(zip(window.keys, window.values, strict=True)):
            self.past.update(keys[:, :, new], values[:, :, new], layer)
        self.past.advance(self.n - len(self.past))
