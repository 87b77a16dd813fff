"""A Whisper of transformers' own, tiny and random, as a folder that `add_reader` reads."""

import json
from pathlib import Path

import torch

LANGUAGES = ("en", "zh", "de", "es")
CONTROL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nocaptions|>",
    "<|notimestamps|>",
)
N_BYTES = 256
VOCABULARY = N_BYTES + len(CONTROL) + 1501  # and a token for each 20 ms


def make(folder: Path, seed: int = 0):
    """Writes config.json, model.safetensors and tokenizer.json -> the model."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=VOCABULARY,
        d_model=64,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        max_target_positions=64,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=N_BYTES + 1,
    )
    theirs = WhisperForConditionalGeneration(config).eval()
    torch.manual_seed(seed)
    for name, weight in theirs.named_parameters():
        if "norm" in name and name.endswith("weight"):
            torch.nn.init.uniform_(weight, 0.5, 1.5)
        else:
            torch.nn.init.normal_(weight, std=0.15 if weight.ndim > 1 else 0.05)
    folder.mkdir(parents=True, exist_ok=True)
    theirs.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_tokenizer(folder / "tokenizer.json")
    return theirs.requires_grad_(False)


def joined(folder: Path) -> Path:
    """A toy checkpoint with a Whisper as its reader; both stand beside it in `folder`."""
    from model.training import add_reader, toy

    make(folder / "whisper")
    base, _ = toy.make(folder)
    add_reader.main([str(folder / "whisper"), str(base), str(folder / "joined")])
    return folder / "joined"


def write_tokenizer(file: Path) -> None:
    """A token for each byte, then the control tokens that have names."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from model.tokenizer import _byte_level

    letters = sorted(_byte_level(), key=_byte_level().__getitem__)
    tokens = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    tokens.add_special_tokens(list(CONTROL))
    tokens.save(str(file))
    assert json.loads(file.read_text())["added_tokens"][-1]["id"] == N_BYTES + len(CONTROL) - 1
