"""How well a model answers questions from notes of recordings, and plain questions without any.

    python -m model.evaluation.question_answering MODEL            # questions_from_notes.jsonl
    python -m model.evaluation.question_answering MODEL --plain    # plain_chat.jsonl
    python -m model.evaluation.question_answering MODEL --quoting  # only words heard or asked

The examination is written by hand and for the end of a stage of training: nothing may be learned
from it or chosen by it. An answer is right if it holds the right words and, from notes, has 25
words at most; where the passage does not say, if it says so. A later turn is asked after the
question that it follows, with the model's own answer to that.
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from model import batch, checkpoint, tokenizer
from model.evaluation.metrics import METRICS
from model.listening.notes import KIND, LANGUAGE, Label, Note, Word
from model.listening.notes_as_text import SPEECH, notes_as_text
from model.listening.quoting import QuotedWords
from model.messages import Message
from model.paths import as_path
from model.placement import Placement
from model.prompt import Renderer
from model.qwen_audio import QwenAudio
from model.spec import IM_END

FOLDER = Path(__file__).parent
PASSAGES, PLAIN = FOLDER / "questions_from_notes.jsonl", FOLDER / "plain_chat.jsonl"
MOST_WORDS = 25  # of an answer that counts as right
LIMIT = 60  # tokens of an answer
UNANSWERABLE, ALONE = "unanswerable", "plain"  # kinds; ALONE: without recordings
ANSWERED, REFUSED, FALSELY, LATER = (
    "answered rightly",
    "refused where unanswerable",
    "refused falsely",
    "later turns",
)
_NOT = r"(?:does|did|do|is|was|are|were|could)(?: not|n't)|can't|cannot|never|not"
_REFUSAL = re.compile(
    rf"\b(?:{_NOT}) (?:say|said|mention|specif|provide|state|give|contain|clear|known|include"
    r"|tell|hear|told)|\bno (?:mention|information|words)\b|\bunknown\b|\bunclear\b"
)


@dataclass(frozen=True)
class Question:
    """One question about the passage, or the recordings, that `opening` tells of."""

    opening: str  # what stands before the first question
    question: str
    kind: str
    accept: tuple[str, ...]  # words of a right answer, any of them; none where it is unanswerable
    follows: "Question | None" = None


@dataclass
class Report:
    """Answers with whether they are right, by what is counted."""

    counts: dict[str, list[bool]] = field(default_factory=dict)
    rows: list[dict] = field(default_factory=list)

    def add(self, asked: Question, answer: str) -> None:
        """Counts one answer."""
        ok, refused = is_right(asked, answer), is_refusal(answer)
        row = {"question": asked.question, "kind": asked.kind, "accept": asked.accept}
        self.rows.append(row | {"answer": answer, "right": ok, "opening": asked.opening})
        if asked.kind == UNANSWERABLE:
            self._count(REFUSED, ok)
        else:
            self._count(ANSWERED, ok)
            self._count(FALSELY, refused and not ok)
        if asked.follows:
            self._count(LATER, ok)
        self._count(f"  {asked.kind}", ok)

    def lines(self) -> Iterator[str]:
        """Each figure with its count and 95 % interval."""
        first = [name for name in (ANSWERED, REFUSED, FALSELY, LATER) if name in self.counts]
        for name in (*first, *sorted(set(self.counts) - set(first))):
            hits = np.array([(hit, 1) for hit in self.counts[name]], dtype=float)
            share, low, high = METRICS["accuracy"].judge_counts(hits)
            found = f"{int(hits[:, 0].sum())} of {len(hits)}"
            yield f"{name:28} {found:>12} {share:7.1%}  ({low:.1%} to {high:.1%})"

    def _count(self, name: str, hit: bool) -> None:
        self.counts.setdefault(name, []).append(bool(hit))


def words(text: str, apostrophe: str = "") -> list[str]:
    """In small letters, without marks; an apostrophe joins two parts, or parts them (" ")."""
    return re.findall(r"[a-z0-9]+", re.sub("['’]", apostrophe, text.lower()))


def is_refusal(answer: str) -> bool:
    """Whether it says that this is not known."""
    return bool(_REFUSAL.search(answer.lower().replace("’", "'")))


def is_right(asked: Question, answer: str) -> bool:
    """Whether the answer has the right words, or says rightly that there is no answer."""
    if asked.kind == UNANSWERABLE:
        return is_refusal(answer)
    said = words(answer)
    if asked.kind == "yesno" and "yes" in map(str.lower, asked.accept) and "no" in said[:1]:
        return False
    if asked.kind == "yesno" and said[:1] == ["yes"] and "yes" not in map(str.lower, asked.accept):
        return False
    has = any(_has(answer, way, apostrophe) for way in asked.accept for apostrophe in ("", " "))
    return has and (len(said) <= MOST_WORDS or asked.kind == ALONE)


def _has(answer: str, way: str, apostrophe: str) -> bool:
    wanted, said = words(way, apostrophe), words(answer, apostrophe)
    return any(said[i : i + len(wanted)] == wanted for i in range(len(said)))


# What is asked ------------------------------------------------------------------------------------


def passages(file: Path = PASSAGES) -> list[Question]:
    """The questions of a file of passages, each after the one that it follows."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        before = opening([note(timed) for timed in told["recordings"]])
        asked: list[Question] = []
        for q in told["questions"]:
            first = None if q["follows"] is None else asked[q["follows"]]
            made = Question(before, q["question"], q["kind"], tuple(q["accept"]), first)
            asked.append(made)
        found += asked
    return found


