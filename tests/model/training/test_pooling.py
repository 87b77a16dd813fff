"""Heads that average slots: what they read is what was planted, and of text they read nothing."""

import pytest
import torch

from model.training import pooling
from tests.model.conftest import tiny_model

WIDTH, CLASSES = 64, 6


def planted(n, seed=1):
    """Means (n, WIDTH) in which an answer lies in 5 directions of little variance, beside others of
    up to a hundred times the spread; the answers; the basis of those directions."""
    torch.manual_seed(0)
    basis, corners = torch.linalg.qr(torch.randn(WIDTH, WIDTH)).Q, torch.randn(CLASSES, 5)
    torch.manual_seed(seed)
    noise = torch.randn(n, WIDTH) @ torch.diag(torch.logspace(1, -2, WIDTH)) @ basis.T
    answers = torch.randint(CLASSES, (n,))
    return noise + 0.08 * corners[answers] @ basis[:, -5:].T, answers.tolist(), basis[:, -5:]


def nearest(values, answers):
    """The share of values (n, k) that lie nearest to the centre of their own answer."""
    answers = torch.tensor(answers)
    centres = torch.stack([values[answers == c].mean(0) for c in range(CLASSES)])
    return float((torch.cdist(values, centres).argmin(1) == answers).float().mean())


def places(n=400, seed=0):
    """Slots here, text there, the first position always the same."""
    torch.manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(WIDTH, WIDTH)).Q[:, :2]
    near = torch.randn(3, n, WIDTH) * 0.3
    near -= near @ axes @ axes.T
    slots, text = (near[i] + 6 * axes[:, i] for i in (0, 1))
    return pooling.Places(slots, (3 * axes.sum(1)).expand(n, -1), text)


def test_directions_of_little_variance_are_found():
    means, answers, basis = planted(4000)
    assert (means @ basis).var() < 1e-3 * means.var()
    reading = pooling.directions(means, {"note": answers}, room=16)
    assert reading.directions.shape == (WIDTH, 5)
    others, theirs, _ = planted(1000, seed=2)
    assert nearest((others - reading.mean) @ reading.directions, theirs) > 0.9
    widest = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:5]
    assert nearest((others - reading.mean) @ widest.T, theirs) < 0.4


def test_they_are_of_unit_variance_and_uncorrelated():
    means, answers, _ = planted(1000)
    more = [answer if i % 3 else None for i, answer in enumerate(answers[1:] + answers[:1])]
    told = {"language": answers, "note": answers, "instrument": more}
    reading = pooling.directions(means, told, room=16, unread=places())
    values = (means - means.mean(0)) @ reading.directions
    covariance = values.T @ values / len(values)
    torch.testing.assert_close(covariance, torch.eye(len(covariance)), atol=1e-3, rtol=0)
    assert 5 < len(covariance) <= 10  # the same answers under another name add nothing
    assert pooling.directions(means, told, room=3).directions.shape == (WIDTH, 3)


def test_nothing_is_read_from_the_first_position_nor_from_what_text_is_like():
    means, answers, _ = planted(1000)
    unread = places()

    def read(**more):
        reading = pooling.directions(means, {"note": answers}, room=16, **more)
        values = [(x - reading.mean) @ reading.directions for x in (unread.first, unread.text)]
        return [float(value.norm(dim=1).mean()) for value in values]

    blind, deaf = read(unread=unread), read()
    assert blind[0] < 1e-3 < deaf[0] and blind[1] < 0.9 * deaf[1]


def test_answers_that_are_rare_or_alike_tell_nothing():
    means, _, _ = planted(40)
    rare = [*range(36), "a", "a", "a", "a"]
    told = {"note": rare, "kind": ["one"] * 40}
    assert pooling.directions(means, told, room=16).directions.shape == (WIDTH, 0)


def test_the_key_tells_slots_from_text():
    given = places()
    key = pooling.key(given)
    for x, wanted in ((given.slots, 1.0), (given.first, 0.0), (given.text, -1.0)):
        assert (x @ key.direction + key.bias - wanted).abs().max() < 0.1


@pytest.mark.parametrize("kv_heads, group", [(4, 2), (2, 1), (2, 0)])
def test_an_installed_head_averages_the_slots_before_it(kv_heads, group):
    attention = tiny_model(kv_heads=kv_heads).llm.layers[1].self_attn
    before = {name: p.clone() for name, p in attention.named_parameters()}
    given = places()
    means, answers, _ = planted(1000)
    reading = pooling.directions(means, {"note": answers}, room=16, unread=given)
    pooling.install(attention, group, reading, pooling.key(given))
    first, slots, text = given.first[:1], given.slots[:9], given.text
    x = torch.cat([first, text[:5], slots, text[5:12]])[None]
    out = heads_of(attention, x)[:, 0]  # (n, heads, head width)
    ours = slice(group * 4 // kv_heads, (group + 1) * 4 // kv_heads)
    wanted = ((slots - reading.mean) @ reading.directions).mean(0)
    size = wanted.norm()
    for head in range(ours.start, ours.stop):
        assert (out[15:, head, :5] - wanted).norm(dim=1).max() < 0.05 * size
        assert out[:6, head, :5].norm(dim=1).max() < 0.05 * size  # before any slot
        assert (out[:, head, 5:] == 0).all()
    columns = slice(ours.start * 16, ours.stop * 16)
    assert (attention.o_proj.weight[:, columns] == 0).all()
    rest = torch.ones(64, dtype=bool)
    rest[columns] = False
    assert torch.equal(attention.o_proj.weight[:, rest], before["o_proj.weight"][:, rest])
    assert torch.equal(attention.q_proj.weight[rest], before["q_proj.weight"][rest])


def heads_of(attention, x):
    """What each head of a layer gives for one row of inputs (1, n, width): (n, 1, heads, width)."""
    from model.longcontext import rotary

    n, caught = x.shape[1], []
    hook = attention.o_proj.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    later = torch.full((n, n), torch.finfo(x.dtype).min).triu(1)[None, None]
    with torch.no_grad():
        turn = rotary(torch.arange(n)[None], 16, 10000.0, 1.0, x.dtype)
        attention(x, turn, later)
    hook.remove()
    return caught[0].view(n, 1, 4, 16)


def test_without_a_group_is_for_a_while():
    attention = tiny_model(kv_heads=2).llm.layers[0].self_attn
    before = attention.o_proj.weight.clone()
    with pooling.without(attention, 1):
        assert (attention.o_proj.weight[:, 32:] == 0).all()
        assert torch.equal(attention.o_proj.weight[:, :32], before[:, :32])
    assert torch.equal(attention.o_proj.weight, before)
