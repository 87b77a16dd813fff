"""The model with what learns in it, as one module: batches in, a loss out. What is frozen takes
little room, and nothing is read twice that several answers share.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, embedding, linear

from model.qwen_audio import QwenAudio
from model.training import teacher
from model.training.ctc import Reader
from model.training.dialogues import IGNORED

SHARED = 0  # the segment that all others of a row may look at


class Learner(nn.Module):
    """A QwenAudio in training. `first_new` is the id of the first token whose row is new: from it
    on, rows of the embedding (and of a tied head) learn, the others do not. A `reader` adds
    `ctc_share` of its loss."""

    accepts_loss_kwargs = True  # asks the Trainer for the number of tokens in a whole step

    def __init__(
        self,
        model: QwenAudio,
        *,
        hears: bool,
        first_new: int | None = None,
        reader: Reader | None = None,
        ctc_share: float = 0.0,
    ):
        super().__init__()
        self.model, self.hears, self.first_new = model, hears, first_new
        self.reader, self.ctc_share = reader, ctc_share
        self.carried = None  # a Carried: what training must leave as it is
        self.teacher = ()  # a Learner (model/training/teacher.py); in a tuple: no part
        if first_new is not None:
            rows = model.llm.embed_tokens.weight.data[first_new:].float().clone()
            self.new_rows = nn.Parameter(rows)  # (new tokens, width)

    @property
    def config(self):
        """What the Trainer looks for."""
        return self.model.config

    def checkpoint_gradients(self) -> None:
        """From now on, of each layer only the input is kept, and it is computed again for its
        gradients (arXiv 1604.06174)."""
        self.model.audio.recomputes = self.model.llm.recomputes = True

    def forward(
        self,
        labels: torch.Tensor,
        ids: torch.Tensor | None = None,
        segments: torch.Tensor | None = None,
        said: torch.Tensor | None = None,
        mels: torch.Tensor | None = None,
        spoken: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> dict[str, torch.Tensor]:
        """The loss of a label, on average.

        Token ids and labels (rows, n), IGNORED where nothing is learned; without ids, the reader
        alone learns. Segments (rows, n): several questions about what a row begins with, each of
        which sees the beginning (SHARED) and itself, as if it stood there alone. `said` (rows, n):
        whether a label is of what is said in the clip, for a teacher. Mels (clips, mels, frames),
        all of them sound or silence around it, in reading order. `spoken` and `places` as
        model/training/ctc.py wants them.
        """
        total, vectors = labels.new_zeros((), dtype=torch.float32), None
        if mels is not None:
            with torch.set_grad_enabled(self.hears and torch.is_grad_enabled()):
                vectors = hear(self.model, mels)
        if ids is not None:
            taught = said if self.teacher and mels is not None else None
            total = total + self._next_tokens(ids, labels, vectors, segments, taught, mels)
        if self.reader is not None and spoken is not None and self.ctc_share:
            total = total + self.ctc_share * self.reader.loss(vectors, spoken, places)
        if num_items_in_batch is None:
            num_items_in_batch = (labels != IGNORED).sum()
        return {"loss": total / num_items_in_batch}

    def _next_tokens(self, ids, labels, vectors, segments, said, mels) -> torch.Tensor:
        """Summed over all labels."""
        opening, hidden = self._hidden(ids, labels, vectors, segments)
        wanted = labels[:, opening + 1 :]
        at = wanted != IGNORED
        logits = self._logits(hidden[:, :-1][at])
        if said is None or not said.any():
            return cross_entropy(logits, wanted[at], reduction="sum")
        taught = said[:, opening + 1 :] & at
        (knows,) = self.teacher
        with torch.no_grad():
            _, read = knows._hidden(ids, labels, hear(knows.model, mels), segments)
            theirs = knows._logits(read[:, :-1][taught])
        return teacher.loss(logits, wanted[at], taught[at], theirs)

    def _hidden(self, ids, labels, vectors, segments) -> tuple[int, torch.Tensor]:
        """The length of an opening that all share, and the hidden states (rows, n, width) behind
        it."""
        sound = [] if vectors is None else [self.model.audio.bounded(row) for row in vectors]
        if segments is not None:
            return 0, self._read_apart(ids, sound, segments)
        opening = common_opening(ids, labels, self.model.config.audio_start_id)
        return opening, self._read(ids, sound, opening)

    def _read(self, ids: torch.Tensor, sound: list, opening: int) -> torch.Tensor:
        """Hidden states of the positions after the common opening, which is read once. Padding is
        at the end, where only padding can look at it."""
        first = Opening()
        parts = (
            (first, 1, 0, opening, []),
            (first.behind() if opening else None, len(ids), opening, ids.shape[1], sound),
        )
        for past, rows, start, end, spans in parts[0 if opening else 1 :]:
            embeds = self._embed(ids[:rows, start:end], spans)
            positions = torch.arange(start, end, device=ids.device)[None]
            seen = torch.arange(end, device=ids.device) <= positions[..., None]
            hidden = self._think(embeds, positions, seen, ids.shape[1], past)
        return hidden

    def _read_apart(self, ids: torch.Tensor, sound: list, segments: torch.Tensor) -> torch.Tensor:
        """Hidden states (rows, n, width) where segments do not see each other."""
        at = torch.arange(ids.shape[1], device=ids.device)
        shared = (segments == SHARED).sum(1, keepdim=True)
        starts = torch.cat((segments[:, :1] != SHARED, segments[:, 1:] != segments[:, :-1]), 1)
        begun = torch.where(starts, at, 0).cummax(1).values  # where each one's segment begins
        positions = torch.where(segments == SHARED, at, shared + at - begun)
        alike = segments[:, :, None] == segments[:, None, :]
        seen = (alike | (segments == SHARED)[:, None, :]) & (at <= at[:, None])
        return self._think(self._embed(ids, sound), positions, seen, int(positions.max()) + 1)

    def _think(self, embeds, positions, seen, length: int, past=None) -> torch.Tensor:
        """Embeddings (rows, n, width) at positions (rows or 1, n) that see what is True in (rows or
        1, n, keys) -> hidden states."""
        least = torch.finfo(embeds.dtype).min / 2
        mask = torch.zeros(seen.shape, device=seen.device, dtype=embeds.dtype)
        return self.model.llm(
            embeds,
            positions,
            alpha=self.model.config.alpha(length),
            logn_from=self.model.logn_from,
            mask=mask.masked_fill(~seen, least)[:, None],
            past=past,
        )

    def _embed(self, ids: torch.Tensor, spans: list[torch.Tensor]) -> torch.Tensor:
        embeds = self.model.embed(ids, spans)
        if self.first_new is None:
            return embeds
        new = ids >= self.first_new
        rows = embedding((ids - self.first_new).clamp(min=0), self.new_rows).to(embeds.dtype)
        return torch.where(new[..., None], rows, embeds)

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(n, width) -> (n, vocabulary) float32."""
        if self.first_new is None:
            return self.model.head(hidden).float()
        old = linear(hidden, self.model.head.weight[: self.first_new])
        return torch.cat((old, linear(hidden, self.new_rows.to(old.dtype))), -1).float()

    @torch.no_grad()
    def embeddings(self, made: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """What the language model is given of a batch: (n, width) float32 for each row, without
        what pads it."""
        sound = hear(self.model, made["mels"]) if "mels" in made else []
        embeds = self._embed(made["ids"], [self.model.audio.bounded(row) for row in sound])
        ends = [int(row.nonzero().max()) + 1 for row in made["labels"] != IGNORED]
        return [row[:end].float() for row, end in zip(embeds, ends, strict=True)]

    @torch.no_grad()
    def settle(self) -> QwenAudio:
        """The model with what learned apart in its place. Adapters stay: model/training/ship.py."""
        if self.first_new is not None:
            self.model.llm.embed_tokens.weight[self.first_new :] = self.new_rows
            if not self.model.config.tie_word_embeddings:
                self.model.head.weight[self.first_new :] = self.new_rows
        if self.carried is not None:
            self.carried.close(self.model.llm)
        return self.model


class Opening:
    """Keeps keys and values of what all dialogues of a batch begin with, while that is read."""

    def __init__(self):
        self.held: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def update(self, keys, values, layer):
        self.held.setdefault(layer, (keys, values))  # also where a layer is computed again
        return keys, values

    def behind(self) -> "_Behind":
        """For reading what stands behind it."""
        return _Behind(self.held)


class _Behind:
    def __init__(self, held: dict[int, tuple[torch.Tensor, torch.Tensor]]):
        self.held = held

    def update(self, keys, values, layer):
        before = (t.expand(len(keys), -1, -1, -1) for t in self.held[layer])
        return tuple(torch.cat(pair, 2) for pair in zip(before, (keys, values), strict=True))


def hear(model: QwenAudio, mels: torch.Tensor) -> torch.Tensor:
    """(clips, mels, frames), all of them sound -> (clips, slots, width)."""
    return model.audio.project(model.audio.trunk(mels, [mels.shape[2]] * len(mels)))


def common_opening(ids: torch.Tensor, labels: torch.Tensor, audio_start: int) -> int:
    """How many positions all rows share before any sound or label, and before the position that
    says the first label."""
    same = (ids == ids[:1]).all(0) & (ids[0] != audio_start)
    same[:-1] &= (labels[:, 1:] == IGNORED).all(0)
    same[-1] = False
    return int(same.long().cumprod(0).sum())
