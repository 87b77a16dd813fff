"""The stages as data: what learns, how fast, and what is asked. Runs no step.

warmstart  the ear reads by itself (model/training/ctc.py); the language model does not run
pretrain   many tasks by their tags; the language model is frozen, the ear learns to speak its
           language (Qwen-Audio, arXiv 2311.07919, section 3.2)
sft        conversations in ChatML; the ear is fixed, the language model learns (section 3.3)
joint      conversations; the ear and the language model's adapters learn together (the paper has no
           such stage: a small language model leaves more for the ear to learn)
adapt      sft on recordings of one's own
notes      conversations from notes of recordings, without any sound: the upper layers of the
           language model learn to quote what was heard (model/training/heard_passages.py); of
           manifests it takes what is said in English, to make some of its passages of
"""

from dataclasses import dataclass, field

from torch import nn

from model.training import carry

CARRIED_FASTER = 7.0  # what reads the carried (model/training/carry.py): it begins at zero
TAGS, CHAT, NOTES, READS = "tags", "chat", "notes", ""  # what is asked; READS: the ear reads


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`learns` are beginnings of names; `rate` is the peak, times what `faster` says of a name."""

    learns: tuple[str, ...]
    asks: str  # TAGS, CHAT, NOTES or READS
    rate: float
    rough: float  # share of clips that is roughened
    plainly: float = 0.0  # share of batches of conversations with nothing made of the rows
    beside: float = 0.0  # share of them with several conversations about each clip
    fixed: float = 0.0  # share of the language model's layers, the first ones, that stay
    faster: dict[str, float] = field(default_factory=dict)

    @property
    def hears(self) -> bool:
        """Whether the ear learns."""
        return any(name.startswith("model.audio") for name in self.learns)

    @property
    def speaks(self) -> bool:
        """Whether the language model learns."""
        return any(name.startswith("model.llm") for name in self.learns)


_OLD = ("model.audio.layers.", "model.audio.ln_post", "model.audio.proj")
_NEW = ("reader.", "new_rows", "model.audio.boundary", "model.audio.out_norm")
_LLM = "model.llm."
_EAR_FIRST = dict.fromkeys(_NEW, 10.0) | dict.fromkeys(_OLD[1:], 3.0)
STAGES = {
    "warmstart": Stage(
        learns=(*_OLD, "reader."),
        asks=READS,
        rate=2e-4,
        rough=0.8,
        faster=dict.fromkeys((*_NEW, *_OLD[1:]), 10.0),
    ),
    "pretrain": Stage(learns=(*_OLD, *_NEW), asks=TAGS, rate=1e-4, rough=0.5, faster=_EAR_FIRST),
    "sft": Stage(learns=(_LLM,), asks=CHAT, rate=2e-4, rough=0.3, beside=0.8),
    "joint": Stage(
        learns=(_LLM, *_OLD, *(name for name in _NEW if name != "new_rows")),
        asks=CHAT,
        rate=5e-5,
        rough=0.4,
        beside=0.8,
        faster=_EAR_FIRST | {_LLM: 16.0},
    ),
    "adapt": Stage(learns=(_LLM,), asks=CHAT, rate=5e-4, rough=0.3, plainly=0.7),
    "notes": Stage(learns=(_LLM,), asks=NOTES, rate=3e-4, rough=0.0, fixed=0.27),
}


def groups(learner: nn.Module, stage: Stage, rate: float) -> list[dict]:
    """What learns, by peak rate (`rate` for what is not new): for the optimiser."""
    by_rate: dict[float, list] = {}
    for name, weight in learner.named_parameters():
        if weight.requires_grad:
            faster = next((n for start, n in stage.faster.items() if name.startswith(start)), 1.0)
            faster *= CARRIED_FASTER if name.endswith(carry.OWN) else 1.0
            by_rate.setdefault(rate * faster, []).append(weight)
    return [{"params": params, "lr": lr} for lr, params in sorted(by_rate.items())]
