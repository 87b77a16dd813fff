"""A tiny reader with random weights."""

import pytest
import torch

from model import checkpoint
from model.listening.speech_reader import SpeechReader
from model.placement import Placement
from tests.model import tiny_whisper


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    folder = tiny_whisper.joined(tmp_path_factory.mktemp("reader"))
    where = Placement(torch.device("cpu"), torch.float32, 32, fused=True)
    model = checkpoint.load(folder, where)
    return SpeechReader.of(model, folder)
