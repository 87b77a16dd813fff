"""Batches of the stage that learns to answer from notes: a row is the notes of some recordings and
many conversations that begin after them, which do not see each other; or plain chat. No sound.

In place of a clip's slots stand none, or tokens drawn at random, or those of what was said: the
projection that will fill them learns later, and an answer must not hang on them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from torch.utils.data import Dataset

from model.listening.notes import Note
from model.listening.notes_as_text import clock, notes_as_text
from model.prompt import Prompt, Renderer
from model.spec import IM_END, IM_START, SYSTEM_PROMPT
from model.training import talk
from model.training.batches import Made, side_by_side
from model.training.dialogues import IGNORED, Dialogue, Turn
from model.training.heard_passages import Example, example
from model.training.line_passages import Lines
from model.training.passage_units import read

ROWS = 3  # notes with their conversations, in a batch
LONGEST = 640  # tokens in a row; conversations beyond it are left out
TALK_SHARE = 0.16  # of all rows: plain chat
TALKS = 7  # dialogues in such a row
TALK_BESIDE = 0.15  # share of the other rows that have a plain question, too
FILLED = 0.25  # share of recordings with tokens where slots will be
SLOTS = 40  # of these tokens at most
UNNUMBERED = 0.05  # share of single recordings whose notes tell no number
POOL = 4  # rows drawn for each one of a batch, so that rows of like length stand together


class NotesBatches(Dataset):
    """Whole batches by number, without end: tensors for a Learner. `talks` is a file as
    model/training/talk.py writes it; without one there is no plain chat. `lines` are plain
    sentences to make some of the passages of."""

    def __init__(
        self,
        renderer: Renderer,
        talks: Path | None = None,
        *,
        seed: int = 0,
        rows: int = ROWS,
        held: str | None = None,
        lines: Lines | None = None,
    ):
        self.renderer, self.material, self.seed, self.rows = renderer, read(), seed, rows
        self.talks = talk.read(talks) if talks else []
        self.held, self.lines = held, lines
        self._pools: dict[int, list[list[Dialogue]]] = {}

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, number: int) -> Made:
        pool, place = divmod(number, POOL)
        if pool not in self._pools:
            self._pools = {pool: self._drawn(pool)}
        return side_by_side(self._pools[pool][place::POOL][: self.rows])

    def _drawn(self, pool: int) -> list[list[Dialogue]]:
        """The rows of `POOL` batches, batch after batch of like length, shuffled."""
        rng = Random(f"{self.seed} {pool}")
        rows = [self.row(rng) for _ in range(POOL * self.rows)]
        rows.sort(key=_length)
        groups = [rows[i : i + self.rows] for i in range(0, len(rows), self.rows)]
        rng.shuffle(groups)
        return [group[i] for i in range(self.rows) for group in groups]

    def row(self, rng: Random) -> list[Dialogue]:
        """Dialogues that begin alike."""
        if self.talks and rng.random() < TALK_SHARE:
            some = rng.sample(self.talks, min(TALKS, len(self.talks)))
            return _fitting([self.plain(turns, whole) for turns, whole in some])
        made = example(rng, self.material, self.held, self.lines)
        dialogues = self.about(rng, made)
        return _fitting(dialogues)

    def about(self, rng: Random, made: Example) -> list[Dialogue]:
        """The conversations about an example, and sometimes one that is not about it."""
        parts = opening(made.recordings, rng, lambda note: self._filling(rng, note))
        asked = [
            [Turn(turn.question, turn.answer) for turn in turns] for turns in made.conversations
        ]
        short = [turns for turns, whole in self.talks if whole and len(turns[0].answer) < 200]
        if short and rng.random() < TALK_BESIDE:
            asked.append(rng.choice(short)[:1])
        rng.shuffle(asked)
        return [dialogue(self.renderer, turns, parts) for turns in asked]

    def _filling(self, rng: Random, note: Note) -> list[int]:
        """Tokens for slots: those of the words, each once or twice, or others without an order."""
        encode = self.renderer.tokenizer.encode
        words = encode(note.text)[:SLOTS]
        if words and rng.random() < 0.5:
            return [token for token in words for _ in range(rng.choice((1, 1, 2)))]
        others = encode(" ".join(rng.choice(rng.choice(self.material.units).sayings).split()))
        return rng.sample(others, len(others))[:SLOTS]

    def plain(self, turns: Sequence[Turn], whole: bool) -> Dialogue:
        """A dialogue without recordings; the end of an answer that was cut is not learned."""
        made = dialogue(self.renderer, turns)
        end = len(made.ids) if whole else len(made.ids) - 1
        return Dialogue(made.ids[:end], made.labels[:end], made.said[:end])


def opening(
    recordings: Sequence[Sequence[Note]], rng: Random, fill: Callable[[Note], list[int]]
) -> list[str | list[int]]:
    """What stands in the first message before the question, as in a chat: for each window its
    label, what fills its slots (nothing, or tokens that `fill` gives), its notes."""
    parts: list[str | list[int]] = []
    number = len(recordings) > 1 or rng.random() >= UNNUMBERED
    for i, notes in enumerate(recordings, 1):
        filled = rng.random() < FILLED
        for note in notes:
            times = f" ({clock(note.start)} to {clock(note.end)})" if len(notes) > 1 else ""
            parts.append(f"Audio {i}{times}:")
            if filled:
                parts.append(fill(note))
            parts.append(f"\n{notes_as_text([note], i if number else None)}\n")
    return parts


def dialogue(
    renderer: Renderer, turns: Sequence[Turn], before: Sequence[str | list[int]] = ()
) -> Dialogue:
    """ChatML as `Renderer.chat` writes it; `before` stands in the first message before its
    question: text, and token ids for slots. The assistant's words are what is learned."""
    prompt, labels = Prompt(), []
    control = renderer.tokenizer.control

    def add(*parts: str | list[int], learned: bool = False) -> None:
        text, start = "", len(prompt)
        for part in (*parts, []):
            if isinstance(part, str):
                text += part
                continue
            renderer.sequence(prompt, [text], ())
            prompt.ids += part
            text = ""
        added = prompt.ids[start:]
        labels.extend(added if learned else [IGNORED] * len(added))

    add([control[IM_START]], "system\n", SYSTEM_PROMPT, [control[IM_END]])
    for i, turn in enumerate(turns):
        first = before if i == 0 else ()
        add("\n", [control[IM_START]], "user", "\n")
        add(*first, turn.question, [control[IM_END]])
        add("\n", [control[IM_START]], "assistant", "\n")
        add(turn.answer, [control[IM_END]], learned=True)
    return Dialogue(prompt.ids, labels, [False] * len(labels))


def _fitting(dialogues: list[Dialogue]) -> list[Dialogue]:
    """As many as fit into a row, one at least."""
    n = len(dialogues)
    while n > 1 and _length(dialogues[:n]) > LONGEST:
        n -= 1
    return dialogues[:n]


def _length(row: list[Dialogue]) -> int:
    """Tokens of a row, about: what its dialogues share stands there once."""
    shared = next(i for i, label in enumerate(row[0].labels) if label != IGNORED)
    return len(row[0].ids) + sum(max(8, len(one.ids) - shared) for one in row[1:])
