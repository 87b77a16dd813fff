"""Clips and their transcripts to conversations: questions, follow-up turns, turns of text alone.

Rendered by the same `model/prompt.py` as the chat; the assistant's words are what is learned.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.messages import Clip, Message
from model.prompt import Renderer
from model.training.corpus import sentence, words
from model.windows import Window

ASK = (  # the first as often as four others
    *["What does the person say?"] * 4,
    "What is said?",
    "What does the speaker say?",
    "What did they say?",
    "Transcribe the recording.",
    "Transcribe this.",
    "Write down what is said.",
    "Write down the words.",
    "What do you hear?",
    "Please transcribe the audio.",
    "What is the person saying?",
    "Can you write down what you hear?",
    "What is being said in this recording?",
)
IGNORED = -100  # the label of what is not learned: cross_entropy's


@dataclass(frozen=True)
class Dialogue:
    """Token ids, and labels: the same ids where the assistant speaks, IGNORED elsewhere."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str
    samples: int = 0  # of the clip before the question; 0 is none


def render(renderer: Renderer, turns: Sequence[Turn], *, whole: bool = True) -> Dialogue:
    """`whole` is False where the last answer was cut short: then its end is not learned."""
    messages, heard, spans = [], [], []
    for turn in turns:
        parts = (turn.question,)
        if turn.samples:
            clip = Clip(np.empty(turn.samples, np.float32), "")
            heard.append([Window(clip, 0, turn.samples)])
            parts = (clip, turn.question)
        messages.append(Message("user", parts))
        start = len(renderer.chat(messages, heard))
        messages.append(Message("assistant", (turn.answer,)))
        spans.append((start, len(renderer.chat(messages, heard, answer=False))))
    ids = renderer.chat(messages, heard, answer=False).ids
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        labels[start:end] = ids[start:end]
    return Dialogue(ids, labels) if whole else Dialogue(ids[:-1], labels[:-1])


def about_sound(
    texts: list[str], samples: int, talk: list[Turn], draw: random.Random
) -> list[list[Turn]]:
    """Conversations about a batch of clips of equal length, each clip once and in order. All of a
    batch are of one kind, so that little is padded. `talk` is text to mix in."""
    kind = draw.choices(("one", "two clips", "follow-up", "text first"), (84, 5, 9, 2))[0]
    said = [sentence(text) for text in texts]
    turns = [Turn(draw.choice(ASK), text, samples) for text in said]
    if kind == "two clips":
        return [turns[i : i + 2] for i in range(0, len(turns), 2)]
    if kind == "follow-up":
        return [[turn, _follow_up(turn.answer, talk, draw)] for turn in turns]
    if kind == "text first":
        return [[draw.choice(talk), turn] for turn in turns]
    return [[turn] for turn in turns]


def _follow_up(said: str, talk: list[Turn], draw: random.Random) -> Turn:
    spoken = words(said).split()
    kinds = (
        (30, Turn("Say it in upper case.", said.upper())),
        (20, Turn("Repeat it.", said)),
        (15, Turn("What was the first word?", spoken[0].capitalize() + ".")),
        (15, Turn("What was the last word?", spoken[-1].capitalize() + ".")),
        (10, Turn("How many words was that?", f"{len(spoken)}.")),
        (10, draw.choice(talk)),
    )
    return draw.choices([turn for _, turn in kinds], [share for share, _ in kinds])[0]
