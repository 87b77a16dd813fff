"""A world for trying the training in seconds: a tiny model with random weights, and a few tones
with their names. Trains nothing.
"""

import json
import wave
from pathlib import Path

import numpy as np
import torch

from model import checkpoint
from model.qwen_audio import QwenAudio, QwenAudioConfig
from model.spec import MELS, SAMPLE_RATE, STRUCTURE
from model.training.base import sound_ids, with_control

NOTES = {"C4.": 261.63, "E4.": 329.63, "G4.": 392.0, "A4.": 440.0}  # Hz
_CLIPS = 24


def make(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """A checkpoint folder and a manifest, inside `folder`."""
    base = folder / "base"
    tokens = write_tokenizer(base / "tokenizer.json")
    torch.manual_seed(seed)
    checkpoint.save(QwenAudio(config(tokens)).eval(), base)
    return base, write_clips(folder / "clips", seed)


def write_tokenizer(file: Path) -> dict[str, int]:
    """A token for each byte, and the control tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate((*STRUCTURE, *letters))}
    tokens = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    tokens.add_special_tokens(list(STRUCTURE))
    file.parent.mkdir(parents=True, exist_ok=True)
    tokens.save(str(file))
    return with_control(file, file)


def config(tokens: dict[str, int]) -> QwenAudioConfig:
    """Earshot-mini's shape, tiny. `tokens` has the ids of the control tokens of sound."""
    return QwenAudioConfig(
        text_config={
            "vocab_size": max(tokens.values()) + 1,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "max_position_embeddings": 2048,
        },
        audio_config={
            "num_mel_bins": MELS,
            "max_source_positions": 1500,
            "d_model": 64,
            "encoder_attention_heads": 4,
            "encoder_layers": 2,
            "encoder_ffn_dim": 128,
        },
        pool="stack",
        pool_size=4,
        out_norm=True,
        dynamic_ntk=False,
        logn_attention=False,
        tie_word_embeddings=True,
        title="Toy",
        licence="Apache-2.0",
        **sound_ids(tokens),
    )


def write_clips(
    folder: Path,
    seed: int = 0,
    *,
    lengths: tuple[float, float] = (0.5, 1.1),
    said: str = "This is {}",
) -> Path:
    """Tones of so many seconds, packed in one file, and what is true of them -> the manifest."""
    draw, pieces, rows, at = np.random.default_rng(seed), [], [], 0
    for i in range(_CLIPS):
        name, hertz = list(NOTES.items())[i % len(NOTES)]
        n = int(draw.uniform(*lengths) * SAMPLE_RATE)
        tone = np.sin(2 * np.pi * hertz * np.arange(n) / SAMPLE_RATE)
        pieces.append((tone * 9000 + draw.normal(0, 90, n)).astype("<i2"))
        where = {"audio": "tones.wav", "start": at / SAMPLE_RATE, "duration": n / SAMPLE_RATE}
        for task, text in (("note", name), ("transcribe", said.format(name))):
            rows.append(where | {"task": task, "language": "en", "text": text, "split": "train"})
        at += n
    folder.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / "tones.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(np.concatenate(pieces).tobytes())
    manifest = folder / "train.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return manifest
