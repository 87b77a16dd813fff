"""Whisper's decoder beside the language model of a checkpoint: both then read the same encoder,
Whisper's own. Trains nothing.

    python -m model.training.add_reader WHISPER_FOLDER FOLDER OUT

WHISPER_FOLDER holds config.json, model.safetensors and tokenizer.json as transformers writes them
(generation_config.json may name the alignment heads); FOLDER is a checkpoint of Earshot's with an
encoder of the same sizes. OUT is written in 16 bits; model/training/ship.py rounds it.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from model import checkpoint
from model.nn.speech_decoder import SpeechDecoder, rename
from model.paths import as_path
from model.placement import Placement
from model.qwen_audio import QwenAudio
from model.text_files import read_json

# of Whisper-base: github.com/openai/whisper, whisper/__init__.py
_BASE_HEADS = [(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)]
_BASE = (512, 6, 8)  # width, decoder layers, heads of Whisper-base


def sizes(whisper: Path) -> dict:
    """The `reader` of a configuration, for the Whisper in this folder."""
    config = read_json(whisper / "config.json")
    heads, generation = config["decoder_attention_heads"], whisper / "generation_config.json"
    width, layers = config["d_model"], config["decoder_layers"]
    aligned = read_json(generation).get("alignment_heads") if generation.exists() else None
    if aligned is None and (width, layers, heads) == _BASE:
        aligned = _BASE_HEADS
    if aligned is None:  # as Whisper does where nobody measured: the upper half of the layers
        aligned = [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]
    return {
        "width": width,
        "layers": layers,
        "heads": heads,
        "inner": config["decoder_ffn_dim"],
        "vocabulary": config["vocab_size"],
        "positions": config["max_target_positions"],
        "alignment_heads": [list(pair) for pair in aligned],
    }


@torch.no_grad()
def join(whisper: Path, folder: Path) -> tuple[QwenAudio, float]:
    """The checkpoint in `folder` with the encoder and the decoder of a Whisper, in float32, and by
    how much the encoder that it had differs from Whisper's, as a share."""
    model = checkpoint.load(folder, Placement(torch.device("cpu"), torch.float32, 32))
    model.config.reader = sizes(whisper)
    model.reader = SpeechDecoder(model.config.speech_decoder)
    weights = rename(
        {name: w.float() for name, w in load_file(whisper / "model.safetensors").items()}
    )
    ours = {name: w for name, w in model.state_dict().items() if name in weights}
    apart = sum(float((w - ours[name]).square().sum()) for name, w in weights.items() if _ear(name))
    size = sum(float(w.square().sum()) for name, w in weights.items() if _ear(name))
    missing, left_over = model.load_state_dict(weights, strict=False)
    lacking = {name for name in missing if name.startswith("reader.")}
    assert not left_over and not lacking, (left_over, lacking)
    return model.eval().requires_grad_(False), (apart / size) ** 0.5


def _ear(name: str) -> bool:
    return name.startswith("audio.")


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Give a checkpoint Whisper's decoder as reader.")
    for name in ("whisper", "folder", "out"):
        cli.add_argument(name, type=as_path)
    args = cli.parse_args(argv)
    model, apart = join(args.whisper, args.folder)
    if apart > 1e-2:
        print(f"The encoder was {apart:.0%} away from Whisper's: the projection must learn anew.")
    checkpoint.save(model.to(torch.bfloat16), args.out, beside=args.folder)
    shutil.copy2(args.whisper / "tokenizer.json", args.out / checkpoint.READER_TOKENIZER)


if __name__ == "__main__":
    main()
