"""What a reader makes of words, counted: made passages are spoken by synthesisers and read, and the
words that were written are laid beside those that were said.

    python -m model.training.gather_reader_errors MODEL OUT.json --passages 200

MODEL is a checkpoint with a reader. OUT.json has for each word how often it was said, and what else
was read for it ("" where nothing was); it is written anew after every few passages.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import torch

from model import checkpoint
from model.listening.speech_reader import SpeechReader
from model.paths import as_path
from model.placement import Placement
from model.spec import SAMPLE_RATE
from model.training import synthesis
from model.training.passage_questions import words
from model.training.passage_tellings import Recording
from model.training.spoken_passages import passages

SEED = 4001  # of the passages
LONGEST = 29.0  # seconds of what is read at once
EVERY = 5  # passages between two writings
PAUSE = 0.4  # seconds between sentences
MOST_WRITTEN = 3  # words read for one


def spoken(recording: Recording, draw: random.Random) -> tuple[np.ndarray, str]:
    """As much of a recording as fits, in one voice: samples (n,) float32 and what is said."""
    state, parts, texts, n = draw.getrandbits(32), [], [], 0
    for sentence in recording.sentences:
        said = synthesis.speak(sentence.text, synthesis.ENGLISH, random.Random(state)).pcm
        if n + len(said) > LONGEST * SAMPLE_RATE:
            break
        parts += [said, np.zeros(round(PAUSE * SAMPLE_RATE), np.int16)]
        texts.append(sentence.text)
        n += len(said) + len(parts[-1])
    samples = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return samples.astype(np.float32) / 32768, " ".join(texts)


def beside(said: Sequence[str], written: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each word that was said, with what was read for it. Where it is not plain which word became
    which, they are left out."""
    matcher = SequenceMatcher(None, said, written, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal" or i_end - i == j_end - j:
            yield from zip(said[i:i_end], written[j:j_end], strict=True)
        elif i_end - i == 1 and j_end - j <= MOST_WRITTEN:
            yield said[i], " ".join(written[j:j_end])


def gather(reader: SpeechReader, count: int, out: Path) -> None:
    """Counts over so many passages."""
    said, read = Counter(), defaultdict(Counter)
    made = passages(SEED)
    for number in range(1, count + 1):
        draw = random.Random(f"{SEED} {number}")
        for recording in next(made).recordings:
            samples, text = spoken(recording, draw)
            if not len(samples):
                continue
            written = reader.write(reader.hear(samples), language=synthesis.ENGLISH).text
            for word, there in beside(words(text), words(written)):
                said[word] += 1
                if there != word:
                    read[word][there] += 1
        if number % EVERY == 0 or number == count:
            table = {word: [n, dict(read[word])] for word, n in sorted(said.items())}
            out.write_text(json.dumps(table, ensure_ascii=False, indent=0), encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Count what a reader makes of spoken words.")
    cli.add_argument("model", type=as_path, help="a checkpoint with a reader")
    cli.add_argument("out", type=as_path)
    cli.add_argument("--passages", type=int, default=200)
    args = cli.parse_args(argv)
    where = Placement(torch.device("cpu"), torch.float32, 32)
    reader = SpeechReader.of(checkpoint.load(args.model, where), args.model)
    gather(reader, args.passages, args.out)


if __name__ == "__main__":
    main()
