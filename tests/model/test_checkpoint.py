"""Official folders, 4-bit folders, and folders that are wrong."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import synthetic
from model import checkpoint, quantize
from model.errors import NoRoom, NoWeights
from model.placement import Counts, Placement, place

CPU = torch.device("cpu")
FULL = Placement(CPU, torch.float32, 32)
NF4 = Placement(CPU, torch.float32, 4)
SIZES = synthetic.TOY | {"vocab_size": 2048}


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    synthetic.write(folder, SIZES, shard_bytes=1 << 20)
    assert len(list(folder.glob("*.safetensors"))) > 2
    return folder


@pytest.fixture(scope="module")
def whole(official):
    return checkpoint.load(official, FULL)


@pytest.fixture(scope="module")
def packed(official, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    checkpoint.save(checkpoint.load(official, NF4), folder)
    return folder


def logits(model):
    torch.manual_seed(0)
    embeds = torch.randn(1, 5, SIZES["hidden_size"])
    with torch.inference_mode():
        return model.head(model.read(embeds, alpha=1.0))


def test_every_official_name_has_a_place():
    names = synthetic.official_shapes(synthetic.FULL)
    ours = {
        part
        for name in names
        for part in (
            [checkpoint.rename(name).replace("{qkv}", letter) for letter in "qkv"]
            if "{qkv}" in checkpoint.rename(name)
            else [checkpoint.rename(name)]
        )
    }
    config = checkpoint._translate(synthetic.official_config(synthetic.FULL))
    model = checkpoint.empty(config)
    assert ours == {name for name, _ in model.named_parameters()}
    assert sum(p.numel() for p in model.parameters()) == sum(
        torch.Size(shape).numel() for shape in names.values()
    )
    assert checkpoint.count_weights(config).all == pytest.approx(8.4e9, rel=0.01)


def test_stacked_weights_are_taken_apart_in_order(official, whole):
    name = "transformer.h.1.attn.c_attn.weight"
    file = json.loads((official / "model.safetensors.index.json").read_text())["weight_map"][name]
    stacked = load_file(official / file)[name].float()
    layer = whole.llm.layers[1].self_attn
    ours = torch.cat([layer.q_proj.weight, layer.k_proj.weight, layer.v_proj.weight])
    assert torch.equal(ours, stacked)


def test_only_the_language_models_linear_layers_become_4_bit(official):
    model = checkpoint.load(official, NF4)
    small = {name for name, layer in model.named_modules() if quantize.is_quantised(layer)}
    assert len(small) == 7 * SIZES["num_hidden_layers"]
    assert all(name.startswith("llm.layers.") for name in small)
    with_head = checkpoint.load(official, replace(NF4, quantise_head=True))
    assert quantize.is_quantised(with_head.head)


def test_the_saved_4_bit_form_stands_without_the_original(official, packed):
    again = checkpoint.load(packed, NF4)
    assert checkpoint.is_prequantised(packed)
    assert not checkpoint.is_prequantised(official)
    assert torch.equal(logits(again), logits(checkpoint.load(official, NF4)))


def test_4_bit_stays_near_16_bit(whole, packed):
    near, far = logits(checkpoint.load(packed, NF4)), logits(whole)
    assert torch.nn.functional.cosine_similarity(near, far, dim=-1).min() > 0.95
    assert not torch.equal(near, far)


def test_a_4_bit_folder_unpacked_computes_the_same(packed):
    four, unpacked = checkpoint.load(packed, NF4), checkpoint.load(packed, FULL)
    assert not any(quantize.is_quantised(layer) for layer in unpacked.modules())
    torch.testing.assert_close(logits(unpacked), logits(four), atol=2e-2, rtol=2e-2)


def test_8_bit_stays_near_16_bit(official, whole):
    eight = checkpoint.load(official, Placement(CPU, torch.float32, 8))
    assert torch.nn.functional.cosine_similarity(logits(eight), logits(whole), dim=-1).min() > 0.99


def test_an_8_bit_weight_is_unpacked_before_and_after_an_answer(official, whole):
    """An answer moves its scales to another place."""
    model = checkpoint.load(official, Placement(CPU, torch.float32, 8))
    layer = model.llm.layers[0].mlp.down_proj
    size, exact = quantize.footprint(model), whole.llm.layers[0].mlp.down_proj.weight
    for _ in range(2):
        assert (quantize.weight_of(layer) - exact).abs().max() < exact.abs().max() / 127
        logits(model)
    assert quantize.footprint(model) == size


def test_8_bit_weights_are_exported(official, tmp_path):
    from model.training import ship

    model = checkpoint.load(official, Placement(CPU, torch.float32, 8))
    wanted = logits(model)
    written = ship.export(model, tmp_path, bits=16)
    assert not any(quantize.is_quantised(layer) for layer in written.modules())
    alike = torch.nn.functional.cosine_similarity(logits(written.float()), wanted, dim=-1)
    assert alike.min() > 0.99


def test_a_gpu_is_prepared_before_anything_is_put_on_it(official, monkeypatch):
    done = []
    monkeypatch.setattr(checkpoint.cuda, "prepare", lambda: done.append("prepared"))
    checkpoint.load(official, FULL)
    assert done == []
    with pytest.raises((AssertionError, RuntimeError)):  # there is no GPU here
        checkpoint.load(official, Placement(torch.device("cuda:9"), torch.bfloat16, 16))
    assert done == ["prepared"]


def test_8_bit_rows_are_exact_for_what_came_from_8_bit_rows():
    torch.manual_seed(0)
    steps = torch.randint(-127, 128, (10, 64)).to(torch.int8)
    steps[:, ::32] = 127
    scales = torch.rand(10, 2).half()
    once = quantize.unpack_rows(steps, scales)
    assert torch.equal(quantize.unpack_rows(*quantize.pack_rows(once)), once)


def test_a_tied_head_is_stored_once(tmp_path):
    from model.qwen_audio import QwenAudio
    from tests.model.conftest import tiny_config

    torch.manual_seed(0)
    model = QwenAudio(tiny_config(tie_word_embeddings=True, pool="stack", pool_size=4)).eval()
    checkpoint.save(model, tmp_path, embedding_bits=8)
    again = checkpoint.load(tmp_path, FULL)
    assert again.head.weight is again.llm.embed_tokens.weight
    assert again.config.pool == "stack" and again.audio.config.pool_size == 4
    torch.testing.assert_close(again.head.weight, model.head.weight, atol=1e-3, rtol=0)


def copy_without(official, folder, dropped):
    for file in official.iterdir():
        if file.suffix == ".safetensors":
            tensors = {k: v for k, v in load_file(file).items() if k != dropped}
            save_file(tensors, folder / file.name)
        elif file.suffix == ".json":
            raw = json.loads(file.read_text())
            raw.get("weight_map", {}).pop(dropped, None)
            (folder / file.name).write_text(json.dumps(raw))


def test_a_missing_weight_is_named(official, tmp_path):
    copy_without(official, tmp_path, "transformer.ln_f.weight")
    with pytest.raises(NoWeights, match=r"lacks 1 weights \(llm\.norm\.weight"):
        checkpoint.load(tmp_path, FULL)


def test_a_missing_shard_is_named(official, tmp_path):
    copy_without(official, tmp_path, None)
    sorted(tmp_path.glob("*.safetensors"))[1].unlink()
    with pytest.raises(NoWeights, match="lacks 1 of its"):
        checkpoint.load(tmp_path, FULL)


def test_a_cut_off_shard_is_damaged(official, tmp_path):
    copy_without(official, tmp_path, None)
    file = sorted(tmp_path.glob("*.safetensors"))[1]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(NoWeights, match="is damaged"):
        checkpoint.load(tmp_path, FULL)


def test_a_stranger_among_the_weights_is_refused(official, tmp_path):
    copy_without(official, tmp_path, None)
    file = sorted(tmp_path.glob("*.safetensors"))[0]
    save_file(load_file(file) | {"transformer.visual.proj": torch.zeros(2)}, file)
    with pytest.raises(NoWeights, match="transformer.visual.proj"):
        checkpoint.load(tmp_path, FULL)


@pytest.mark.parametrize(
    "config, said",
    [
        (None, "holds no config.json"),
        ("{", "is damaged"),
        ('{"model_type": "gpt2"}', "gpt2"),
    ],
)
def test_a_folder_that_is_no_checkpoint_says_so(tmp_path, config, said):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(NoWeights, match=said):
        checkpoint.read_config(tmp_path)


@pytest.mark.parametrize(
    "written, temperature, top_p",
    [
        ('{"do_sample": true, "top_p": 0.5, "top_k": 0, "max_new_tokens": 512}', 1.0, 0.5),
        ('{"do_sample": false}', 0, 0.5),
        (None, 0.7, 0.5),
    ],
)
def test_it_speaks_as_its_makers_let_it(tmp_path, written, temperature, top_p):
    if written:
        (tmp_path / "generation_config.json").write_text(written)
    sampling = checkpoint.read_sampling(tmp_path)
    assert (sampling.temperature, sampling.top_p) == (temperature, top_p)


def test_what_cannot_fit_is_refused_with_its_size():
    with pytest.raises(NoRoom, match="take about 200001.1 GB in 16 bits"):
        place(Counts(10**14, 0, 0), bits=16, device="cpu")


def test_a_small_model_on_a_cpu_is_unpacked():
    assert place(Counts(10**8, 0, 10**7), device="cpu").bits >= 16


def test_without_native_bfloat16_a_small_model_computes_in_32_bits(monkeypatch):
    monkeypatch.setattr("model.placement.cpu_has_bf16", lambda: False)
    where = place(Counts(10**8, 0, 10**7), device="cpu")
    assert (where.bits, where.dtype) == (32, torch.float32)


@pytest.mark.parametrize("free, head", [(7.6e9, True), (11e9, False)])
def test_on_a_small_card_the_head_is_quantised_too(monkeypatch, free, head):
    full = checkpoint.count_weights(
        checkpoint._translate(synthetic.official_config(synthetic.FULL))
    )
    monkeypatch.setattr("model.placement.free_bytes", lambda device: free)
    assert place(full, bits=4, device="cpu").quantise_head is head
    monkeypatch.setattr("model.placement.free_bytes", lambda device: 5e9)
    with pytest.raises(NoRoom, match="take about 7.* GB in 4 bits and 5.0 GB are free"):
        place(full, bits=4, device="cpu")


def test_weights_that_were_written_anew_are_told_from_the_old(packed, tmp_path):
    folder = shutil.copytree(packed, tmp_path / "model")  # times and all
    before = checkpoint.stamp(folder)
    assert before == checkpoint.stamp(packed)
    file = next(folder.glob("*.safetensors"))
    file.write_bytes(file.read_bytes())
    assert checkpoint.stamp(folder) != before
