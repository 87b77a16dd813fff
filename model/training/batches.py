"""Batches as tensors: sound made new, and what is asked about it. Holds no model.

Which clips come together is decided in model/training/mixture.py; everything here is drawn from
the seed and the number of the batch, too.
"""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from model.messages import Clip
from model.prompt import Renderer
from model.spec import END_OF_TEXT
from model.tasks import TASKS
from model.training import augment, ctc, data, talk
from model.training.dialogues import (
    IGNORED,
    Dialogue,
    Turn,
    beside,
    converse,
    render,
    small_talk,
)
from model.training.facts import Facts
from model.training.learner import SHARED
from model.training.mixture import NEIGHBOURS, Batch, Mixture, Unit
from model.windows import Window

TALK_SHARE = 0.06  # of all batches: text alone, so that it goes on talking
TALK = 10  # dialogues in a batch of them
_ROUND = 8  # token counts are padded to multiples of it: few shapes

Made = dict[str, torch.Tensor]  # what a Learner is given


class Tags:
    """Stage 1: the clip, then for each of its rows the tags, the answer and the end, one beside
    the other: what the ear and the language model make of the sound is computed once."""

    def __init__(self, renderer: Renderer):
        self.renderer = renderer

    def __call__(self, units: Sequence[Unit], n_samples: int, draw) -> Made:
        """About clips that all fill `n_samples`."""
        window = Window(Clip(np.zeros(n_samples, np.float32), ""), 0, n_samples)
        return side_by_side([[self.answered(window, row) for row in unit] for unit in units])

    def answered(self, window: Window, row: data.Row) -> Dialogue:
        """One row alone."""
        asked = self.renderer.tagged(window, row.asked(), row.question).ids
        tokens = self.renderer.tokenizer
        answer = [*tokens.encode(row.text), tokens.control[END_OF_TEXT]]
        said = [False] * len(asked) + [row.task == data.SPEECH_TASK] * len(answer)
        return Dialogue(asked + answer, [IGNORED] * len(asked) + answer, said)

    def alone(self, draw) -> Made:
        """No talk without sound."""
        return {}


class Chat:
    """Stage 2: conversations about clips; now and then of text alone, from the file `talks`. In a
    share `plainly` of the batches stand each clip's own question and answer, and nothing else; in a
    share `beside`, several conversations about each clip, for which it is heard once."""

    def __init__(
        self,
        renderer: Renderer,
        talks: Path | None = None,
        *,
        plainly: float = 0.0,
        beside: float = 0.0,
    ):
        self.renderer, self.plainly, self.beside = renderer, plainly, beside
        self.talks = talk.read(talks) if talks else []
        self.small = small_talk(self.talks)

    def __call__(self, units: Sequence[Unit], n_samples: int, draw) -> Made:
        """About clips that all fill `n_samples`, in their order."""
        kind = draw.random()
        if kind < self.plainly:
            rows = [unit[int(draw.integers(len(unit)))] for unit in units]
            asked = [
                Turn(
                    r.question or TASKS[r.task].asks, r.text, n_samples, r.task == data.SPEECH_TASK
                )
                for r in rows
            ]
            return tensors(render(self.renderer, [turn]) for turn in asked)
        facts = [Facts.of(unit, n_samples) for unit in units]
        luck = random.Random(int(draw.integers(1 << 62)))
        if kind < self.plainly + self.beside:
            said = beside(facts, self.small, luck)
            return side_by_side([[render(self.renderer, turns) for turns in one] for one in said])
        said = converse(facts, self.small, luck)
        return tensors(render(self.renderer, turns) for turns in said)

    def alone(self, draw) -> Made:
        """A batch without sound, or nothing."""
        if not self.talks:
            return {}
        some = draw.choice(len(self.talks), min(TALK, len(self.talks)), replace=False)
        few = [self.talks[i] for i in some]
        return tensors(render(self.renderer, turns, whole=whole) for turns, whole in few)


