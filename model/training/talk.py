"""Text dialogues to mix in: the base model's own greedy answers to simple prompts, so that learning
to listen does not unlearn talking.

    python -m model.training.talk BASE OUT.jsonl
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from model.engine import Engine
from model.local import LocalEngine
from model.messages import Message, Sampling

LONGEST = 56  # tokens of an answer; longer ones are cut, and their end is not learned
_TOPICS = (
    "the sea,winter,music,a cat,trees,the moon,friendship,bread,rain,the city,books,horses,the sun,"
    "sleep,football,coffee,gardens,trains,the desert,birds,mountains,school,chess,computers,stars,"
    "rivers,cooking,painting,dreams,history"
).split(",")
_COUNTRIES = (
    "France,Germany,Italy,Spain,Japan,China,India,Brazil,Canada,Egypt,Russia,Mexico,Greece,Norway,"
    "Turkey,Kenya,Peru,Poland,Sweden,Ireland"
).split(",")
_ABOUT = (
    "Write a short sentence about {}.",
    "Tell me a fact about {}.",
    "What do you think about {}?",
    "Explain {} to a child.",
)
_PLAIN = (
    "Hello!|Hi there.|How are you?|Who are you?|What can you do?|Thank you!|Good morning.|"
    "Can you help me?|Tell me a joke.|What is your name?|What is two plus two?|"
    "What is ten minus three?|Name three colours.|Name three fruits.|Count to five.|"
    "What is the opposite of hot?|What is the opposite of big?|What day comes after Monday?|"
    "How many days are in a week?|What colour is the sky?|What is water made of?|Why do we sleep?|"
    "How do plants grow?|What do bees make?|What is gravity?|Who wrote Romeo and Juliet?|"
    "What is the largest ocean?|What is the tallest mountain?|How does a telephone work?|"
    "What is a verb?|What is a noun?|Say goodbye.|What is a good breakfast?|How do I make tea?|"
    "How can I learn English?|What should I do when I am tired?|What is machine learning?"
).split("|")


def prompts() -> list[str]:
    """What the base model is asked."""
    capitals = [f"What is the capital of {country}?" for country in _COUNTRIES]
    about = [how.format(topic) for topic in _TOPICS for how in _ABOUT]
    return _PLAIN + capitals + about


def answers(engine: Engine, asked: list[str]) -> Iterator[dict]:
    """Prompt, answer, and whether the answer had come to its end."""
    greedy = Sampling(temperature=0, max_tokens=LONGEST)
    for prompt in asked:
        pieces = list(engine.reply([Message("user", (prompt,))], greedy))
        answer = "".join(piece.text for piece in pieces)
        yield {"prompt": prompt, "answer": answer, "ended": pieces[-1].finish == "stop"}


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Let the base model answer simple prompts.")
    cli.add_argument("base", type=Path)
    cli.add_argument("out", type=Path)
    args = cli.parse_args(argv)
    with open(args.out, "w", encoding="utf-8") as out:
        for row in answers(LocalEngine.open(args.base), prompts()):
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
