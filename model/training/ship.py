"""What was learned to a checkpoint folder that Earshot opens: adapters merged, the language model
in 4 bits, the rest in 16, the embedding stored in 8. Trains nothing.

    python -m model.training.ship BASE EAR RUN OUT
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch

from model import checkpoint
from model.placement import Placement
from model.qwen_audio import QwenAudio
from model.training.adapter import SCALE
from model.training.loop import STATE
from model.training.pretrain import take_ear

# always the likeliest word: a transcriber should not be inventive
_SPEAKING = {"do_sample": False, "max_new_tokens": 256, "repetition_penalty": 1.0}


def merge(base: Path, ear: Path, run: Path) -> QwenAudio:
    """The model as trained, in float32, each adapter added to the weight it stood beside."""
    model = checkpoint.load(base, Placement(torch.device("cpu"), torch.float32, 32))
    take_ear(model, None, torch.load(ear / STATE)["learned"])
    learned = torch.load(run / STATE)["learned"]
    own = dict(model.named_parameters())
    for name, value in learned.items():
        if name in own:
            own[name].data.copy_(value)
        elif name.endswith(".down"):
            layer = name.removesuffix(".down")
            own[f"{layer}.weight"].data += learned[f"{layer}.up"] @ value * SCALE
        else:
            assert name.endswith(".up") or name.startswith("reader."), name
    return model


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Write what was learned as a checkpoint in 4 bits.")
    for name in ("base", "ear", "run", "out"):
        cli.add_argument(name, type=Path)
    args = cli.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(merge(args.base, args.ear, args.run), Path(folder))
        model = checkpoint.load(Path(folder), Placement(torch.device("cpu"), torch.bfloat16, 4))
    args.out.mkdir(parents=True, exist_ok=True)
    for stale in args.out.glob("model*.safetensors*"):
        stale.unlink()
    checkpoint.save(model, args.out, embedding_bits=8)
    shutil.copy2(args.base / "tokenizer.json", args.out / "tokenizer.json")
    (args.out / "generation_config.json").write_text(json.dumps(_SPEAKING, indent=1) + "\n")


if __name__ == "__main__":
    main()
