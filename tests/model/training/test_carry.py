"""What a head has found reaches the end of the language model, and changes nothing until something
learns to read it."""

from dataclasses import replace

import torch

from model.training import carry
from tests.model.conftest import tiny_model

K = 4


def planted(*, loud=1.0, writers=()):
    """A tiny model; where it carries; embeddings (1, n, width) with nothing of it, and with
    something; what that is."""
    torch.manual_seed(0)
    model = tiny_model(kv_heads=2)
    where = torch.linalg.qr(torch.randn(64, K)).Q
    carried = carry.Carried(where, 0, 2, writers)
    x = torch.randn(1, 12, 64)
    x = x - x @ where @ where.T
    told = torch.randn(K) * loud
    return model, carried, x, x + told @ where.T, told


def read(model, x):
    """The residual (n, width) after the last layer, before the norm."""
    caught = []
    hook = model.llm.norm.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    with torch.no_grad():
        model.read(x, alpha=1.0)
    hook.remove()
    return caught[0][0]


def test_no_layer_writes_over_what_is_carried():
    model, carried, _, x, told = planted()
    assert (read(model, x) @ carried.where - told).abs().max() > 0.01
    carried.keep(model.llm)
    torch.testing.assert_close(
        read(model, x) @ carried.where, told.expand(12, -1), atol=1e-4, rtol=1e-4
    )


def test_the_last_layers_write_as_they_like():
    model, carried, *_ = planted()
    carried = replace(carried, end=1)
    before = [layer.mlp.down_proj.weight.clone() for layer in model.llm.layers]
    carried.keep(model.llm)
    after = [layer.mlp.down_proj.weight for layer in model.llm.layers]
    assert not torch.equal(after[0], before[0]) and torch.equal(after[1], before[1])


def test_those_that_may_write_still_do():
    model, carried, _, x, told = planted(writers=((1, 1),))
    before = model.llm.layers[1].self_attn.o_proj.weight.clone()
    carried.keep(model.llm)
    after = model.llm.layers[1].self_attn.o_proj.weight
    assert torch.equal(after[:, 32 : 32 + K], before[:, 32 : 32 + K])
    assert (carried.where.T @ after[:, :32]).abs().max() < 1e-5
    assert (carried.where.T @ after[:, 32 + K :]).abs().max() < 1e-5


def beside(carried, x):
    """What is not in the carried directions (n, 64)."""
    return x - x @ carried.where @ carried.where.T


def test_hidden_it_changes_nothing_but_by_its_size():
    model, carried, without, x, _ = planted(loud=0.05)
    carried.keep(model.llm)
    first = model.llm.layers[0].self_attn  # before it begins, there is nothing to be read
    for linear in (first.q_proj, first.k_proj, first.v_proj):
        linear.weight.data -= linear.weight.data @ carried.where @ carried.where.T
    seen = beside(carried, read(model, x) - read(model, without))
    carried.hide(model.llm)
    hidden = beside(carried, read(model, x) - read(model, without))
    assert hidden.abs().max() < 0.2 * seen.abs().max()


def test_what_readers_learn_is_folded_into_their_layers():
    model, carried, _, x, _ = planted()
    before = read(model, x)
    plain = {name: p.clone() for name, p in model.named_parameters()}
    carried.open(model.llm)
    torch.testing.assert_close(read(model, x), before)  # nothing is read at first
    own = [p for name, p in model.named_parameters() if name.endswith(carry.OWN)]
    assert len(own) == 2 + 5  # of the first layer, only what follows attention
    for weight in own:
        torch.nn.init.normal_(weight, std=0.3)
    learned = read(model, x)
    assert (learned - before).abs().max() > 0.1
    carried.close(model.llm)
    assert dict(model.named_parameters()).keys() == plain.keys()
    torch.testing.assert_close(read(model, x), learned, atol=1e-3, rtol=1e-3)


def test_an_amplifier_multiplies_it_and_nothing_else():
    model, carried, _, x, told = planted(writers=((1, 0),))
    carried.keep(model.llm)
    before = read(model, x)
    size = []
    hook = model.llm.layers[1].register_forward_pre_hook(
        lambda _, args: size.append(args[0].square().mean(-1).sqrt())
    )
    read(model, x)
    hook.remove()
    with torch.no_grad():
        model.llm.layers[1].self_attn.o_proj.weight[:, :32] = 0
    silent = read(model, x)
    carry.amplify(model.llm, carried, (1, 0), 3.0, float(size[0].median()))
    after = read(model, x)
    gains = (after @ carried.where) / told
    spread = size[0][0] / size[0].median()  # a norm comes before: the gain goes with its input
    torch.testing.assert_close(gains, (1 + 2 / spread)[:, None].expand(-1, K), atol=0.1, rtol=0.05)
    assert (before - after).abs().max() > 0.1
    changed = beside(carried, after - silent).norm() / beside(carried, silent).norm()
    assert changed < 0.2


def test_what_is_least_used_is_free():
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(64, 64)).Q
    text = torch.randn(500, 60) @ basis[:, K:].T
    where = carry.least_used(text.T @ text, K)
    torch.testing.assert_close(where @ where.T, basis[:, :K] @ basis[:, :K].T, atol=1e-4, rtol=0)


def test_it_is_written_and_read(tmp_path):
    assert carry.Carried.of(tmp_path) is None
    _, carried, *_ = planted(writers=((0, 1), (1, 0)))
    carried.save(tmp_path)
    again = carry.Carried.of(tmp_path)
    assert torch.equal(again.where, carried.where)
    assert (again.layer, again.end, again.writers) == (0, 2, ((0, 1), (1, 0)))
