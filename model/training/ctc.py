"""The ear reads by itself: CTC (Graves et al., ICML 2006) over the language model's own embedding
table. The language model does not run: many times cheaper than next-token training.

A slot's score for a token is the cosine between its vector and the token's embedding, times a
learned scale; a learned vector stands for the blank. So the vectors land where the language model
can read them: the way to begin, and a share of the loss that keeps them readable later.
"""

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import ctc_loss, linear, normalize

from model.placement import pick_dtype
from model.tokenizer import Tokenizer

SAMPLED = 2560  # tokens that stand for the rest of the vocabulary in the normaliser
HINT = 0.5  # weight of the hint
NONE = -1  # pads rows of tokens


class Reader(nn.Module):
    """Scores of slots for the tokens of `vocabulary`; 0 is the blank, then they follow in order."""

    def __init__(self, words: torch.Tensor, vocabulary: Sequence[int], blank: int):
        """`words` is the embedding table (tokens, width); the blank begins as the row `blank`."""
        super().__init__()
        vocabulary = torch.as_tensor(vocabulary)
        place = torch.zeros(len(words), dtype=torch.long)
        place[vocabulary] = torch.arange(1, len(vocabulary) + 1)
        self.register_buffer("vocabulary", vocabulary)
        self.register_buffer("place", place, persistent=False)  # of a token id; 0: not among them
        rows = normalize(words[vocabulary].float(), dim=1)  # (tokens, width), never trained
        self.register_buffer("rows", rows, persistent=False)
        self.blank = nn.Parameter(normalize(words[blank].float(), dim=0))
        self.bias = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(clips, slots, width) -> unit vectors times the scale; blank (clips, slots)."""
        vectors = normalize(vectors.float(), dim=-1) * self.log_scale.exp()
        return vectors, vectors @ normalize(self.blank, dim=0) + self.bias * 10

    @torch.no_grad()
    def read(self, vectors: torch.Tensor) -> list[list[int]]:
        """The likeliest token of each slot, without repeats and blanks: ids for each clip."""
        vectors, blank = self(vectors)
        best = torch.cat((blank[..., None], vectors @ self.rows.T), -1).argmax(-1)
        read = [row.unique_consecutive() for row in best]
        return [self.vocabulary[row[row > 0] - 1].tolist() for row in read]

    def loss(
        self, vectors: torch.Tensor, wanted: torch.Tensor, places: torch.Tensor | None = None
    ) -> torch.Tensor:
        """CTC, summed over clips (clips, slots, width); `wanted` (clips, tokens), padded with NONE.
        Only the batch's own tokens enter the recursion, and a random few stand for the rest in the
        normaliser. A clip with a token out of the vocabulary does not count.

        `places` (clips, tokens, 2), first and last slot for each token, adds the chance of each
        token near its likely place, blanks aside: a hint without which an ear that begins from
        nothing first learns to stay silent.
        """
        with torch.autocast(vectors.device.type, enabled=False):
            known = ((wanted == NONE) | (self.place[wanted] > 0)).all(1) & (wanted != NONE).any(1)
            if not known.any():
                return vectors.sum() * 0
            vectors, wanted = vectors[known], wanted[known]
            total, own, rest, small = self._recursion(vectors, wanted)
            if places is not None:
                total = total - HINT * _near(own, rest, small, places[known])
            return total

    def _recursion(self, vectors, wanted):
        """The summed loss; scores of blank and used tokens, those of the rest, and the column of
        each wanted token among the first."""
        is_token = wanted != NONE
        vectors, blank = self(vectors)
        used = self.place[wanted[is_token]].unique()  # sorted
        small = torch.searchsorted(used, self.place[wanted]) + 1
        own = torch.cat((blank[..., None], vectors @ self.rows[used - 1].T), -1)
        rest = self._rest(vectors, used)
        scores = own - torch.logaddexp(own.logsumexp(-1), rest)[..., None]  # (clips, slots, own)
        # torch's gradient holds + exp(score), which a softmax over the same scores would cancel;
        # ours was normalised over more than these, and brings its own
        if scores.requires_grad:
            scores.register_hook(
                lambda grad: grad - scores.detach().exp() * possible[:, None, None]
            )
        each = ctc_loss(
            scores.transpose(0, 1),
            small[is_token],
            torch.full((len(wanted),), vectors.shape[1], device=wanted.device),
            is_token.sum(1),
            reduction="none",
            zero_infinity=True,  # a clip too short for its tokens
        )
        possible = (each.detach() > 0).float()
        return each.sum(), own, rest, small

    def _rest(self, vectors: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
        """Log of the summed scores of all tokens not in the batch, estimated: (clips, slots)."""
        free = torch.ones(len(self.vocabulary), dtype=torch.bool)
        free[used.cpu() - 1] = False
        some = torch.randperm(len(free))
        some = some[free[some]][:SAMPLED]
        if not len(some):
            return torch.full(vectors.shape[:2], -math.inf, device=vectors.device)
        with torch.autocast(vectors.device.type, pick_dtype(vectors.device, small=False)):
            scores = linear(vectors, self.rows[some.to(vectors.device)])
        return scores.float().logsumexp(-1) + math.log(int(free.sum()) / len(some))


def _near(own, rest, small, places) -> torch.Tensor:
    """The summed log chance of each token around its likely place."""
    bare = own[..., 1:] - torch.logaddexp(own[..., 1:].logsumexp(-1), rest)[..., None]
    near = [
        bare[i, first : last + 1, column - 1].logsumexp(0) - math.log(last + 1 - first)
        for i, row in enumerate(places.tolist())
        for (first, last), column in zip(row, small[i].tolist(), strict=True)
        if first != NONE
    ]
    return torch.stack(near).sum()


def likely_places(span: tuple[float, float], letters: Sequence[int], slots: int) -> np.ndarray:
    """First and last slot (tokens, 2) for each token of a text that is heard between two shares of
    the length, by the letters before it, with some play."""
    start, end = span[0] * slots, span[1] * slots
    share = np.array(letters, float) / sum(letters)
    middle = start + (end - start) * (share.cumsum() - share / 2)
    play = 1.5 + 0.07 * (end - start) + share * (end - start) / 2
    places = np.stack((middle - play, middle + play), 1)
    return places.clip(0, slots - 1).astype(int)


def spoken(text: str, tokens: Tokenizer) -> list[int]:
    """The token ids that a reading of this text should give: lower case, without marks."""
    words = re.sub(r"[^\w']|_|(?<!\w)'|'(?!\w)", " ", text.lower())
    return tokens.encode(" " + " ".join(words.split()))


def vocabulary_of(texts: Iterable[str], tokens: Tokenizer) -> list[int]:
    """Every token that spoken text is made of."""
    return sorted({token for text in set(texts) for token in spoken(text, tokens)})
