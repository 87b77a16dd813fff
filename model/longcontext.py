"""The two rules by which Qwen reads past the 2048 positions it was trained on. Pure functions.

Dynamic NTK widens the rotary base with the length of the prompt; log-n attention sharpens the
queries that look back further than training ever did. Source: the published Qwen-7B configuration
(`use_dynamic_ntk`, `use_logn_attn`); log-n is Chiang and Cholak, arXiv 2202.12172.
"""

import math

import torch

from model.layers import Rotary


def ntk_alpha(n_prompt: int, trained: int) -> float:
    """1 up to the trained length, 3 up to twice it, 7 up to four times it, and so on.

    Fixed by the length of the prompt when it is first read; what is decoded after it keeps it.
    Keys and values computed under another alpha are of no use: every layer has seen it.
    """
    if n_prompt <= trained:
        return 1.0
    return float(2 ** math.ceil(math.log2(n_prompt / trained) + 1) - 1)


def rotary(
    positions: torch.Tensor,
    width: int,
    base: float,
    alpha: float,
    dtype: torch.dtype,
    *,
    scale: torch.Tensor | None = None,
    heads: tuple[int, int] = (1, 1),
) -> Rotary:
    """What turns queries and keys of `width` at positions (batch, n), by halves.

    `scale` (batch, n) is what queries are multiplied by besides; then there are a row for each of
    `heads`: how many of queries, how many of keys.
    """
    base = base * alpha ** (width / (width - 2))
    powers = torch.arange(0, width, 2, dtype=torch.float32, device=positions.device) / width
    angles = (positions[..., None].float() * (1.0 / base**powers))[:, :, None]
    cos, sin = angles.cos(), angles.sin()  # (batch, n, 1, width / 2)
    cos, sin = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)
    if scale is not None:
        of_queries = scale[..., None].expand(-1, -1, heads[0])
        of_keys = torch.ones_like(scale)[..., None].expand(-1, -1, heads[1])
        scales = torch.cat((of_queries, of_keys), -1)[..., None]  # (batch, n, heads, 1)
        cos, sin = cos * scales, sin * scales
    return Rotary(cos.to(dtype), sin.to(dtype))


def logn_scale(positions: torch.Tensor, trained: int) -> torch.Tensor:
    """What queries at 0-based positions (batch, n) are multiplied by: log_trained(position + 1)
    beyond the trained length, 1 before it."""
    return (torch.log((positions + 1).float()) / math.log(trained)).clamp(min=1.0)
