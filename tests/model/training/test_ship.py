"""Merged, rounded, written, and opened again."""

import pytest
import torch

from model import checkpoint, quantize
from model.placement import Placement
from model.training import ship
from tests.model.conftest import tiny_model

CPU = torch.device("cpu")
FULL = Placement(CPU, torch.float32, 32)
SIZES = {"tie_word_embeddings": True, "pool": "stack", "pool_size": 4, "out_norm": True}


def logits(model):
    ids = torch.arange(40)[None] * 3 % 256
    with torch.inference_mode():
        return model.float()(ids).logits


def adapted(seed=0):
    """A tiny model with LoRA adapters that have learned something, and its logits."""
    from peft import LoraConfig, get_peft_model

    model = tiny_model(seed, **SIZES)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj", "down_proj"])
    wrapped = get_peft_model(model, lora).eval()
    for name, weight in wrapped.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.05)
    return wrapped, logits(wrapped)


def test_adapters_are_merged_exactly():
    wrapped, wanted = adapted()
    merged = ship.plain(wrapped)
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert merged.head.weight is merged.llm.embed_tokens.weight
    torch.testing.assert_close(logits(merged), wanted, atol=1e-4, rtol=1e-4)


def test_adapters_on_4_bit_weights_are_merged_exactly(tmp_path):
    from peft import LoraConfig, get_peft_model

    checkpoint.save(tiny_model(**SIZES), tmp_path)
    model = checkpoint.load(tmp_path, Placement(CPU, torch.float32, 4))
    wrapped = get_peft_model(model, LoraConfig(r=4, target_modules=["up_proj"])).eval()
    torch.nn.init.normal_(
        wrapped.get_submodule("base_model.model.llm.layers.0.mlp.up_proj.lora_B").default.weight
    )
    wrapped.train()  # or the processor's kernel computes in bfloat16
    wanted = logits(wrapped)
    torch.testing.assert_close(logits(ship.plain(wrapped)), wanted, atol=2e-2, rtol=2e-2)


PROMPTS = [torch.randn(30, 64) for _ in range(4)]


@pytest.mark.parametrize("bits, heard", [(4, None), (4, PROMPTS), (16, None)])
def test_the_folder_opens_as_what_was_written(tmp_path, bits, heard):
    wrapped, _ = adapted()
    written = ship.export(wrapped, tmp_path, bits=bits, calibration=heard)
    assert checkpoint.is_prequantised(tmp_path) == (bits == 4)
    again = checkpoint.load(tmp_path, FULL)
    for name, layer in written.named_modules():
        if isinstance(layer, torch.nn.Linear) and name.startswith("llm."):
            assert torch.equal(quantize.weight_of(layer).float(), again.get_submodule(name).weight)
            assert quantize.is_quantised(layer) == (bits == 4)
    unpacked = ship.plain(written)
    unpacked.llm.embed_tokens.weight.data = again.llm.embed_tokens.weight.data  # 8 bits when stored
    unpacked.head.weight = unpacked.llm.embed_tokens.weight
    assert torch.equal(logits(unpacked), logits(again))


def test_a_4_bit_folder_is_opened_in_4_bits_as_it_was_rounded(tmp_path):
    written = ship.export(tiny_model(**SIZES), tmp_path, calibration=PROMPTS)
    again = checkpoint.load(tmp_path, Placement(CPU, torch.float32, 4))
    for name, layer in again.named_modules():
        if quantize.is_quantised(layer):
            as_written = quantize.weight_of(written.get_submodule(name))
            assert torch.equal(quantize.weight_of(layer), as_written)


def test_an_export_over_another_leaves_nothing_of_it(tmp_path):
    (tmp_path / "model-00007-of-00009.safetensors").write_bytes(b"old")
    ship.export(tiny_model(**SIZES), tmp_path)
    assert [file.name for file in tmp_path.glob("*.safetensors")] == ["model.safetensors"]
