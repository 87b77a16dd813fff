"""What a teacher adds to the loss, of which labels, and that nothing of it stays."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from model.training import batches, data, teacher, toy, train
from model.training.dialogues import IGNORED
from model.training.learner import Learner
from model.training.plan import CannotTrain
from tests.model.training.test_learner import N, begun, loss, mels
from tests.model.training.test_train import plan_of, silent, weights


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return toy.make(tmp_path_factory.mktemp("toy"))


def test_the_loss_is_what_the_paper_says():
    torch.manual_seed(0)
    mine, theirs, wanted = torch.randn(3, 5), torch.randn(2, 5), torch.tensor([1, 0, 4])
    taught = torch.tensor([True, False, True])
    found = teacher.loss(mine, wanted, taught, theirs)
    own = [cross_entropy(mine[i : i + 1], wanted[i : i + 1]) for i in range(3)]
    apart = sum(
        (p * (p.log() - mine[i].log_softmax(-1))).sum()
        for i, p in zip((0, 2), theirs.softmax(-1), strict=True)
    )
    expected = own[1] + 0.4 * (own[0] + own[2]) + 0.6 * apart
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("stage", ["pretrain", "sft"])
def test_a_model_that_is_its_own_teacher_learns_words_from_the_words_alone(world, stage):
    learner, renderer, _ = begun(world, stage)
    units = [(row,) for row in data.read(world[1]) if row.task in ("transcribe", "note")][:6]
    ask = batches.Tags(renderer) if stage == "pretrain" else batches.Chat(renderer, plainly=1.0)
    made = ask(units, N, np.random.default_rng(0)) | {"mels": mels(len(units))}
    assert 0 < made["said"].sum() < (made["labels"] != IGNORED).sum()
    whole = loss(learner, **made)
    labels = made["labels"].masked_fill(made["said"], IGNORED)
    others = loss(learner, **made | {"labels": labels})
    learner.teacher = (Learner(learner.model, hears=False),)
    assert loss(learner, **made) == pytest.approx(others + 0.4 * (whole - others), rel=1e-4)
    assert learner.state_dict().keys() == begun(world, stage)[0].state_dict().keys()


def test_a_run_with_a_teacher_leaves_a_model_that_learned_otherwise(world, tmp_path):
    train.run(plan_of(world, tmp_path / "plain", "sft", full=True), silent)
    train.run(plan_of(world, tmp_path / "taught", "sft", full=True, teacher=world[0]), silent)
    plain, taught = weights(tmp_path / "plain"), weights(tmp_path / "taught")
    assert plain.keys() == taught.keys()
    assert any(not torch.equal(plain[name], taught[name]) for name in plain)


def test_a_teacher_that_does_not_fit_is_refused(world, tmp_path):
    learner, *_ = begun(world, "sft")
    learner.model.config.pool_size += 1
    with pytest.raises(teacher.UnlikeTeacher, match="slots of sound"):
        teacher.opened(world[0], learner.model, torch.device("cpu"))
    with pytest.raises(CannotTrain, match="warm start"):
        plan_of(world, tmp_path, "warmstart", teacher=world[0])