class Batches(Dataset):
    """Whole batches by number: tensors for a Learner. With `reads`, also the tokens that a reading
    by CTC should find in what is said; the first `hinted` batches tell about where."""

    def __init__(
        self,
        mixture: Mixture,
        ask: Tags | Chat | None,
        renderer: Renderer,
        *,
        rough: float,
        reads: bool = False,
        hinted: int = 0,
    ):
        self.mixture, self.ask, self.renderer = mixture, ask, renderer
        self.rough, self.reads, self.hinted = rough, reads, hinted

    def __len__(self) -> int:
        return 1 << 40  # it never ends; a run stops by steps or by the clock

    def __getitem__(self, number: int) -> Made:
        draw = np.random.default_rng((self.mixture.seed, 3, number))
        together = np.random.default_rng((self.mixture.seed, 4, number // NEIGHBOURS))
        if self.ask and together.random() < TALK_SHARE and (alone := self.ask.alone(draw)):
            return alone
        batch = self.mixture[number]
        waves, spans = self._waves(batch, draw)
        mels = augment.log_mel(torch.from_numpy(waves))
        for mel in mels:
            if draw.random() < self.rough:
                augment.masked(mel, draw)
        made = {"mels": mels}
        if self.ask:
            made |= self.ask(batch.units, batch.n_samples, draw)
        if self.reads:
            made |= self._read(batch, spans if number < self.hinted else None)
        if "labels" not in made:
            made["labels"] = made["spoken"].masked_fill(made["spoken"] == ctc.NONE, IGNORED)
        return made

    def _waves(self, batch: Batch, draw: np.random.Generator):
        """Samples (clips, n), and where in them each clip is: shares of the length."""
        waves, spans = [], []
        for unit, speed in zip(batch.units, batch.speeds, strict=True):
            sound = data.samples(unit[0])
            sound = sound if speed == 1 else augment.stretched(sound, speed)
            wave, start = augment.placed(sound, batch.n_samples, draw)
            if draw.random() < self.rough:
                wave = augment.roughened(wave, draw)
            waves.append(augment.levelled(wave, draw) if self.rough else wave)
            spans.append((start / len(wave), min(1.0, (start + len(sound)) / len(wave))))
        return np.stack(waves), spans

    def _read(self, batch: Batch, spans: list | None) -> Made:
        tokens, slots = self.renderer.tokenizer, self.renderer.n_slots(batch.n_samples)
        said = [
            next((r.text for r in unit if r.task == data.SPEECH_TASK), "") for unit in batch.units
        ]
        read = [ctc.spoken(text, tokens) if text else [] for text in said]
        made = {"spoken": _rows(read, ctc.NONE, 1)}
        if spans is not None:
            places = torch.full((*made["spoken"].shape, 2), ctc.NONE)
            for place, span, row in zip(places, spans, read, strict=True):
                if row:
                    letters = [len(tokens.bytes_of(token)) for token in row]
                    place[: len(row)] = torch.from_numpy(ctc.likely_places(span, letters, slots))
            made["places"] = places
        return made


def tensors(said: Iterable[Dialogue]) -> Made:
    """Ids, labels and what is said (rows, n), padded on the right."""
    said = list(said)
    labels = _rows([one.labels for one in said], IGNORED, _ROUND)
    of_clip = _rows([one.said for one in said], False, _ROUND)
    return {"ids": _rows([one.ids for one in said], 0, _ROUND), "labels": labels, "said": of_clip}


def side_by_side(clips: Sequence[Sequence[Dialogue]]) -> Made:
    """A row for each clip: what its dialogues begin with, then the rest of each as a segment."""
    rows, segments = [], []
    for said in clips:
        n = _in_common(said)
        ids = said[0].ids[:n] + [i for one in said for i in one.ids[n:]]
        labels = [IGNORED] * n + [i for one in said for i in one.labels[n:]]
        rows.append(Dialogue(ids, labels, [False] * n + [i for one in said for i in one.said[n:]]))
        of = [k for k, one in enumerate(said, SHARED + 1) for _ in one.ids[n:]]
        segments.append([SHARED] * n + of)
    none = 1 + max(map(len, clips))
    return tensors(rows) | {"segments": _rows(segments, none, _ROUND)}


def _in_common(said: Sequence[Dialogue]) -> int:
    """How many positions all share, before the last one that is no label in any: a segment's first
    position is foretold by nothing."""
    first = min(next(i for i, y in enumerate(one.labels) if y != IGNORED) for one in said)
    columns = zip(*(one.ids for one in said), strict=False)
    alike = next((i for i, column in enumerate(columns) if len(set(column)) > 1), first)
    return min(alike, first - 1)


def _rows(rows: Sequence[Sequence[int]], fill: int, step: int) -> torch.Tensor:
    longest = max(1, -(-max(map(len, rows)) // step)) * step
    table = torch.full((len(rows), longest), fill)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = torch.tensor(row, dtype=table.dtype)
    return table
