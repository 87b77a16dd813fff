"""What is remembered between turns: keys and values of conversations, and sounds already encoded.
Decides what can be kept; computes nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile

import torch

from model.prompt import SlotKey

_GRAIN = 256  # positions by which buffers grow
_SLACK = 1.05  # how many times as large as what they hold buffers may stay


class KeyValues:
    """Keys and values of one prompt and its answer, in buffers that grow in place; or those of
    several, read side by side (model/batch.py).

    The decoder layers call `update`; the reader of a stretch calls `advance` once it is through.
    """

    def __init__(self, n_layers: int):
        self.keys: list[torch.Tensor | None] = [None] * n_layers  # (rows, heads, capacity, width)
        self.values: list[torch.Tensor | None] = [None] * n_layers
        self.length = 0
        self.capacity = 0
        self.at: torch.Tensor | None = None  # (1,) int64: see model/static_decoding.py

    def __len__(self) -> int:
        return self.length

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for t in (*self.keys, *self.values) if t is not None)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """New (rows, heads, n, head_dim) after what is held -> all of them, for attention."""
        if self.at is not None:
            self.keys[layer].index_copy_(2, self.at, keys)
            self.values[layer].index_copy_(2, self.at, values)
            return self.keys[layer], self.values[layer]
        end = self.length + keys.shape[2]
        self._reserve(layer, end, keys, values)
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def reserve(self, capacity: int) -> None:
        """From now on buffers hold at least this many positions, so that they need not move."""
        self.capacity = max(self.capacity, capacity)
        for layer, held in enumerate(self.keys):
            if held is not None and held.shape[2] < self.capacity:
                self._move(layer, self.capacity)

    def trim(self) -> None:
        """Gives back what buffers hold beyond their positions, but for a little that is not worth a
        copy."""
        self.capacity = 0
        for layer, held in enumerate(self.keys):
            if held is not None and held.shape[2] > self.length * _SLACK:
                self._move(layer, self.length)

    def _reserve(self, layer: int, end: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        held = self.keys[layer]
        if held is not None and held.shape[2] >= end:
            return
        grown = max(self.capacity, -(-end * 5 // (4 * _GRAIN)) * _GRAIN)
        if held is None:  # nothing to be moved, but its shape
            self.keys[layer] = keys.new_zeros(*keys.shape[:2], 0, keys.shape[3])
            self.values[layer] = values.new_zeros(*values.shape[:2], 0, values.shape[3])
        self._move(layer, grown)

    def _move(self, layer: int, capacity: int) -> None:
        n = min(self.length, capacity)
        for buffers in (self.keys, self.values):
            held = buffers[layer]
            buffer = held.new_empty(*held.shape[:2], capacity, held.shape[3])
            buffer[:, :, :n] = held[:, :, :n]
            buffer[:, :, n:] = 0  # what is masked out must be finite
            buffers[layer] = buffer

    def advance(self, n: int) -> None:
        """What was given to `update` since the last time counts from now on."""
        self.length += n

    def keep(self, rows: torch.Tensor) -> None:
        """Forgets every prompt but these, by their indices (n,)."""
        for buffers in (self.keys, self.values):
            buffers[:] = [held if held is None else held[rows] for held in buffers]

    def crop(self, length: int) -> None:
        """Forgets all positions from `length` on."""
        assert length <= self.length, f"cannot crop {self.length} positions to {length}"
        self.length = length

    def fork(self, length: int) -> "KeyValues":
        """A copy of the first `length` positions, for a branch."""
        twin = KeyValues(len(self.keys))
        twin.length = length
        for mine, theirs in ((self.keys, twin.keys), (self.values, twin.values)):
            theirs[:] = [held if held is None else held[:, :, :length].clone() for held in mine]
        return twin


def shared_prefix(cached: Sequence[SlotKey], wanted: Sequence[SlotKey]) -> int:
    """How many positions of a memory the next prompt can keep.

    Slot keys, not ids: every clip fills its slots with the same pad id. One position is always
    left to compute, for its logits.
    """
    same = takewhile(lambda pair: pair[0] == pair[1], zip(cached, wanted, strict=False))
    return min(sum(1 for _ in same), len(wanted) - 1)


class _Memory:
    """One prompt that was read, and what came of it."""

    def __init__(self, past: KeyValues, alpha: float):
        self.past, self.alpha = past, alpha
        self.slots: list[SlotKey] = []  # one for each position in `past`


class Memories:
    """Keys and values of several conversations within a budget in bytes; the least recently used
    goes first. Not for several threads: the engine's lock is around every call.
    """

    def __init__(self, budget: int, n_layers: int):
        self.budget, self.n_layers = budget, n_layers
        self._kept: list[_Memory] = []  # the most recently used last

    @property
    def nbytes(self) -> int:
        return sum(memory.past.nbytes for memory in self._kept)

    def recall(self, wanted: Sequence[SlotKey], alpha: float) -> _Memory:
        """The memory to read `wanted` into, cropped to what both share.

        A memory under another alpha is of no use (model/longcontext.py). Where the wanted prompt
        leaves an earlier line (an edit, another answer, another conversation with the same
        beginning), the line is copied up to there and stays, if there is room for both.
        """
        usable = [memory for memory in self._kept if memory.alpha == alpha]
        best = max(usable, key=lambda m: shared_prefix(m.slots, wanted), default=None)
        shared = shared_prefix(best.slots, wanted) if best else 0
        if best is None or shared == 0:
            memory = _Memory(KeyValues(self.n_layers), alpha)
        elif shared == len(best.slots):
            memory = best
        elif self.nbytes + best.past.nbytes * shared // len(best.slots) <= self.budget:
            memory = _Memory(best.past.fork(shared), alpha)
            memory.slots = best.slots[:shared]
        else:
            memory = best
            memory.past.crop(shared)
            del memory.slots[shared:]
        self._kept = [m for m in self._kept if m is not memory] + [memory]
        return memory

    def settle(self) -> None:
        """Gives back what an answer took beyond its positions, then drops the least recently used
        until the rest fits; also the last, if it alone does not (it is then read anew)."""
        for memory in self._kept:
            memory.past.trim()
        while self._kept and self.nbytes > self.budget:
            self._kept.pop(0)

    def clear(self) -> None:
        """Forgets everything, for instance when memory runs out."""
        self._kept.clear()


class EncodedSounds:
    """Vectors of windows by their key, so that each is encoded once; least recently used goes."""

    def __init__(self, budget: int):
        self.budget = budget
        self._kept: OrderedDict[tuple, torch.Tensor] = OrderedDict()

    def get(self, key: tuple) -> torch.Tensor | None:
        """The span of a window, (slots + 2, width), or None where it must be encoded."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple, span: torch.Tensor) -> None:
        self._kept[key] = span
        while len(self._kept) > 1 and sum(t.nbytes for t in self._kept.values()) > self.budget:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
