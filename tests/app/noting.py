"""A page whose engine hears the same words in every clip, of which it doubts one:
`python -m tests.app.noting --data DIR --port N`."""

from model.engine import Parrot
from model.listening.notes import Word
from tests.app.serving import serve_here

WORDS = (
    Word(0.2, 0.5, "Good", 0.98),
    Word(0.5, 0.9, "morning.", 0.95),
    Word(1.2, 1.7, "Heron", 0.31),
    Word(1.7, 2.1, "<b>calls</b>", 0.9),
)

if __name__ == "__main__":
    serve_here(Parrot(pause=0.02, words=WORDS))
