"""Random weights that behave as trained ones do where it counts."""

import torch
from safetensors.torch import load_file

from benchmarks import synthetic


def test_no_two_rows_are_alike(tmp_path):
    """Else the likeliest token is a tie between hundreds."""
    synthetic.write(tmp_path, synthetic.TOY, shard_bytes=1 << 30)
    (file,) = tmp_path.glob("*.safetensors")
    weights = load_file(file)
    for name in ("lm_head.weight", "transformer.wte.weight"):
        assert len(weights[name].unique(dim=0)) == len(weights[name]), name
    heads = [weights[f"transformer.h.{n}.attn.c_proj.weight"] for n in range(2)]
    assert not torch.equal(*heads)


def test_wide_rows_are_not_alike_either():
    rows = synthetic._filled(torch.randn(synthetic._GRAIN), (2_100, 4096), "lm_head.weight")
    assert len(rows[:, :4].unique(dim=0)) == len(rows)
