"""What the encoder makes of each clip of the packed corpus, kept on disk for the linear heads:
mean and deviation of every layer, and Whisper's guess of the language. Learns nothing.

    python -m model.training.head_features MODEL CORPUS OUT [--held-out]

MODEL is a checkpoint whose encoder is Whisper's, with its reader. A clip is padded as the reader
hears it. That padding is nearly the same from step to step, so by default only every sixth of its
steps is computed, and counts sixfold in attention: a third of the time, and features within a tenth
of their spread (median). --held-out takes the clips that are never learned from instead, and
computes every step.
"""

import argparse
import json
import logging
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model import audio
from model.encoder import AudioEncoder, n_steps
from model.listening.heads import summary
from model.listening.speech_reader import PADDED
from model.mel import log_mel, n_frames
from model.paths import as_path
from model.spec import HOP, SAMPLE_RATE
from model.training.packing import clips
from model.training.sources import held_out

PADDING = int(100 * PADDED)  # frames that a clip has at least
THINNED = 6  # steps of padding that one of them stands for
NEAR = 15  # steps after the sound that are all computed
LONGEST, LONGEST_TESTED = 5.0, 8.0  # seconds heard of a clip
MOST = {  # clips of one source and answer to learn from, by what they are
    "speech": 65,
    "synthetic": 14,
    "note": 45,
    "tune": 22,
    "chord": 60,
}
MOST_SOUNDS = 130
LANGUAGES = "languages.json"
SHARD = 500  # clips of one file
KINDS = {
    "Speech.": "speech",
    "A vocal sound.": "vocal sound",
    "An animal.": "animal",
    "An instrument.": "instrument",
    "A drum.": "drum",
    "An event.": "event",
}
VOICES = {"f": "female", "m": "male"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Features:
    """Of n clips: `found` (n, layers, 2 · width), Whisper's log-probabilities `spoken` (n,
    languages), what is true of each in `rows`, and the codes of the languages."""

    found: np.ndarray
    spoken: np.ndarray
    rows: list[dict]
    languages: list[str]

    @property
    def width(self) -> int:
        """Of the encoder."""
        return self.found.shape[2] // 2

    def layers(self, chosen: Sequence[int]) -> np.ndarray:
        """Those layers side by side: (n, 2 · width · layers chosen) float32."""
        return self.found[:, list(chosen)].reshape(len(self.found), -1).astype(np.float32)

    @classmethod
    def read(cls, folder: Path) -> "Features":
        """All that `write` wrote there."""
        files = [np.load(file) for file in sorted(folder.glob("*.npz"))]
        languages = json.loads((folder / LANGUAGES).read_text(encoding="utf-8"))
        return cls(
            np.concatenate([file["found"] for file in files]),
            np.concatenate([file["spoken"] for file in files]).astype(np.float32),
            [json.loads(row) for file in files for row in file["rows"]],
            languages,
        )

    def write(self, folder: Path, number: int = 0) -> None:
        """One file of the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.array([json.dumps(row, ensure_ascii=False) for row in self.rows])
        file = folder / f"{number:03d}.npz"
        np.savez(file, found=self.found, spoken=self.spoken, rows=rows)
        (folder / LANGUAGES).write_text(json.dumps(self.languages), encoding="utf-8")


# Clips --------------------------------------------------------------------------------------------


def facts(clip: dict) -> dict:
    """What the heads may learn of a packed clip, each None where it is not known."""
    answers = clip["answers"]
    is_speech = clip.get("kind") == "speech"
    known = {
        "kind": KINDS.get(answers.get("kind of sound"), "speech" if is_speech else None),
        "gender": VOICES.get(clip.get("gender")) if is_speech else None,
        "language": clip.get("language") if answers.get("language") else None,
        "family": (answers.get("instrument family") or "").rstrip(".").lower() or None,
    }
    told = ("source", "speaker", "split", "synthetic", "pitch", "label")
    return known | {name: clip.get(name) for name in told}


def chosen(corpus: Path, seed: int = 0) -> list[dict]:
    """The clips to learn from: at most so many of each source and answer, shuffled. Of speech the
    longer ones are preferred, for a language is not told from a syllable."""
    groups, draw = defaultdict(list), random.Random(seed)
    for clip in clips(corpus):
        if held_out(clip) or not any(facts(clip)[name] for name in ("kind", "gender", "family")):
            continue
        known = facts(clip)
        what = [known[name] for name in ("kind", "gender", "language", "family", "source")]
        groups[clip.get("kind"), *what].append(clip)
    found = []
    for (kind, *_), members in sorted(groups.items(), key=str):
        draw.shuffle(members)
        most = MOST.get(kind, MOST_SOUNDS)
        if kind == "speech":
            most = MOST["synthetic"] if members[0].get("synthetic") else most
            members.sort(key=lambda clip: -min(clip["duration"], 2.0))
            members = draw.sample(members[: 3 * most], min(most, len(members)))
        found += members[:most]
    draw.shuffle(found)
    return found


# Encoding -----------------------------------------------------------------------------------------


@torch.inference_mode()
def thinned(encoder: AudioEncoder, mel: torch.Tensor, frames: int) -> list[torch.Tensor]:
    """A log-mel (mels, 3000) of which `frames` hold sound -> what each layer puts out (1, steps,
    width), with most steps of the padding left out and the rest weighed for them."""
    n, near = n_steps(PADDING), n_steps(frames) + NEAR
    if near + THINNED >= n:
        return exactly(encoder, mel, frames)
    x = mel[None, :, : 2 * near + 4].to(encoder.conv1.weight.dtype)
    x = nn.functional.gelu(encoder.conv1(x))
    x = nn.functional.gelu(encoder.conv2(x)).transpose(1, 2)  # (1, steps, width)
    tail = torch.arange(near + THINNED // 2, n, THINNED)
    padding = x[:, near : near + 1] + encoder.positions[tail]
    x = torch.cat((x[:, :near] + encoder.positions[:near], padding), 1)
    stands_for = torch.ones(x.shape[1], dtype=x.dtype)
    stands_for[near:] = (n - near) / len(tail)
    outputs, mask = [], stands_for.log()[None, None, None]
    for layer in encoder.layers:
        x = layer(x, mask)
        outputs.append(x)
    return outputs


@torch.inference_mode()
def exactly(encoder: AudioEncoder, mel: torch.Tensor, frames: int) -> list[torch.Tensor]:
    """The same with every step."""
    outputs = []
    encoder.trunk(mel[None], [max(frames, PADDING)], outputs)
    return outputs


class Encoding:
    """Clips to features, with the reader of a checkpoint for the languages."""

    def __init__(self, model, languages: Sequence[int], begin: int):
        """`languages` are the ids of their tokens in the reader's vocabulary, `begin` is the token
        that a transcript begins with."""
        self.encoder, self.reader = model.audio, model.reader
        self.ids, self.begin = torch.tensor(languages), begin

    @torch.inference_mode()
    def __call__(self, samples: np.ndarray, *, whole: bool) -> tuple[np.ndarray, np.ndarray]:
        """Samples (n,) at 16 kHz -> features (layers, 2 · width), and log-probabilities of the
        languages."""
        from model.nn.speech_decoder import DecoderMemory

        mel, frames = log_mel(samples, self.encoder.config.num_mel_bins), n_frames(len(samples))
        outputs = (exactly if whole else thinned)(self.encoder, mel, frames)
        held = mel[None, :, : 2 * outputs[0].shape[1]]
        found = summary(outputs, held, [frames])[0]
        steps = self.reader.normalise(outputs[-1])
        hidden = self.reader(torch.tensor([[self.begin]]), steps, DecoderMemory())
        scores = self.reader.logits(hidden[0, -1])[self.ids].log_softmax(-1)
        return found.half().numpy(), scores.numpy()


def heard(clip: dict, corpus: Path, longest: float) -> np.ndarray:
    """The first seconds of a packed clip: (n,) float32."""
    seconds = min(clip["duration"], longest)
    return audio.part(corpus / clip["audio"], clip["start"], seconds).samples


def gather(encode: Encoding, rows: list[dict], corpus: Path, whole: bool) -> Iterator[tuple]:
    """(features, log-probabilities, facts) of each clip long enough to be heard."""
    longest = LONGEST_TESTED if whole else LONGEST
    for clip in rows:
        samples = heard(clip, corpus, longest)
        if len(samples) >= max(SAMPLE_RATE // 10, 4 * HOP):
            yield *encode(samples, whole=whole), facts(clip)


def main(argv: list[str] | None = None) -> None:
    from model import checkpoint
    from model.listening.speech_tokens import SpeechTokens
    from model.placement import Placement

    cli = argparse.ArgumentParser(description="Keep what the encoder makes of a corpus.")
    cli.add_argument("model", type=as_path, help="a checkpoint with a reader")
    cli.add_argument("corpus", type=as_path)
    cli.add_argument("out", type=as_path)
    cli.add_argument("--held-out", action="store_true", help="clips never learned from")
    args = cli.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = checkpoint.load(args.model, Placement(torch.device("cpu"), torch.bfloat16, 16))
    tokens = SpeechTokens(args.model / checkpoint.READER_TOKENIZER)
    encode = Encoding(model, list(tokens.languages.values()), tokens.begin)
    rows = chosen(args.corpus)
    if args.held_out:
        rows = [clip for clip in clips(args.corpus) if held_out(clip)]
    made = gather(encode, rows, args.corpus, args.held_out)
    for number in range(0, len(rows), SHARD):
        shard = [one for _, one in zip(range(SHARD), made, strict=False)]
        if shard:
            found, spoken, known = zip(*shard, strict=True)
            features = Features(
                np.stack(found),
                np.stack(spoken),
                list(known),
                list(tokens.languages),
            )
            features.write(args.out, number // SHARD)
            log.info("%d of %d clips", number + len(shard), len(rows))


if __name__ == "__main__":
    main()
