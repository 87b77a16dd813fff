"""A tiny reader with random weights."""

import pytest
import torch

from model import checkpoint
from model.listening.speech_reader import SpeechReader
from model.placement import Placement
from model.training import add_reader, toy
from tests.model import tiny_whisper


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    tiny_whisper.make(folder / "whisper")
    base, _ = toy.make(folder)
    add_reader.main([str(folder / "whisper"), str(base), str(folder / "joined")])
    where = Placement(torch.device("cpu"), torch.float32, 32, fused=True)
    model = checkpoint.load(folder / "joined", where)
    return SpeechReader.of(model, folder / "joined")
