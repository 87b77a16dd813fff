"""The stages: what learns, how fast, and what a batch is made of. A stage that learns nothing fails
at once. Runs no step.

pretrain  many tasks by their tags; the language model is frozen, the ear learns to speak its
          language (Qwen-Audio, arXiv 2311.07919, section 3.2)
sft       conversations in ChatML; the ear is fixed, the language model learns (section 3.3)
adapt     sft on recordings of one's own
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from model.messages import Clip
from model.prompt import Renderer
from model.spec import END_OF_TEXT, TAGS
from model.training import augment, data, talk
from model.training.dialogues import IGNORED, Dialogue, converse, render, small_talk
from model.training.facts import Facts
from model.training.learner import Learner
from model.training.mixture import NEIGHBOURS, Batch, Mixture, Unit
from model.windows import Window

NEW = ("new_rows", "reader.", "model.audio.boundary", "model.audio.out_norm")
_FASTER = {name: 10.0 for name in NEW} | {"model.audio.proj": 3.0, "model.audio.ln_post": 3.0}
TALK_SHARE = 0.06  # of all batches: text alone, so that it goes on talking
TALK = 10  # dialogues in a batch of them
_ROUND = 8  # token counts are padded to multiples of it: few shapes


@dataclass(frozen=True)
class Stage:
    """`learns` are beginnings of names; `rate` is the peak for what is not new."""

    learns: tuple[str, ...]
    rate: float
    by_clip: bool  # a batch holds clips with all that is known of them, not rows
    rough: float  # share of clips that is roughened

    @property
    def hears(self) -> bool:
        return any(name.startswith("model.audio") for name in self.learns)


_EAR = ("model.audio.layers.", "model.audio.ln_post", "model.audio.proj", *NEW)
STAGES = {
    "pretrain": Stage(_EAR, rate=1e-4, by_clip=False, rough=0.5),
    "sft": Stage(("model.llm.",), rate=2e-4, by_clip=True, rough=0.3),
    "adapt": Stage(("model.llm.",), rate=2e-4, by_clip=True, rough=0.3),
}


def choose(learner: Learner, stage: Stage, *, last_layers: int | None = None) -> list[str]:
    """Marks what learns, and gives its names. Of the encoder, the `last_layers` alone (default:
    all). Where the language model holds adapters, they alone learn of it."""
    n = len(learner.model.audio.layers)
    first = n - (n if last_layers is None else last_layers)
    adapted = any(".lora_" in name for name, _ in learner.named_parameters())
    chosen = []
    for name, weight in learner.named_parameters():
        learns = name.startswith(stage.learns) and weight.is_floating_point()
        if name.startswith("model.audio.layers."):
            learns = learns and int(name.split(".")[3]) >= first
        if name.startswith("model.llm.") and adapted:
            learns = learns and ".lora_" in name
        if name == "model.llm.embed_tokens.weight":
            learns = False  # it is the head too, and holds all words that a run never meets
        weight.requires_grad_(learns)
        if learns:
            chosen.append(name)
            if weight.dtype != torch.float32:  # steps are smaller than 16 bits can tell
                weight.data = weight.data.float()
    assert chosen, f"nothing learns: no weight begins with one of {stage.learns}"
    return chosen


def groups(learner: nn.Module, rate: float) -> list[dict]:
    """What learns, by peak rate: for the optimiser."""
    by_rate: dict[float, list] = {}
    for name, weight in learner.named_parameters():
        if weight.requires_grad:
            faster = (times for start, times in _FASTER.items() if name.startswith(start))
            by_rate.setdefault(rate * next(faster, 1.0), []).append(weight)
    return [{"params": params, "lr": lr} for lr, params in sorted(by_rate.items())]


def first_new_token(control: dict[str, int], vocabulary: int) -> int | None:
    """The id from which on there are only tags, where the tokenizer ends with them: their rows
    are for stage 1 to learn."""
    tags = {control[tag] for tag in TAGS if tag in control}
    first = vocabulary
    while first - 1 in tags:
        first -= 1
    return first if first < vocabulary else None


class Tags:
    """Stage 1: the clip, the tags of the task, the answer and the end."""

    def __init__(self, renderer: Renderer):
        self.renderer = renderer

    def __call__(self, units: Sequence[Unit], n_samples: int, draw) -> list[Dialogue]:
        """A prompt for each row about clips that all fill `n_samples`."""
        window = Window(Clip(np.empty(n_samples, np.float32), ""), 0, n_samples)
        return [self._answered(window, row) for unit in units for row in unit]

    def _answered(self, window: Window, row: data.Row) -> Dialogue:
        asked = self.renderer.tagged(window, row.asked(), row.question).ids
        tokens = self.renderer.tokenizer
        answer = [*tokens.encode(row.text), tokens.control[END_OF_TEXT]]
        return Dialogue(asked + answer, [IGNORED] * len(asked) + answer)

    def alone(self, draw) -> list[Dialogue]:
        """No talk without sound."""
        return []


class Chat:
    """Stage 2: conversations about clips; now and then of text alone, from the file `talks`."""

    def __init__(self, renderer: Renderer, talks: Path | None = None):
        self.renderer = renderer
        self.talks = talk.read(talks) if talks else []
        self.small = small_talk(self.talks)

    def __call__(self, units: Sequence[Unit], n_samples: int, draw) -> list[Dialogue]:
        """Conversations about clips that all fill `n_samples`, in their order."""
        facts = [Facts.of(unit, n_samples) for unit in units]
        said = converse(facts, self.small, random.Random(int(draw.integers(1 << 62))))
        return [render(self.renderer, turns) for turns in said]

    def alone(self, draw) -> list[Dialogue]:
        """Conversations without sound: none, or a batch of them."""
        if not self.talks:
            return []
        some = draw.choice(len(self.talks), min(TALK, len(self.talks)), replace=False)
        few = [self.talks[i] for i in some]
        return [render(self.renderer, turns, whole=whole) for turns, whole in few]


class Batches(Dataset):
    """Whole batches by number: tensors for a Learner. `spoken` gives the tokens that a reading by
    CTC should find in a row, or none."""

    def __init__(
        self,
        mixture: Mixture,
        ask: Tags | Chat,
        *,
        rough: float,
        spoken: Callable[[data.Row], Sequence[int]] | None = None,
    ):
        self.mixture, self.ask, self.rough, self.spoken = mixture, ask, rough, spoken

    def __len__(self) -> int:
        return 1 << 40  # it never ends; a run stops by steps or by the clock

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        draw = np.random.default_rng((self.mixture.seed, 3, number))
        together = np.random.default_rng((self.mixture.seed, 4, number // NEIGHBOURS))
        if together.random() < TALK_SHARE and (alone := self.ask.alone(draw)):
            return dict(zip(("ids", "labels"), padded(alone), strict=True))
        batch = self.mixture[number]
        made = {"mels": self._mels(batch, draw)}
        made["ids"], made["labels"] = padded(self.ask(batch.units, batch.n_samples, draw))
        if self.spoken is not None:
            read = [self.spoken(unit[0]) for unit in batch.units]
            if any(read):
                made["spoken"] = _rows(read, -1, 1)
        return made

    def _mels(self, batch: Batch, draw: np.random.Generator) -> torch.Tensor:
        waves, hidden = [], []
        for unit, speed in zip(batch.units, batch.speeds, strict=True):
            sound = data.samples(unit[0])
            sound = sound if speed == 1 else augment.stretched(sound, speed)
            wave, _ = augment.placed(sound, batch.n_samples, draw)
            hidden.append(draw.random() < self.rough)
            if hidden[-1]:
                wave = augment.roughened(wave, draw)
            waves.append(augment.levelled(wave, draw) if self.rough else wave)
        mels = augment.log_mel(torch.from_numpy(np.stack(waves)))
        for mel, is_hidden in zip(mels, hidden, strict=True):
            if is_hidden:
                augment.masked(mel, draw)
        return mels


def padded(dialogues_: Sequence[Dialogue]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels (dialogues, n), padded on the right."""
    ids = _rows([d.ids for d in dialogues_], 0, _ROUND)
    return ids, _rows([d.labels for d in dialogues_], IGNORED, _ROUND)


def _rows(rows: Sequence[Sequence[int]], fill: int, step: int) -> torch.Tensor:
    longest = max(1, -(-max(map(len, rows)) // step)) * step
    table = torch.full((len(rows), longest), fill)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = torch.tensor(row, dtype=torch.long)
    return table
