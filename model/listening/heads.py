"""Linear heads on the encoder's layers: the kind of sound, the voice, the instrument's family, and
the language, beside Whisper's own guess. Each says how sure it is.

What a head reads is the mean and the standard deviation of some layers over the steps that sound.
The encoder is Whisper's, untouched, and the window padded as the reader hears it: that is how the
heads were taught (model/training/heads.py). Confidence is calibrated: temperature scaling, arXiv
1706.04599.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

from model.encoder import n_steps
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, Label

SILENCE, SPEECH, VOCAL, INSTRUMENT = "silence", "speech", "vocal sound", "instrument"
VOICED = {SPEECH, VOCAL}  # kinds with a voice
FAINT = 1.0  # of the log-mel as Whisper scales it, below the loudest band of the window: 40 dB
REST = "*"  # in the names of the language head: every language it has no row for
_SMALLEST = 1e-6  # probability: what a language that Whisper rules out still has


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """One head. A finding less confident than its `sure_from` is not sure."""

    names: tuple[str, ...]  # of its classes, in the order of its rows
    layers: tuple[int, ...]  # of the encoder that it reads, counted from 0
    sure_from: tuple[float, ...]  # of each name

    def __post_init__(self):
        for field in ("names", "layers", "sure_from"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if len(self.names) < 2 or len(self.names) != len(self.sure_from):
            raise ValueError(
                f"a head tells at least two things apart, each with a confidence from which it is "
                f"sure; got {self.names}, {self.sure_from}"
            )

    def is_sure(self, name: str, confidence: float) -> bool:
        """Whether a finding of this name is as confident as it must be."""
        return confidence >= self.sure_from[self.names.index(name if name in self.names else REST)]


@dataclass(frozen=True)
class HeadsConfig:
    """The key `heads` of config.json: each head by what it is about (KIND, VOICE, FAMILY,
    LANGUAGE)."""

    heads: Mapping[str, HeadConfig]

    @classmethod
    def of(cls, data: Mapping) -> "HeadsConfig":
        """From JSON. Raises ValueError or TypeError where it makes no sense."""
        if unknown := data.keys() - {KIND, VOICE, FAMILY, LANGUAGE}:
            raise ValueError(f"no head is about {', '.join(sorted(unknown))}")
        if KIND not in data:
            raise ValueError("there must be a head for the kind of sound")
        return cls({about: HeadConfig(**head) for about, head in data.items()})

    def as_data(self) -> dict:
        """As JSON has it."""
        return {about: asdict(head) for about, head in self.heads.items()}


class Head(nn.Module):
    """One linear layer on standardised features. It computes in float32, whatever its numbers are
    stored in."""

    def __init__(self, config: HeadConfig, encoder_width: int):
        super().__init__()
        self.config, width = config, 2 * encoder_width * len(config.layers)
        self.mean = nn.Parameter(torch.zeros(width))
        self.scale = nn.Parameter(torch.ones(width))
        self.weight = nn.Parameter(torch.zeros(len(config.names), width))
        self.bias = nn.Parameter(torch.zeros(len(config.names)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features of all layers (layers, 2 · width of the encoder) -> logits (classes,)."""
        read = features[list(self.config.layers)].flatten().float()
        standard = (read - self.mean.float()) / self.scale.float()
        return standard @ self.weight.float().T + self.bias.float()


class LanguageHead(Head):
    """Adds to Whisper's log-probability of each language, weighed by `trust`, what the features
    say for it. The languages without a row of their own share one."""

    def __init__(self, config: HeadConfig, encoder_width: int):
        super().__init__(config, encoder_width)
        self.trust = nn.Parameter(torch.ones(1))

    def combine(self, logits: torch.Tensor, heard: Mapping[str, float]) -> dict[str, float]:
        """Logits (classes,) and Whisper's probabilities by language code -> probabilities."""
        row = {name: i for i, name in enumerate(self.config.names)}
        codes = list(heard)
        own = logits.cpu()[[row.get(code, row[REST]) for code in codes]]
        whisper = torch.tensor([heard[code] for code in codes]).clamp_min(_SMALLEST).log()
        joint = (self.trust.float().cpu() * whisper + own).softmax(0)
        return dict(zip(codes, joint.tolist(), strict=True))


