"""A checkpoint and a Whisper become one, are rounded, written and opened again."""

import json

import pytest
import torch

from model import checkpoint, quantize
from model.errors import NoWeights
from model.local import LocalEngine
from model.nn.speech_decoder import DecoderMemory
from model.placement import Placement
from model.training import ship
from tests.model import tiny_whisper

CPU = torch.device("cpu")
FULL = Placement(CPU, torch.float32, 32, fused=True)


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    return tiny_whisper.joined(tmp_path_factory.mktemp("add_reader"))


@pytest.fixture(scope="module")
def packed(joined, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    model = checkpoint.load(joined, Placement(CPU, torch.float32, 32))
    ship.export(model, folder, beside=joined)
    return folder


def hidden(model):
    torch.manual_seed(0)
    steps, ids = torch.randn(1, 50, 64), torch.tensor([[257, 258, 263, 267, 72, 105]])
    with torch.inference_mode():
        return model.reader(ids, model.reader.normalise(steps), DecoderMemory())


def test_encoder_and_decoder_are_whispers(joined):
    theirs = tiny_whisper.make(joined.parent / "again").model
    model = checkpoint.load(joined, FULL)
    for ours, wanted in (
        (model.audio.layers[1].self_attn.q_proj, theirs.encoder.layers[1].self_attn.q_proj),
        (model.reader.steps_norm, theirs.encoder.layer_norm),
        (model.reader.layers[1].cross_attn.v_proj, theirs.decoder.layers[1].encoder_attn.v_proj),
    ):
        torch.testing.assert_close(ours.weight, wanted.weight.bfloat16().float())
    assert (joined / checkpoint.READER_TOKENIZER).exists() and (joined / "tokenizer.json").exists()


def test_rounded_and_opened_in_16_bits_it_is_near(joined, packed):
    near, true = hidden(checkpoint.load(packed, FULL)), hidden(checkpoint.load(joined, FULL))
    error = (near - true).norm() / true.norm()
    assert 0.005 < error < 0.3  # as NF4 is


def test_the_encoder_stored_in_8_bits_is_nearly_the_same(joined, packed):
    torch.manual_seed(0)
    mel = torch.randn(1, 80, 3000)
    near, true = (checkpoint.load(f, FULL).audio.trunk(mel, [400]) for f in (packed, joined))
    assert 0 < (near - true).norm() / true.norm() < 0.02


def test_rounded_it_opens_in_4_bits_and_computes_the_same(packed):
    model = checkpoint.load(packed, Placement(CPU, torch.float32, 4, fused=True))
    linear = [
        layer for layer in model.reader.layers.modules() if isinstance(layer, torch.nn.Linear)
    ]
    assert len(linear) == 2 * 10 and all(map(quantize.is_quantised, linear))
    whole = hidden(checkpoint.load(packed, FULL))
    torch.testing.assert_close(hidden(model), whole, atol=0.05, rtol=0.05)


def test_the_folder_holds_4_bits_and_an_embedding_of_8(packed):
    names = {name for part in checkpoint.shards(packed).values() for name in part}
    assert "reader.layers.0.fc1.weight.quant_state.bitsandbytes__nf4" in names
    assert {f"{name}.embed_tokens.weight.block_scale" for name in ("llm", "reader")} <= names
    assert "audio.layers.1.fc2.weight.block_scale" in names
    assert not any("steps_norm" in name and "quant" in name for name in names)


def test_its_weights_are_counted(joined):
    with_reader = checkpoint.read_config(joined)
    without = checkpoint.read_config(joined.parent / "base")
    more = checkpoint.count_weights(with_reader).all - checkpoint.count_weights(without).all
    model = checkpoint.load(joined, FULL)
    assert more == sum(p.numel() for p in model.reader.parameters())


def test_a_checkpoint_without_a_reader_has_none(joined):
    model = checkpoint.load(joined.parent / "base", FULL)
    assert model.reader is None and model.config.reader is None
    assert not any(name.startswith("reader") for name, _ in model.named_parameters())


def test_the_engine_opens_it(packed):
    engine = LocalEngine.open(packed, bits=4)
    assert engine.model.reader is not None
    engine.close()


@pytest.mark.parametrize("reader", [{"width": 64}, {"surprise": 1}, [1], {"width": 128}])
def test_a_reader_that_makes_no_sense_is_refused(joined, tmp_path, reader):
    config = json.loads((joined / "config.json").read_text())
    if isinstance(reader, dict) and reader != {"width": 64}:
        reader = config["reader"] | reader
    (tmp_path / "config.json").write_text(json.dumps(config | {"reader": reader}))
    with pytest.raises(NoWeights):
        checkpoint.empty(checkpoint.read_config(tmp_path))
