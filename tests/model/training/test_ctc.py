"""The ear reads by itself: the loss against torch's own, and that it learns."""

import numpy as np
import pytest
import torch

from model.training import ctc
from model.training.learner import Learner, hear
from tests.model.conftest import Letters, tiny_model


@pytest.fixture
def reader() -> ctc.Reader:
    torch.manual_seed(0)
    return ctc.Reader(torch.randn(60, 16), list(range(40)), blank=50)


def wanted(*rows) -> torch.Tensor:
    table = torch.full((len(rows), max(map(len, rows))), ctc.NONE)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return table


def test_the_sampled_normaliser_is_exact_when_it_holds_every_token(reader):
    vectors = torch.randn(2, 9, 16, requires_grad=True)
    ours = reader.loss(vectors, wanted([3, 4, 4], [7]))
    grad = torch.autograd.grad(ours, vectors)[0]

    scaled, blank = reader(vectors)
    scores = torch.cat((blank[..., None], scaled @ reader.rows.T), -1).log_softmax(-1)
    flat = torch.tensor([4, 5, 5, 8])
    theirs = torch.nn.functional.ctc_loss(
        scores.transpose(0, 1), flat, torch.tensor([9, 9]), torch.tensor([3, 1]), reduction="sum"
    )
    # the sampled scores are computed in bfloat16
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.01)
    torch.testing.assert_close(grad, torch.autograd.grad(theirs, vectors)[0], rtol=0.1, atol=0.05)


def test_a_clip_that_cannot_be_read_does_not_count(reader):
    vectors = torch.randn(3, 9, 16)
    torch.manual_seed(1)
    both = reader.loss(vectors, wanted([3, 4], [55, 3], []))  # 55 is not in the vocabulary
    torch.manual_seed(1)
    alone = reader.loss(vectors[:1], wanted([3, 4]))
    torch.testing.assert_close(both, alone)
    assert reader.loss(vectors[:1], wanted([])) == 0


def test_the_warm_start_learns_with_hints_and_reads():
    torch.manual_seed(0)
    model = tiny_model(pool="stack", pool_size=4, out_norm=True).float()
    model.audio.requires_grad_(True)
    rows = [list(b"abc"), list(b"cab"), list(b"bb")]
    reader = ctc.Reader(model.llm.embed_tokens.weight.data, list(range(97, 117)), blank=32)
    learner = Learner(model, hears=True, reader=reader, ctc_share=1.0)
    mels = torch.randn(3, 80, 64)
    places = torch.full((3, 3, 2), ctc.NONE)
    for place, row in zip(places, rows, strict=True):
        place[: len(row)] = torch.from_numpy(ctc.likely_places((0, 1), [1] * len(row), 8))
    learns = [p for p in learner.parameters() if p.requires_grad]
    optimiser, losses = torch.optim.AdamW(learns, lr=2e-3), []
    labels = wanted(*rows).masked_fill(wanted(*rows) == ctc.NONE, -100)
    for _ in range(60):
        made = learner(labels=labels, mels=mels, spoken=wanted(*rows), places=places)
        made["loss"].backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(made["loss"].detach()))
    assert losses[-1] < losses[0] - 1
    assert reader.read(hear(model, mels)) == rows


def test_likely_places_follow_the_letters():
    places = ctc.likely_places((0.25, 0.75), [1, 3], 40)
    assert (places[:, 0] <= places[:, 1]).all() and (np.diff(places.mean(1)) > 0).all()
    assert 10 <= places[0].mean() <= 20 <= places[1].mean() <= 30


def test_what_is_spoken_has_no_marks():
    letters = Letters()
    assert bytes(ctc.spoken("Don't STOP, 'now'!", letters)) == b" don't stop now"
    assert ctc.vocabulary_of(["Ba!", "ab"], letters) == [32, 97, 98]
