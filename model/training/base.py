"""SmolLM2 (a GGUF file) and Whisper's encoder (a transformers folder) to an Earshot-mini that has
learned nothing yet; a checkpoint without tags to one that has them. Trains nothing.

    python -m model.training.base join MODEL.gguf TOKENIZER.json WHISPER_FOLDER OUT
    python -m model.training.base grow FOLDER OUT

SmolLM2 is a llama: the Qwen2 backbone with q/k/v biases of zero, the same logits. Needs gguf (pip).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import Qwen2Config

from model import checkpoint
from model.paths import as_path
from model.placement import Placement
from model.qwen_audio import QwenAudio, QwenAudioConfig
from model.spec import MARKS, MELS, SOUND, TAGS

APART = 0.1  # spread of new rows, as a share of the words' own
POOL = 4  # encoder steps of 20 ms side by side in a slot: 80 ms
_LLM = {  # GGUF: ours
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_WHOLE = {"token_embd": "llm.embed_tokens.weight", "output_norm": "llm.norm.weight"}


def build(gguf: Path, whisper: Path, tokens: dict[str, int]) -> QwenAudio:
    """The model in float32. The projection is random, and sized so that a vector of sound has the
    mean length of a word's embedding; `tokens` has the ids of the three control tokens of sound."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    model = QwenAudio(_config(reader, json.loads((whisper / "config.json").read_text()), tokens))
    model.float().eval()
    weights = {**_language_model(reader, model.config.text_config), **_ear(whisper)}
    missing, left_over = model.load_state_dict(weights, strict=False)
    assert not left_over, left_over
    new = {"audio.proj.weight", "audio.proj.bias", "audio.out_norm.weight", "audio.boundary.weight"}
    unset = {name for name in missing if not name.endswith("_proj.bias")} - {"head.weight"}
    assert unset == new, unset ^ new
    for name, weight in model.named_parameters():
        if name.startswith("llm.") and name.endswith("_proj.bias"):
            nn.init.zeros_(weight)
    words = model.llm.embed_tokens.weight.data
    nn.init.normal_(model.audio.proj.weight, std=0.02)
    nn.init.zeros_(model.audio.proj.bias)
    nn.init.constant_(model.audio.out_norm.weight, mean_length(words) / words.shape[1] ** 0.5)
    model.audio.boundary.weight.data[:] = words.mean(0)
    return model


def mean_length(words: torch.Tensor) -> float:
    """Of the rows of an embedding (vocabulary, width)."""
    return float(words.norm(dim=1).mean())


def _config(reader, whisper: dict, tokens: dict[str, int]) -> QwenAudioConfig:
    def field(name):
        return reader.fields[name].contents()

    assert field("general.architecture") == "llama"
    return QwenAudioConfig(
        text_config=Qwen2Config(
            vocab_size=len(field("tokenizer.ggml.tokens")),
            hidden_size=field("llama.embedding_length"),
            intermediate_size=field("llama.feed_forward_length"),
            num_hidden_layers=field("llama.block_count"),
            num_attention_heads=field("llama.attention.head_count"),
            num_key_value_heads=field("llama.attention.head_count_kv"),
            head_dim=field("llama.embedding_length") // field("llama.attention.head_count"),
            max_position_embeddings=field("llama.context_length"),
            rms_norm_eps=1e-5,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": float(field("llama.rope.freq_base")),
            },
        ),
        audio_config={
            "num_mel_bins": MELS,
            "max_source_positions": whisper["max_source_positions"],
            "d_model": whisper["d_model"],
            "encoder_attention_heads": whisper["encoder_attention_heads"],
            "encoder_layers": whisper["encoder_layers"],
            "encoder_ffn_dim": whisper["encoder_ffn_dim"],
        },
        pool="stack",
        pool_size=POOL,
        out_norm=True,
        **sound_ids(tokens),
        trained_length=field("llama.context_length"),
        dynamic_ntk=False,
        logn_attention=False,
        tie_word_embeddings=True,
        title="Earshot-mini",
        licence="Apache-2.0",
        note="It writes down English, and tells the kind of sound, the language, the voice and the "
        "family of instruments, all of it with mistakes. Ask it in English.",
        questions=("What does the person say?", "What kind of sound is it?"),
        understands=("en",),
    )