class Heads(nn.Module):
    """All heads of a checkpoint: its tensors `heads.*`."""

    def __init__(self, config: HeadsConfig, width: int):
        super().__init__()
        self.config = config
        for about, head in config.heads.items():
            kind = LanguageHead if about == LANGUAGE else Head
            self.add_module(_attribute(about), kind(head, width))

    @torch.inference_mode()
    def labels(self, features: torch.Tensor) -> tuple[Label, ...]:
        """The findings about a window, of which `summary` made the features (layers, 2 · width):
        its kind, then what suits that kind. Of the language see `languages`."""
        kind = self.label(KIND, features)
        found = [kind]
        if kind.name in VOICED and VOICE in self.config.heads:
            found.append(self.label(VOICE, features))
        if kind.name == INSTRUMENT and FAMILY in self.config.heads:
            found.append(self.label(FAMILY, features))
        return tuple(found)

    @torch.inference_mode()
    def label(self, about: str, features: torch.Tensor) -> Label:
        """What one head finds, whatever the kind of sound: KIND, VOICE or FAMILY."""
        head = getattr(self, _attribute(about))
        chances = head(features).softmax(0).tolist()
        name, confidence = max(zip(head.config.names, chances, strict=True), key=lambda x: x[1])
        return self.judged(about, name, confidence)

    @torch.inference_mode()
    def languages(self, features: torch.Tensor, spoken: Mapping[str, float]) -> dict[str, float]:
        """The probability of each language, by the head and by Whisper's probabilities together;
        these as they are where there is no such head."""
        if LANGUAGE not in self.config.heads:
            return dict(spoken)
        head = getattr(self, _attribute(LANGUAGE))
        return head.combine(head(features), spoken)

    def judged(self, about: str, name: str, confidence: float) -> Label:
        """A finding as confident as this, and whether that is sure."""
        return Label(about, name, confidence, self.config.heads[about].is_sure(name, confidence))


def _attribute(about: str) -> str:
    return about.replace(" ", "_")  # no module's name may hold a space


def silence() -> tuple[Label, ...]:
    """The finding about a window whose level says that there is nothing in it."""
    return (Label(KIND, SILENCE, 1.0),)


def sounding(mels: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
    """The log-mel (windows, mels, 3000) and the frames that hold sound -> which of the encoder's
    steps are less than 40 dB below the loudest one, (windows, steps)."""
    loudest = mels.amax(1)  # (windows, 3000)
    steps = torch.maximum(loudest[:, ::2], loudest[:, 1::2])  # (windows, 1500)
    n = torch.tensor([n_steps(count) for count in frames], device=mels.device)
    held = torch.arange(steps.shape[1], device=mels.device) < n[:, None]
    top = steps.masked_fill(~held, -torch.inf).amax(1, keepdim=True)
    return held & (steps >= top - FAINT)


def summary(
    outputs: Sequence[torch.Tensor], mels: torch.Tensor, frames: Sequence[int]
) -> torch.Tensor:
    """What the encoder's layers put out (windows, steps, width), the log-mel (windows, mels, 3000)
    and the frames of each window that hold sound, without padding -> mean and standard deviation of
    each layer over the steps that sound: (windows, layers, 2 · width) float32."""
    mask = sounding(mels, frames)[:, : outputs[0].shape[1], None].float()
    n = mask.sum(1)
    found = []
    for layer in outputs:
        steps = layer.float()
        mean = (steps * mask).sum(1) / n
        spread = ((steps - mean[:, None]).square() * mask).sum(1) / n
        found.append(torch.cat((mean, spread.sqrt()), 1))
    return torch.stack(found, 1)
