"""`python -m benchmarks.whisper WEIGHTS --manifest FILE`: Whisper and Earshot-mini, side by side.

Both hear the same samples of the same recordings and are scored by the same metric. WEIGHTS is a
folder with Whisper in CTranslate2's format; Whisper knows the language from the manifest's line,
and searches with a beam, as its authors do (arXiv 2212.04356). Needs `pip install faster-whisper`,
which nothing else here uses.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from model import weights
from model.engine import About, Room
from model.errors import EarshotError, Unplayable
from model.evaluation import loop, manifest
from model.local import LocalEngine
from model.messages import Piece
from model.paths import as_path
from sessions.store import default_folder

BEAM = 5


class Missing(EarshotError):
    """The library that runs Whisper is not installed, or its weights are not there."""


class Whisper:
    """An engine that writes down what is said in the last clip, whatever it is asked."""

    def __init__(self, folder: Path, *, device: str = "auto", threads: int = 0):
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise Missing("Whisper is run by faster-whisper: pip install faster-whisper.") from None
        if not (folder / "model.bin").is_file():
            raise Missing(f"{folder} holds no Whisper in CTranslate2's format (model.bin).")
        self.whisper = WhisperModel(
            str(folder), device=device, compute_type="int8", cpu_threads=threads
        )
        self.about = About(
            name=folder.resolve().name,
            device=device,
            bits=8,
            memory_bytes=(folder / "model.bin").stat().st_size,
            context=448,  # tokens of its decoder
            licence="MIT",
            chats=False,  # so it is given a task, which names the language
        )

    def reply(self, messages, sampling, *, task=None):
        clips = messages[-1].clips
        if not clips:
            raise Unplayable("Whisper was given no recording.")
        spoken = getattr(task, "audio", "unknown")
        segments, _ = self.whisper.transcribe(
            clips[-1].samples,
            language=None if spoken == "unknown" else spoken,
            beam_size=BEAM,
            condition_on_previous_text=False,
        )
        yield Piece(" ".join(segment.text.strip() for segment in segments), finish="stop")

    def room(self, messages, *, task=None):
        return Room(0, self.about.context)

    def notes(self, clip, windows=None):
        yield from ()

    def close(self):
        pass


def speech(file: Path, **only) -> list[manifest.Item]:
    """The lines of a manifest whose answer is what is said."""
    items = [
        item
        for item in manifest.read(file, **only)
        if loop.row_of(item.task).metric == "word error rate" and not item.before
    ]
    if not items:
        raise manifest.BadManifest(f"{file.name} holds no recording to be written down.")
    return items


def measure(engine, items: list[manifest.Item], written: Path) -> tuple[list[loop.Summary], float]:
    """The figures by task, and the seconds that they took."""
    began = time.perf_counter()
    found = loop.run(engine, items, written)
    return found, time.perf_counter() - began


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("weights", type=as_path, metavar="WEIGHTS", help="Whisper's folder")
    cli.add_argument("--manifest", type=as_path, required=True, help="JSON lines: audio, text …")
    cli.add_argument("--root", type=as_path, help="where its paths begin; default: its folder")
    cli.add_argument("--split", help="only the lines of this split")
    cli.add_argument("--language", help="only the lines of this language")
    cli.add_argument("--limit", type=int, metavar="N", help="only N of them, at random")
    cli.add_argument("--model", default=weights.DEFAULT, metavar="NAME|DIR", help="beside Whisper")
    cli.add_argument("--device", default="auto", help="auto, cuda or cpu")
    cli.add_argument("--threads", type=int, default=0, metavar="N", help="of Whisper, on a CPU")
    args = cli.parse_args()
    try:
        compare(args)
    except EarshotError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def compare(args: argparse.Namespace) -> None:
    items = speech(args.manifest, root=args.root, split=args.split, language=args.language)
    if args.limit:
        items = manifest.some(items, args.limit)
    seconds = sum(float(item.told.get("duration") or 0) for item in items)
    folder = weights.find(args.model, Path(default_folder()) / "models")
    figures = {"items": len(items), "sound_s": round(seconds, 1)}
    with tempfile.TemporaryDirectory() as scratch:
        for open_it in (
            lambda: Whisper(args.weights, device=args.device, threads=args.threads),
            lambda: LocalEngine.open(folder, device=args.device),
        ):
            engine = open_it()
            name = engine.about.name
            found, took = measure(engine, items, Path(scratch) / f"{len(figures)}.jsonl")
            engine.close()
            print(f"{name}, {took:.0f} s\n{loop.as_table(found)}\n", flush=True)
            figures[name] = {"took_s": round(took, 1), "scores": [asdict(one) for one in found]}
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