def sound_ids(tokens: dict[str, int]) -> dict[str, int]:
    """The fields of a configuration that name the control tokens of sound."""
    fields = ("audio_pad_id", "audio_start_id", "audio_end_id")
    return {name: tokens[token] for name, token in zip(fields, SOUND, strict=True)}


def _language_model(reader, config: Qwen2Config) -> dict[str, torch.Tensor]:
    from gguf import dequantize

    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in reader.tensors:
        name = tensor.name.removesuffix(".weight")
        value = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if name.startswith("blk."):
            _, layer, kind = name.split(".")
            if (
                kind in heads
            ):  # llama.cpp interleaves the rotary halves; ours lie one after the other
                pairs = value.reshape(heads[kind], -1, 2, value.shape[1])
                value = pairs.swapaxes(1, 2).reshape(value.shape)
            name = f"llm.layers.{layer}.{_LLM[kind]}.weight"
        else:
            name = _WHOLE[name]
        weights[name] = torch.from_numpy(np.ascontiguousarray(value))
    return weights


def _ear(whisper: Path) -> dict[str, torch.Tensor]:
    weights = {name: w.float() for name, w in load_file(whisper / "model.safetensors").items()}
    weights["positions"] = weights.pop("embed_positions.weight")
    for leaf in ("weight", "bias"):
        weights[f"ln_post.{leaf}"] = weights.pop(f"layer_norm.{leaf}").repeat(POOL)
    return {f"audio.{name}": weight for name, weight in weights.items()}


def with_control(tokenizer: Path, out: Path) -> dict[str, int]:
    """Writes the tokenizer with the control tokens of sound, then the tags, after its last id; what
    it has already stays where it is. Time marks are left out: they would be 3001 rows more."""
    from tokenizers import AddedToken, Tokenizer

    tokens, marks = Tokenizer.from_file(str(tokenizer)), set(MARKS)
    names = [*SOUND, *(tag for tag in TAGS if tag not in marks)]
    tokens.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    out.parent.mkdir(parents=True, exist_ok=True)
    tokens.save(str(out))
    return {name: tokens.token_to_id(name) for name in names}


def grow(folder: Path, out: Path) -> QwenAudio:
    """Writes the checkpoint with a row for each control token, in float32. New rows are the mean
    of all words, and a little apart from each other."""
    tokens = with_control(folder / "tokenizer.json", out / "tokenizer.json")
    model = checkpoint.load(folder, Placement(torch.device("cpu"), torch.float32, 32))
    model = with_rows(model, max(tokens.values()) + 1)
    checkpoint.save(model, out)
    return model


def with_rows(model: QwenAudio, n: int, seed: int = 0) -> QwenAudio:
    """The model with a vocabulary of `n` tokens, at least as many as it has. A row of a control
    token of sound is never read, but must be there for those after it."""
    words = model.llm.embed_tokens.weight.data
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(n - len(words), words.shape[1], generator=draw) * words.std(0) * APART
    grown = torch.cat((words, words.mean(0) + noise))
    model.llm.embed_tokens = nn.Embedding(*grown.shape, _weight=grown)
    model.head = nn.Linear(*grown.shape[::-1], bias=False, device="meta")
    assert model.config.tie_word_embeddings, "a head of its own would need new rows too"
    model.head.weight = model.llm.embed_tokens.weight
    model.config.text_config.vocab_size = n
    return model.requires_grad_(False)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Make an untrained Earshot-mini, or give it tags.")
    commands = cli.add_subparsers(dest="command", required=True)
    join = commands.add_parser("join", help="SmolLM2 and Whisper's encoder")
    for name in ("gguf", "tokenizer", "whisper", "out"):
        join.add_argument(name, type=as_path)
    tags = commands.add_parser("grow", help="rows for the tags")
    for name in ("folder", "out"):
        tags.add_argument(name, type=as_path)
    args = cli.parse_args(argv)
    if args.command == "grow":
        grow(args.folder, args.out)
        return
    tokens = with_control(args.tokenizer, args.out / "tokenizer.json")
    model = build(args.gguf, args.whisper, tokens)
    checkpoint.save(with_rows(model, max(tokens.values()) + 1), args.out)


if __name__ == "__main__":
    main()
