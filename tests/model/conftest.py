"""Tiny models with random weights, made here: the same classes as the real ones."""

import numpy as np
import pytest
import torch

from model import spec
from model.engine import About
from model.local import LocalEngine
from model.messages import Clip
from model.qwen_audio import QwenAudio, QwenAudioConfig


class Letters:
    """A tokenizer of bytes, with Qwen's way of naming control tokens."""

    def __init__(self):
        names = (*spec.STRUCTURE, *spec.SOUND, *spec.TAGS[:20])
        self.control = {name: 256 + i for i, name in enumerate(names)}

    def encode(self, text, allowed=()):
        return list(text.encode())

    def bytes_of(self, token_id):
        return bytes([token_id]) if token_id < 256 else b""


def tiny_config(trained: int = 2048, **kwargs) -> QwenAudioConfig:
    control = Letters().control
    return QwenAudioConfig(
        text_config={
            "vocab_size": 256 + len(control) + 5,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": kwargs.pop("kv_heads", 4),
            "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "max_position_embeddings": 8192,
        },
        audio_config={
            "num_mel_bins": 80,
            "max_source_positions": 1500,
            "d_model": 64,
            "encoder_attention_heads": 4,
            "encoder_layers": 2,
            "encoder_ffn_dim": 128,
        },
        audio_pad_id=control[spec.AUDIO_PAD],
        audio_start_id=control[spec.AUDIO_START],
        audio_end_id=control[spec.AUDIO_END],
        trained_length=trained,
        **kwargs,
    )


def tiny_model(seed: int = 0, **kwargs) -> QwenAudio:
    model = QwenAudio(tiny_config(**kwargs)).eval()
    torch.manual_seed(seed)  # not before: how a model is first initialised is its own affair
    for parameter in model.parameters():
        # wide enough that the likeliest token stands clear of the next
        torch.nn.init.normal_(parameter, std=0.2 if parameter.ndim > 1 else 0.02)
    for module in model.modules():
        if "Norm" in type(module).__name__:
            torch.nn.init.ones_(module.weight)
    return model.requires_grad_(False)


def tiny_engine(budget: int = 1 << 30, **kwargs) -> LocalEngine:
    about = About(
        name="tiny", device="cpu", bits=32, memory_bytes=0, context=8192, licence="Apache-2.0"
    )
    return LocalEngine(tiny_model(**kwargs), Letters(), about, budget)


def noise(seconds: float, seed: int = 0) -> Clip:
    """Sound that is not the same twice: noise of changing loudness."""
    random = np.random.default_rng(seed)
    n = int(seconds * spec.SAMPLE_RATE)
    swell = 0.2 + 0.8 * np.abs(np.sin(np.arange(n) / 9000 + seed))
    return Clip.of((random.normal(0, 3000, n) * swell).astype(np.int16))


@pytest.fixture
def engine() -> LocalEngine:
    return tiny_engine()
