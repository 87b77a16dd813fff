"""Rounding with an eye to what comes in: better than to the nearest, and exactly what is stored."""

import pytest
import torch

from model import quantize
from model.training import rounding, ship
from tests.model.conftest import tiny_model


def correlated(n, width, seed=0):
    """Inputs (n, width), a few directions of which are much larger than the others."""
    torch.manual_seed(seed)
    mixed = torch.randn(width, width) * torch.logspace(0, -2, width)[:, None]
    return torch.randn(n, width) @ mixed


def error(weight, rounded, x):
    return float(((weight - rounded) @ x.T).square().sum() / (weight @ x.T).square().sum())


def nearest(weight):
    layer = torch.nn.Linear(*weight.T.shape, bias=False)
    return quantize.weight_of(quantize.packed_linear(layer, weight)).float()


def test_what_comes_out_errs_much_less_also_on_other_inputs():
    weight, x = torch.randn(96, 256), correlated(2000, 256)
    seen, unseen = x[:1500], x[1500:]
    rounded = rounding.fit(weight, seen.T @ seen).weight()
    for inputs in (seen, unseen):
        assert error(weight, rounded, inputs) < 0.25 * error(weight, nearest(weight), inputs)


def test_every_step_of_the_search_helps(monkeypatch):
    weight, x = torch.randn(96, 256), correlated(2000, 256)
    errors = []
    for sweeps in (0, 1, 3):
        monkeypatch.setattr(rounding, "SWEEPS", sweeps)
        errors.append(error(weight, rounding.fit(weight, x.T @ x).weight(), x))
    assert errors == sorted(errors, reverse=True) and errors[2] < 0.97 * errors[0]


def test_weights_that_are_levels_already_stay():
    torch.manual_seed(0)
    codes = torch.randint(16, (64, 128))
    codes[:, :: rounding.BLOCK] = 15
    weight = (
        quantize.levels(codes.device)[codes] * 0.5
    )  # one scale for all: double quantisation is exact
    x = correlated(500, 128)
    rounded = rounding.fit(weight, x.T @ x)
    assert torch.equal(rounded.codes, codes)
    torch.testing.assert_close(rounded.weight(), weight)


@pytest.mark.parametrize("weight", [torch.zeros(64, 128), torch.eye(64, 128)])
def test_blocks_of_nothing_and_inputs_that_never_come_do_no_harm(weight):
    x = correlated(200, 128)
    x[:, 3:9] = 0
    rounded = rounding.fit(weight, x.T @ x).weight()
    assert rounded.isfinite().all() and error(weight + 1e-9, rounded + 1e-9, x) < 0.02


def test_all_of_it_happens_where_the_weight_is():
    """On a device without content, where anything made on the processor is an error."""
    weight, moments = torch.empty(96, 256, device="meta"), torch.empty(256, 256, device="meta")
    rounded = rounding.fit(weight, moments)
    made = (rounded.codes, rounded.scales, rounded.weight(), rounded.state.absmax)
    assert {tensor.device.type for tensor in made} == {"meta"}


def test_what_is_packed_unpacks_as_it_was_chosen():
    weight, x = torch.randn(64, 128) / 9, correlated(500, 128)
    rounded = rounding.fit(weight, x.T @ x)
    layer = torch.nn.Linear(128, 64, bias=True)
    packed = quantize.pack(layer, rounded.codes, rounded.state)
    functional = quantize.library().functional
    theirs = functional.dequantize_4bit(packed.weight.data, packed.weight.quant_state)
    assert torch.equal(theirs, rounded.weight().bfloat16())
    assert packed.bias is layer.bias


def test_a_layer_reads_its_prompts_as_the_model_does():
    model = tiny_model()
    embeds = torch.randn(9, 64)
    at = torch.arange(20)[None]
    turn = rounding.rotary(at, 16, 10000.0, 1.0, torch.float32)
    states = [embeds]
    for layer in model.llm.layers:
        for _ in rounding._stages(layer, states, turn):
            pass
    with torch.inference_mode():
        wanted = model.read(embeds[None], alpha=1.0)[0]
    torch.testing.assert_close(model.llm.norm(states[0]), wanted, atol=1e-4, rtol=1e-4)


def test_a_rounded_model_stays_nearer_than_one_rounded_to_the_nearest():
    torch.manual_seed(0)
    prompts = [correlated(60, 64, seed=0) for _ in range(8)]

    def read(model):
        with torch.inference_mode():
            return torch.cat([model.read(p[None], alpha=1.0)[0] for p in prompts])

    wanted = read(tiny_model())
    plainly, model = tiny_model(), tiny_model()
    for layer in plainly.llm.layers.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data = nearest(layer.weight.data)
    done = []
    rounding.round_layers(model, prompts, tell=done.append)
    assert done == [1, 2]
    far = (read(plainly) - wanted).square().mean()
    assert (read(ship.plain(model)) - wanted).square().mean() < 0.5 * far
