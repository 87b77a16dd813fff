"""What another model would say next of the words of a clip, as something to learn from beside the
words themselves (distillation: Hinton, Vinyals, Dean, arXiv 1503.02531, section 2): a model that
lost words while it learned other things regains them in a fraction of the steps.
"""

from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, kl_div

from model import checkpoint
from model.errors import EarshotError
from model.placement import Placement, pick_dtype
from model.qwen_audio import QwenAudio

SHARE = 0.6  # of the loss of a transcript's words


class UnlikeTeacher(EarshotError):
    """It has other tokens, or slots of another length, than the model that learns."""


def opened(folder: Path, learning: QwenAudio, device: torch.device) -> QwenAudio:
    """The teacher, frozen, in 16 bits. Raises UnlikeTeacher, NoWeights."""
    told, mine = checkpoint.read_config(folder), learning.config
    alike = ("pool", "pool_size", "audio_pad_id", "audio_start_id", "audio_end_id", "chats")
    same = all(getattr(told, name) == getattr(mine, name) for name in alike)
    if not same or told.text_config.vocab_size != mine.text_config.vocab_size:
        raise UnlikeTeacher(
            f"{folder} cannot teach this model: its tokens, or its slots of sound, are others."
        )
    where = Placement(device, pick_dtype(device, small=False), 16)
    return checkpoint.load(folder, where).requires_grad_(False)


def loss(logits: torch.Tensor, wanted: torch.Tensor, taught: torch.Tensor, teachers: torch.Tensor):
    """Summed over labels: of logits (n, vocabulary) for the tokens `wanted` (n,). Where `taught`
    (n,) is True, SHARE of it is the divergence from the teacher's logits (taught, vocabulary)."""
    each = cross_entropy(logits, wanted, reduction="none")
    target = teachers.log_softmax(-1)
    apart = kl_div(logits[taught].log_softmax(-1), target, log_target=True, reduction="sum")
    return each[~taught].sum() + (1 - SHARE) * each[taught].sum() + SHARE * apart
