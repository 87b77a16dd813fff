"""`python -m benchmarks.turns`: how much of the prompt each turn has to read anew.

Eight turns about four clips, through the engine; beside it the same prompt read from the start.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from model import weights
from model.local import LocalEngine
from model.messages import Clip, Message, Sampling
from model.spec import SAMPLE_RATE

QUESTIONS = (
    ("What do you hear?", True),
    ("Say it in other words.", False),
    ("And in this one?", True),
    ("Which of the two is louder?", False),
    ("Now this one.", True),
    ("Compare it with the first.", False),
    ("And the last.", True),
    ("Which was the longest?", False),
)


def tones(seconds: float, seed: int) -> Clip:
    """Notes that follow each other: sound with something going on."""
    random = np.random.default_rng(seed)
    notes = np.repeat(random.uniform(150, 900, int(seconds * 4)), SAMPLE_RATE // 4)
    return Clip.of((np.sin(2 * np.pi * np.cumsum(notes) / SAMPLE_RATE) * 9000).astype(np.int16))


def last_piece(engine: LocalEngine, messages: list[Message], sampling: Sampling):
    """(the whole answer, the last piece, seconds to the first token)."""
    began, first, said = time.perf_counter(), None, ""
    for piece in engine.reply(messages, sampling):
        if piece.token_ids and first is None:
            first = time.perf_counter() - began
        said += piece.text
    return said, piece, first


def main() -> None:
    from sessions.store import default_folder

    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--model", default=weights.DEFAULT, metavar="NAME|DIR")
    cli.add_argument("--seconds", type=float, default=12, help="of each clip; default: %(default)s")
    cli.add_argument("--tokens", type=int, default=24, help="of each answer; default: %(default)s")
    args = cli.parse_args()
    folder = weights.find(args.model, Path(default_folder()) / "models")
    engine, cold = LocalEngine.open(folder), LocalEngine.open(folder)
    cold.memories.budget = 0  # remembers nothing
    sampling = Sampling(max_tokens=args.tokens, temperature=0)
    talk: list[Message] = []
    print("turn  prompt  read anew   share   first token s (and from the start)")
    for number, (question, with_clip) in enumerate(QUESTIONS, 1):
        parts = (tones(args.seconds, number), question) if with_clip else (question,)
        talk.append(Message("user", parts))
        said, piece, first = last_piece(engine, talk, sampling)
        *_, slow = last_piece(cold, talk, sampling)
        new = piece.n_prompt - piece.n_reused
        share = new / piece.n_prompt
        row = f"{number:4} {piece.n_prompt:7} {new:10} {share:7.1%}   {first:8.2f} ({slow:.2f})"
        print(row, flush=True)
        talk.append(Message("assistant", (said or "…",)))
    print(json.dumps({"turn": number, "prefilled": new, "prompt": piece.n_prompt, "share": share}))


if __name__ == "__main__":
    main()
