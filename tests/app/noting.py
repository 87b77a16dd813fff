"""A page whose engine hears the same words in every clip, of which it doubts one:
`python -m tests.app.noting --data DIR --port N`."""

import argparse

from app.page import serve
from model.engine import Parrot
from model.listening.notes import Word

WORDS = (
    Word(0.2, 0.5, "Good", 0.98),
    Word(0.5, 0.9, "morning.", 0.95),
    Word(1.2, 1.7, "Heron", 0.31),
    Word(1.7, 2.1, "<b>calls</b>", 0.9),
)

if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--data")
    cli.add_argument("--port", type=int)
    cli.add_argument("--no-browser", action="store_true")
    words = cli.parse_args()
    serve(
        Parrot(pause=0.02, words=WORDS),
        words.data,
        port=words.port,
        open_browser=False,
        ready=lambda address: print(address, flush=True),
    )
