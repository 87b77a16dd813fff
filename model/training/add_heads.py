"""Gives a checkpoint in 16 or 32 bits the linear heads that were fitted. Trains nothing.

    python -m model.training.add_heads HEADS FOLDER OUT

HEADS is a folder that model/training/heads.py wrote.
"""

import argparse
import shutil
from pathlib import Path

import torch

from model import checkpoint
from model.paths import as_path
from model.placement import Placement
from model.qwen_audio import QwenAudio
from model.training import heads


def give(model: QwenAudio, folder: Path) -> None:
    """Sets the heads of a folder in a model and in its configuration."""
    model.heads = heads.read(folder, model.config.audio_config.d_model)
    model.config.heads = model.heads.config.as_data()


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Give a checkpoint its linear heads.")
    for name in ("heads", "folder", "out"):
        cli.add_argument(name, type=as_path)
    args = cli.parse_args(argv)
    model = checkpoint.load(args.folder, Placement(torch.device("cpu"), torch.float32, 32))
    give(model, args.heads)
    checkpoint.save(model.to(torch.bfloat16), args.out, beside=args.folder)
    tokenizer = args.folder / checkpoint.READER_TOKENIZER
    if tokenizer.exists() and args.out != args.folder:
        shutil.copy2(tokenizer, args.out / tokenizer.name)


if __name__ == "__main__":
    main()
