"""A table of token embeddings that stays in the processor's memory, for GPUs that have little."""

import torch
from torch import nn


class CpuEmbedding(nn.Embedding):
    """Looks rows up on the processor; they go to wherever the ids came from. Not for what is
    captured in a CUDA graph, which cannot read the processor's memory."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids of any shape -> vectors (..., width) on the device of the ids."""
        return super().forward(ids.to(self.weight.device)).to(ids.device)
