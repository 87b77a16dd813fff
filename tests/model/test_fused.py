"""Layers in their two forms: the same numbers, and the same files."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import synthetic
from model import checkpoint, quantize
from model.errors import NoWeights
from model.fused import part_names, take_apart, whole_name
from model.placement import Placement
from tests.model.conftest import tiny_model

CPU = torch.device("cpu")
FULL = Placement(CPU, torch.float32, 32)
NF4 = Placement(CPU, torch.float32, 4)
ALIGNED = {"hidden_size": 256, "kv_channels": 128, "vocab_size": 2048}  # 1024 blocks in q, k and v
SIZES = {
    "rows of whole blocks of blocks": synthetic.TOY | ALIGNED,
    "others": synthetic.TOY | {"vocab_size": 2048, "intermediate_size": 640},
}


@pytest.fixture(scope="module", params=SIZES.values(), ids=SIZES)
def official(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    synthetic.write(folder, request.param)
    return folder


def logits(model, n=5):
    torch.manual_seed(0)
    embeds = torch.randn(1, n, model.config.text_config.hidden_size)
    with torch.inference_mode():
        return model.head(model.read(embeds, alpha=1.0))


def weights(model):
    """Every linear layer's weight, by the names in files."""
    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name.startswith("llm."):
            rows = model.get_submodule(name.rpartition(".")[0])
            names = part_names(f"{name}.weight")
            sizes = rows.rows if len(names) > 1 else [layer.out_features]
            found |= zip(names, quantize.weight_of(layer).float().split(sizes), strict=True)
    return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def test_a_fused_parameter_and_its_rows_know_each_other():
    name = "llm.layers.3.self_attn.k_proj.bias"
    assert whole_name(name) == "llm.layers.3.self_attn.qkv_proj.bias"
    assert name in part_names(whole_name(name))
    assert whole_name("audio.layers.3.self_attn.k_proj.weight") is None
    assert whole_name("llm.layers.3.self_attn.o_proj.weight") is None


@pytest.mark.parametrize("kwargs", [{"kv_heads": 4}, {"kv_heads": 2}, {"kv_heads": 1}])
def test_both_forms_compute_the_same(tmp_path, kwargs):
    apart = tiny_model(trained=16, **kwargs)  # 40 positions: queries are scaled, too
    checkpoint.save(apart, tmp_path)
    fused = checkpoint.load(tmp_path, replace(FULL, fused=True))
    assert hasattr(fused.llm.layers[0].self_attn, "qkv_proj")
    torch.testing.assert_close(logits(fused, 40), logits(apart, 40), atol=2e-5, rtol=1e-5)


def test_an_official_checkpoint_opens_in_both_forms(official):
    apart, fused = (checkpoint.load(official, replace(FULL, fused=form)) for form in (False, True))
    assert_same(weights(fused), weights(apart))
    torch.testing.assert_close(logits(fused), logits(apart), atol=1e-5, rtol=1e-5)
    before = logits(fused)
    take_apart(fused)
    assert fused.state_dict().keys() == apart.state_dict().keys()
    torch.testing.assert_close(logits(fused), before, atol=1e-5, rtol=1e-5)


def test_files_hold_weights_apart_in_either_form(official, tmp_path):
    for form in (False, True):
        checkpoint.save(checkpoint.load(official, replace(FULL, fused=form)), tmp_path / str(form))
    one, other = (load_file(tmp_path / str(form) / "model.safetensors") for form in (False, True))
    assert_same(one, other)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("read", [False, True])
def test_a_4_bit_folder_opens_in_both_forms_as_it_was_saved(official, tmp_path, saved, read):
    """Also one whose queries, keys and values were packed each by itself, as all were once."""
    written = checkpoint.load(official, replace(NF4, fused=saved))
    wanted = weights(written)
    checkpoint.save(written, tmp_path)
    again = checkpoint.load(tmp_path, replace(NF4, fused=read))
    n_layers = len(again.llm.layers)
    assert sum(map(quantize.is_quantised, again.modules())) == (4 if read else 7) * n_layers
    assert_same(weights(again), wanted)
    assert_same(weights(checkpoint.load(tmp_path, replace(FULL, fused=read))), wanted)
    near, far = logits(again), logits(checkpoint.load(official, FULL))
    assert torch.nn.functional.cosine_similarity(near, far, dim=-1).min() > 0.95


def test_what_was_rounded_together_takes_no_more_room_when_it_is_read(official, tmp_path):
    written = checkpoint.load(official, replace(NF4, fused=True))
    size = quantize.footprint(written)
    checkpoint.save(written, tmp_path)
    again = quantize.footprint(checkpoint.load(tmp_path, replace(NF4, fused=True)))
    aligned = written.config.text_config.hidden_size == ALIGNED["hidden_size"]
    assert again == size if aligned else size < again < 1.1 * size


def test_in_8_bits_both_forms_hold_the_same(official):
    where = Placement(CPU, torch.float32, 8)
    apart, fused = (checkpoint.load(official, replace(where, fused=form)) for form in (False, True))
    assert sum(map(quantize.is_quantised, fused.modules())) == 4 * len(fused.llm.layers)
    torch.testing.assert_close(logits(fused), logits(apart), atol=2e-2, rtol=2e-2)


def test_rows_that_are_missing_are_named_as_files_name_them(official, tmp_path):
    checkpoint.save(checkpoint.load(official, FULL), tmp_path)
    file = tmp_path / "model.safetensors"
    lacking = "llm.layers.1.self_attn.v_proj.bias"
    kept = {name: tensor for name, tensor in load_file(file).items() if name != lacking}
    save_file(kept, file)
    with pytest.raises(NoWeights, match=rf"lacks 1 weights \({lacking}"):
        checkpoint.load(tmp_path, replace(FULL, fused=True))


def test_a_layer_too_many_is_refused_by_its_name_in_the_file(tmp_path):
    checkpoint.save(tiny_model(), tmp_path)
    file = tmp_path / "model.safetensors"
    stranger = "llm.layers.2.self_attn.q_proj.weight"
    save_file(load_file(file) | {stranger: torch.zeros(64, 64)}, file)
    with pytest.raises(NoWeights, match=f"holds {stranger}, a weight that its config.json has no"):
        checkpoint.load(tmp_path, replace(FULL, fused=True))
