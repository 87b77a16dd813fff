"""The model with what learns in it, as one module: batches in, a loss out. What is frozen takes
little room, and is run no more often than it must be.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, embedding, linear

from model.qwen_audio import QwenAudio
from model.training.dialogues import IGNORED


class Learner(nn.Module):
    """A QwenAudio in training. `first_new` is the id of the first token whose row is new: from it
    on, rows of the embedding (and of a tied head) learn, the others do not."""

    accepts_loss_kwargs = True  # asks the Trainer for the number of tokens in a whole step

    def __init__(
        self,
        model: QwenAudio,
        *,
        hears: bool = True,
        first_new: int | None = None,
        reader: nn.Module | None = None,
        ctc_share: float = 0.0,
    ):
        super().__init__()
        self.model, self.hears, self.first_new = model, hears, first_new
        self.reader, self.ctc_share = reader, ctc_share
        if first_new is not None:
            rows = model.llm.embed_tokens.weight.data[first_new:].float().clone()
            self.new_rows = nn.Parameter(rows)  # (new tokens, width)

    @property
    def config(self):
        """What the Trainer looks for."""
        return self.model.config

    def forward(
        self,
        ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        mels: torch.Tensor | None = None,
        spoken: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> dict[str, torch.Tensor]:
        """Token ids and labels (dialogues, n), IGNORED where nothing is learned; mels (clips, mels,
        frames), all of them sound or silence around it, in reading order; `spoken` and `places` as
        model/training/ctc.py wants them -> the loss of a token, on average."""
        vectors = None
        if mels is not None:
            with torch.set_grad_enabled(self.hears and torch.is_grad_enabled()):
                vectors = hear(self.model, mels)
        total = self._next_tokens(ids, labels, vectors)
        if self.reader is not None and spoken is not None and vectors is not None:
            total = total + self.ctc_share * self.reader.loss(vectors, spoken, places)
        if num_items_in_batch is None:
            num_items_in_batch = (labels != IGNORED).sum()
        return {"loss": total / num_items_in_batch}

    def _next_tokens(self, ids, labels, vectors) -> torch.Tensor:
        """Summed over all labels."""
        sound = [] if vectors is None else [self.model.audio.bounded(row) for row in vectors]
        opening = common_opening(ids, self.model.config.audio_start_id)
        hidden = self._read(ids, sound, opening)
        wanted = labels[:, opening + 1 :]
        at = wanted != IGNORED
        return cross_entropy(self._logits(hidden[:, :-1][at]), wanted[at], reduction="sum")

    def _read(self, ids: torch.Tensor, sound: list, opening: int) -> torch.Tensor:
        """Hidden states of the positions after the common opening, which is read once. Padding is
        at the end, where only padding can look at it."""
        model, past = self.model, Opening()
        alpha = model.config.alpha(ids.shape[1])
        parts = ((1, 0, opening, []), (len(ids), opening, ids.shape[1], sound))
        for rows, start, end, spans in parts[0 if opening else 1 :]:
            embeds = self._embed(ids[:rows, start:end], spans)
            positions = torch.arange(start, end, device=ids.device)
            later = torch.arange(end, device=ids.device) > positions[:, None]
            mask = torch.zeros(later.shape, device=ids.device, dtype=embeds.dtype)
            mask = mask.masked_fill(later, torch.finfo(mask.dtype).min / 2)[None, None]
            hidden = model.llm(
                embeds,
                positions[None],
                alpha=alpha,
                logn_from=model.logn_from,
                mask=mask,
                past=past if opening else None,
            )
        return hidden

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
    def settle(self) -> QwenAudio:
        """The model with the new rows in their place. Adapters stay: see model/training/ship.py."""
        if self.first_new is not None:
            self.model.llm.embed_tokens.weight[self.first_new :] = self.new_rows
            if not self.model.config.tie_word_embeddings:
                self.model.head.weight[self.first_new :] = self.new_rows
        return self.model


class Opening:
    """Keys and values of what all dialogues of a batch begin with."""

    def __init__(self):
        self.held: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def update(self, keys, values, layer):
        if layer not in self.held:
            self.held[layer] = (keys, values)
            return keys, values
        before = (t.expand(len(keys), -1, -1, -1) for t in self.held[layer])
        return tuple(torch.cat(pair, 2) for pair in zip(before, (keys, values), strict=True))


def hear(model: QwenAudio, mels: torch.Tensor) -> torch.Tensor:
    """(clips, mels, frames), all of them sound -> (clips, slots, width)."""
    return model.audio.project(model.audio.trunk(mels, [mels.shape[2]] * len(mels)))


def common_opening(ids: torch.Tensor, audio_start: int) -> int:
    """How many positions all rows share, those of sound not counted; at most all but two."""
    same = (ids == ids[:1]).all(0) & (ids[0] != audio_start)
    return min(int(same.long().cumprod(0).sum()), ids.shape[1] - 2)