def plain(file: Path = PLAIN) -> list[Question]:
    """Questions without any recording."""
    told = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [Question("", q["question"], ALONE, tuple(q["accept"])) for q in told]


def note(sentences: Sequence[tuple[float, float, str]]) -> Note:
    """The note of a recording in which these sentences are said, each from when to when."""
    spoken = []
    for start, end, text in sentences:
        parts = text.split()
        step = (end - start) / max(1, len(parts))
        spoken += [
            Word(start + i * step, start + (i + 1) * step, part) for i, part in enumerate(parts)
        ]
    text = " ".join(text for _, _, text in sentences)
    labels = (Label(KIND, SPEECH, 1.0), Label(LANGUAGE, "en", 1.0))
    end = sentences[-1][1]
    return Note(start=0.0, end=end, reader="", text=text, words=tuple(spoken), labels=labels)


def opening(notes: Sequence[Note]) -> str:
    """The notes of recordings, as they stand in a chat, without their sound."""
    return "".join(f"Audio {i}:\n{notes_as_text([n], i)}\n" for i, n in enumerate(notes, 1))


# Answers ------------------------------------------------------------------------------------------


class Answering:
    """A model that answers, always with the likeliest token. With `quoting`, only with words of
    the notes, of the conversation's questions, and of a short list."""

    def __init__(self, model: QwenAudio, tokens: tokenizer.Tokenizer, *, quoting: bool = False):
        self.model, self.tokens, self.quoting = model, tokens, quoting
        self.renderer = Renderer(tokens, model.audio.n_slots_of)

    @classmethod
    def open(cls, folder: Path, *, quoting: bool = False) -> "Answering":
        """The model of a checkpoint folder, on the processor."""
        where = Placement(torch.device("cpu"), torch.bfloat16, 16)
        return cls(checkpoint.load(folder, where), tokenizer.load(folder), quoting=quoting)

    def all(self, questions: Sequence[Question]) -> list[str]:
        """The answer to each question. Those with one opening are read together; later turns come
        after the turns that they follow."""
        known: dict[int, str] = {}
        waiting = list(questions)
        while waiting:
            ready = [q for q in waiting if q.follows is None or id(q.follows) in known]
            assert ready, "a question follows one that is not asked"
            for together in _by_opening(ready):
                answers = self._answer([self._messages(q, known) for q in together], together)
                known |= {id(q): answer for q, answer in zip(together, answers, strict=True)}
            waiting = [q for q in waiting if id(q) not in known]
        return [known[id(q)] for q in questions]

    def _messages(self, asked: Question, known: dict[int, str]) -> list[Message]:
        turns, turn = [], asked
        while turn:
            turns.insert(0, turn)
            turn = turn.follows
        messages = []
        for i, turn in enumerate(turns):
            text = turn.opening + turn.question if i == 0 else turn.question
            messages.append(Message("user", (text,)))
            if turn is not asked:
                messages.append(Message("assistant", (known[id(turn)],)))
        return messages

    def _answer(self, talks: list[list[Message]], asked: Sequence[Question]) -> list[str]:
        prompts = [self.renderer.chat(messages, []) for messages in talks]
        rules = []
        if self.quoting:
            said = [[part for m in messages for part in m.parts] for messages in talks]
            rules = [QuotedWords(self.tokens, texts).allowed for texts in said]
        ids = batch.answers(
            self.model,
            prompts,
            _no_sound,
            [LIMIT] * len(prompts),
            {self.tokens.control[IM_END]},
            allowed=rules,
        )
        return [self._text(one) for one in ids]

    def _text(self, ids: Iterable[int]) -> str:
        return b"".join(map(self.tokens.bytes_of, ids)).decode("utf-8", "replace").strip()


def _no_sound(window):
    raise AssertionError("no sound stands in these prompts")


def _by_opening(questions: Sequence[Question]) -> list[list[Question]]:
    groups: dict[str, list[Question]] = {}
    for q in questions:
        groups.setdefault(q.opening, []).append(q)
    return list(groups.values())


def examine(answering: Answering, questions: Sequence[Question]) -> Report:
    """Asks all of them, and counts."""
    report = Report()
    for asked, answer in zip(questions, answering.all(questions), strict=True):
        report.add(asked, answer)
    return report


def show(report: Report, out: Path | None) -> None:
    """Prints the figures; every answer goes into a file, where one is given."""
    if out:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in report.rows)
        out.write_text("".join(lines), encoding="utf-8")
    for line in report.lines():
        print(line)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Score answers from notes, or plain answers.")
    cli.add_argument("model", type=as_path, help="a checkpoint folder")
    cli.add_argument("--plain", action="store_true", help="plain questions, without recordings")
    cli.add_argument("--quoting", action="store_true", help="only words that were heard or asked")
    cli.add_argument("--out", type=as_path, metavar="FILE", help="every answer, as JSON lines")
    args = cli.parse_args(argv)
    questions = plain() if args.plain else passages()
    report = examine(Answering.open(args.model, quoting=args.quoting), questions)
    show(report, args.out)


if __name__ == "__main__":
    main()
