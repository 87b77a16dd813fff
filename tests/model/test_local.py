"""An engine that comes and goes: what it tells of itself, what it leaves behind."""

import weakref

import pytest
import torch

from model import checkpoint, local
from model.errors import NoRoom, NoWeights
from model.placement import Placement
from tests.model.conftest import tiny_engine

WHERE = Placement(torch.device("cpu"), torch.float32, 32)


@pytest.mark.parametrize(
    "error, said",
    [
        (MemoryError(), NoRoom),
        (torch.OutOfMemoryError("CUDA out of memory."), NoRoom),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), NoRoom),
        (NoWeights("It lacks weights."), NoWeights),
        (RuntimeError("something else"), RuntimeError),
    ],
)
def test_a_load_that_fails_is_a_sentence_and_keeps_nothing(monkeypatch, tmp_path, error, said):
    kept = []

    def load(*_, **__):
        half_read = tiny_engine().model
        kept.append(weakref.ref(half_read))
        raise error

    monkeypatch.setattr(checkpoint, "load", load)
    with pytest.raises(said) as refused:
        local._loaded(tmp_path, WHERE, lambda done, total: None)
    if said is not RuntimeError:  # a bug keeps its traceback
        error.__traceback__ = None
        assert kept[0]() is None and refused.value.__context__ is None


def test_a_closed_engine_leaves_no_model_behind():
    engine = tiny_engine()
    model = weakref.ref(engine.model)
    engine.close()
    assert model() is None


def test_how_much_sound_fits_grows_with_the_context():
    model = tiny_engine().model
    assert local._heard_at_once(model, 8192) == pytest.approx(238, abs=2)  # 30 s take 774 positions
    assert local._heard_at_once(model, 4096) == pytest.approx(119, abs=1)
