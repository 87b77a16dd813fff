"""Log-mel to vectors the language model reads: a Whisper encoder, pooling, a projection, and two
boundary vectors. Knows nothing of text.

Source: Qwen-Audio, arXiv 2311.07919, section 3.1; Whisper, arXiv 2212.04356.
"""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2AudioEncoderConfig

from model.layers import EncoderLayer, initialise
from model.mel import n_frames


def n_steps(frames: int) -> int:
    """Encoder steps of 20 ms for mel frames of 10 ms: the second convolution has stride 2."""
    return (frames + 1) // 2


class AudioEncoder(nn.Module):
    """Qwen-Audio's ear. `pool` is "mean" (Qwen-Audio: 2 steps averaged, 40 ms a slot) or "stack"
    (Earshot-mini: 4 steps side by side, 80 ms a slot); `out_norm` scales the vectors to the
    size of word embeddings. With `recomputes`, gradients take little memory and more time."""

    def __init__(self, config: Qwen2AudioEncoderConfig, width_out: int):
        super().__init__()
        self.config, self.recomputes = config, False
        width = config.d_model
        pooled = width * config.pool_size if config.pool == "stack" else width
        self.conv1 = nn.Conv1d(config.num_mel_bins, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(config.max_source_positions, width))
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.ln_post = nn.LayerNorm(pooled)
        self.proj = nn.Linear(pooled, width_out)
        self.out_norm = nn.RMSNorm(width_out, eps=1e-6) if config.out_norm else nn.Identity()
        self.boundary = nn.Embedding(2, width_out)  # rows: before a window, after it
        initialise(self, config.initializer_range)
        nn.init.normal_(self.positions, std=config.initializer_range)

    def n_slots(self, frames: int) -> int:
        """Vectors for this many mel frames, the two boundary vectors not counted."""
        return n_steps(frames) // self.config.pool_size

    def n_slots_of(self, n_samples: int) -> int:
        """The same, for this many samples of one window."""
        return self.n_slots(n_frames(n_samples))

    def trunk(
        self,
        mels: torch.Tensor,
        frames: list[int],
        outputs: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """(windows, mels, 3000), mel frames that hold sound -> (windows, steps, width). What each
        layer puts out, of the same shape, is appended to `outputs` where one is given.

        Several windows together are cut to the longest before the convolutions, as the original
        does: the last steps of a shorter one then see its padding, where alone they see zeros.
        """
        steps = torch.tensor([n_steps(n) for n in frames], device=mels.device)
        longest = int(steps.max())
        x = mels[:, :, : 2 * longest].to(self.conv1.weight.dtype)
        x = nn.functional.gelu(self.conv1(x))
        x = nn.functional.gelu(self.conv2(x)).transpose(1, 2)  # (windows, steps, width)
        x = x + self.positions[:longest]
        mask = None
        if (steps != longest).any():
            sounding = torch.arange(longest, device=x.device) < steps[:, None]
            x = x * sounding[..., None]
            mask = sounding[:, None, None]  # (windows, 1, 1, steps)
        for layer in self.layers:
            if self.recomputes and torch.is_grad_enabled():
                x = checkpoint(layer, x, mask, use_reentrant=False)
            else:
                x = layer(x, mask)
            if outputs is not None:
                outputs.append(x)
        return x

    def project(self, steps: torch.Tensor) -> torch.Tensor:
        """(windows, steps, width) -> (windows, slots, width of the language model)."""
        windows, n, width = steps.shape
        size = self.config.pool_size
        groups = steps[:, : n // size * size].reshape(windows, n // size, size, width)
        pooled = groups.flatten(2) if self.config.pool == "stack" else groups.mean(2)
        return self.out_norm(self.proj(self.ln_post(pooled)))

    def forward(self, mels: torch.Tensor, frames: list[int]) -> list[torch.Tensor]:
        """Each window's span: (slots + 2, width), boundary vectors included."""
        vectors = self.project(self.trunk(mels, frames))
        return [
            self.bounded(row[: self.n_slots(n)]) for row, n in zip(vectors, frames, strict=True)
        ]

    def bounded(self, slots: torch.Tensor) -> torch.Tensor:
        """(slots, width) -> (slots + 2, width): between the two boundary vectors."""
        return torch.cat((self.boundary.weight[:1], slots, self.boundary.weight[1:]))
