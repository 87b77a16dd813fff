"""What is known of clips to conversations: questions, follow-ups, two clips in one question, turns
of text alone. The words are those of `wordings.py`; rendered by the same `model/prompt.py` as the
chat; the assistant's words are what is learned.

    python -m model.training.dialogues TEST_MANIFESTS... --out test-dialogue.jsonl

writes follow-ups in wordings that training never draws, about held-out clips, to be scored.
"""

import argparse
import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.messages import Clip, Message
from model.paths import as_path
from model.prompt import Renderer
from model.training import wordings as say
from model.training.data import Row
from model.training.data import read as read_manifest
from model.training.facts import GENDERS, NOT, TASK_OF, Facts, apart, bare
from model.training.texts import words
from model.windows import Window

IGNORED = -100  # the label of what is not learned: cross_entropy's
FIRST = 4  # a task's own question is drawn as often as so many other wordings
SHORT = 120  # letters of an answer to small talk beside a recording
SHAPES = {  # of the conversations of one batch: how often
    "one": 40,
    "open": 8,
    "whether": 7,
    "misfit": 4,
    "follow-up": 20,
    "two follow-ups": 6,
    "text first": 2,
    "two clips in turn": 4,
    "two clips": 8,
}
BESIDE = {"open": 2, "whether": 2, "misfit": 2, "follow-up": 3, "two follow-ups": 1}
FOLLOW_UPS = {
    "fact": 45,
    "whether": 12,
    "speech or music": 4,
    "repeat": 20,
    "misfit": 8,
    "talk": 9,
}
ASKED = {"transcript": 6, "event": 3, "kind": 2, "language": 2, "gender": 2}  # others: 2
_QUESTIONS = say.ASKS | {"animal": say.ANIMAL}
_SAID = "transcript"  # the fact whose answer is what is said


# What is learned ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialogue:
    """Token ids, and labels: the same ids where the assistant speaks, IGNORED elsewhere. `said` is
    where a label is of what is said in a clip."""

    ids: list[int]
    labels: list[int]
    said: list[bool]


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str
    samples: int | tuple[int, ...] = ()  # of each clip before the question; 0 is none
    is_said: bool = False  # the answer is what is said in the clip

    def __post_init__(self):
        if isinstance(self.samples, int):
            object.__setattr__(self, "samples", (self.samples,) if self.samples else ())


def render(renderer: Renderer, turns: Sequence[Turn], *, whole: bool = True) -> Dialogue:
    """`whole` is False where the last answer was cut short: then its end is not learned."""
    messages, heard, spans = [], [], []
    for turn in turns:
        clips = [Clip(np.zeros(n, np.float32), "") for n in turn.samples]
        heard += [[Window(clip, 0, len(clip.samples))] for clip in clips]
        messages.append(Message("user", (*clips, turn.question)))
        start = len(renderer.chat(messages, heard))
        messages.append(Message("assistant", (turn.answer,)))
        spans.append((start, len(renderer.chat(messages, heard, answer=False)), turn.is_said))
    ids = renderer.chat(messages, heard, answer=False).ids
    labels, said = [IGNORED] * len(ids), [False] * len(ids)
    for start, end, is_said in spans:
        labels[start:end] = ids[start:end]
        said[start:end] = [is_said] * (end - start)
    end = len(ids) if whole else len(ids) - 1
    return Dialogue(ids[:end], labels[:end], said[:end])


# Conversations ------------------------------------------------------------------------------------


def converse(facts: Sequence[Facts], talk: Sequence[Turn], draw: random.Random) -> list[list[Turn]]:
    """Conversations about the clips of a batch, each clip once and in order, some in pairs. All of
    a batch have one shape, so that little is padded. `talk` is text to mix in (see `small_talk`);
    without any there is none."""
    shapes = {name: n for name, n in SHAPES.items() if talk or name != "text first"}
    shape = _drawn(shapes, draw)
    maker = _Maker(facts, talk, draw)
    if shape.startswith("two clips"):
        pairs = [facts[i : i + 2] for i in range(0, len(facts), 2)]
        ask = maker.in_turn if shape == "two clips in turn" else maker.both(draw.random() < 0.35)
        return [ask(*pair) if len(pair) == 2 else [maker.fact(*pair)] for pair in pairs]
    return [maker.about(clip, shape) for clip in facts]


def beside(
    facts: Sequence[Facts], talk: Sequence[Turn], draw: random.Random
) -> list[list[list[Turn]]]:
    """For each clip, several conversations that begin with it: one for each fact that is known, and
    one of another shape."""
    maker = _Maker(facts, talk, draw)
    return [[*maker.every(clip), maker.about(clip, _drawn(BESIDE, draw))] for clip in facts]


def small_talk(talk: Iterable[tuple[list[Turn], bool]]) -> list[Turn]:
    """Short turns of text that may stand beside a recording, out of what `talk.read` gives."""
    alone = [turns[0] for turns, whole in talk if whole and len(turns) == 1]
    return [t for t in alone if len(t.answer) <= SHORT and t.answer != say.NO_RECORDING]


def mostly_first(wordings: Sequence[str], draw: random.Random) -> str:
    """One of them, the first of them FIRST times as likely as another."""
    return draw.choice([*[wordings[0]] * (FIRST - 1), *wordings])


class _Maker:
    """Draws the turns about the clips of one batch."""

    def __init__(self, batch: Sequence[Facts], talk: Sequence[Turn], draw: random.Random):
        self.batch, self.talk, self.draw = batch, talk, draw

    def about(self, clip: Facts, shape: str) -> list[Turn]:
        if shape == "text first":
            return [self.draw.choice(self.talk), self.fact(clip)]
        first = shape
        if shape in ("follow-up", "two follow-ups"):
            first = _drawn({"one": 70, "open": 20, "whether": 6, "misfit": 4}, self.draw)
        turns = [self.first(clip, first)]
        for _ in range(("follow-up", "two follow-ups").index(shape) + 1 if shape != first else 0):
            turns.append(self.follow_up(clip, turns))
        return turns

    def first(self, clip: Facts, shape: str) -> Turn:
        makers = {"open": self.open, "whether": self.whether, "misfit": self.misfit}
        turn = makers.get(shape, self.fact)(clip) or self.fact(clip)
        return replace(turn, samples=clip.samples)

    def fact(self, clip: Facts, asked: Sequence[Turn] = ()) -> Turn | None:
        """A question that has an answer. After others: one whose answer was not given yet, None
        where there is none."""
        wordings = say.THEN if asked else _QUESTIONS
        names = [n for n in clip.known if n in wordings and not _was_told(clip, n, asked)]
        if not asked and clip.others:
            if not names or self.draw.random() < len(clip.others) / 3:
                return Turn(*self.draw.choice(clip.others), clip.samples)
        if not names:
            assert asked, f"nothing is known of a clip: {clip}"
            return None
        name = _drawn({name: _often(clip, name) for name in names}, self.draw)
        heard = () if asked else clip.samples
        return Turn(self._question(name, wordings), clip.answer(name), heard, name == _SAID)

    def every(self, clip: Facts) -> list[list[Turn]]:
        """A question alone for each fact, and each that the clip brings with it."""
        names = [name for name in clip.known if name in _QUESTIONS]
        asked = [
            Turn(self._question(name, _QUESTIONS), clip.answer(name), clip.samples, name == _SAID)
            for name in names
        ]
        return [[turn] for turn in (*asked, *(Turn(*both, clip.samples) for both in clip.others))]

    def _question(self, name: str, wordings) -> str:
        if wordings is _QUESTIONS and name != "animal":
            return mostly_first(wordings[name], self.draw)
        return self.draw.choice(wordings[name])

    def open(self, clip: Facts) -> Turn | None:
        answer = clip.described()
        return Turn(self.draw.choice(say.OPEN), answer) if answer else None

    def misfit(self, clip: Facts, wordings=_QUESTIONS) -> Turn | None:
        """A question that the sound has no answer to."""
        names = [name for name in clip.misfits if name in wordings]
        if not names:
            return None
        return Turn(self.draw.choice(wordings[self.draw.choice(names)]), say.CANNOT)

    def whether(self, clip: Facts, wordings=say.WHETHER) -> Turn | None:
        """A question to be answered with yes or no, each as often."""
        names = ("kind", "language", "gender", "event", "note")
        told = [name for name in names if self._named(clip, name)]
        if not told:
            return None
        name = self.draw.choice(told)
        asked = true = self._named(clip, name)
        if self.draw.random() < 0.5 or true == "An event.":
            wrong = self._wrong(clip, name)
            if not wrong:
                name, true, wrong = "kind", clip.kind, self._wrong(clip, "kind")
            if not wrong:
                return None
            asked = self.draw.choice(wrong)
        answer = "Yes." if asked == true else f"No, {bare(true, name)}."
        return Turn(self.draw.choice(wordings).format(bare(asked, name)), answer)

    def _named(self, clip: Facts, name: str) -> str:
        """What may stand in a question with yes or no. Nobody asks whether it is an event."""
        answer = clip.answer(name)
        return "" if answer in ("An event.", "Speech.") and name == "event" else answer

    def _wrong(self, clip: Facts, name: str) -> list[str]:
        """Answers that are surely not true of the clip: what is true of others in the batch, or any
        other kind."""
        true = clip.answer(name)
        if name == "kind":
            return list(NOT.get(true, ()))
        if name == "gender":
            return [answer for answer in GENDERS.values() if answer != true]
        others = {self._named(other, name) for other in self.batch if other.kind == clip.kind}
        return sorted(other for other in others - {""} if apart(other, true))

    def follow_up(self, clip: Facts, turns: list[Turn]) -> Turn:
        shares = dict(FOLLOW_UPS)
        if not self.talk:
            del shares["talk"]
        makers: dict[str, Callable[[], Turn | None]] = {
            "fact": lambda: self.fact(clip, turns),
            "whether": lambda: self.whether(clip, say.WHETHER_THEN),
            "speech or music": lambda: self.speech_or_music(clip),
            "repeat": lambda: self.repeat(clip, turns),
            "misfit": lambda: self.misfit(clip, say.THEN | {"animal": say.ANIMAL}),
            "talk": lambda: self.draw.choice(self.talk),
        }
        while shares:
            kind = _drawn(shares, self.draw)
            turn = makers[kind]()
            if turn and turn.question not in {asked.question for asked in turns}:
                return turn
            del shares[kind]
        return Turn("Say it again.", turns[-1].answer)

    def speech_or_music(self, clip: Facts) -> Turn | None:
        if not clip.kind:
            return None
        music = clip.kind in ("An instrument.", "A drum.")
        other = clip.kind if clip.kind == "Speech." else f"Neither, {bare(clip.kind)}."
        return Turn(self.draw.choice(say.SPEECH_OR_MUSIC), "Music." if music else other)

    def repeat(self, clip: Facts, turns: list[Turn]) -> Turn | None:
        """About the words that were just written down."""
        if not clip.is_english or not any(clip.transcript in turn.answer for turn in turns):
            return None
        spoken = words(clip.transcript).split()
        kinds = (
            (30, Turn("Say it in upper case.", clip.transcript.upper())),
            (20, Turn("Repeat it.", clip.transcript)),
            (20, Turn("What was the first word?", f"{_capital(spoken[0])}.")),
            (20, Turn("What was the last word?", f"{_capital(spoken[-1])}.")),
            (10, Turn("How many words was that?", f"{len(spoken)}.")),
        )
        return self.draw.choices([turn for _, turn in kinds], [share for share, _ in kinds])[0]

    def in_turn(self, first: Facts, then: Facts) -> list[Turn]:
        return [self.fact(first), self.fact(then)]

    # Two clips in one message

    def both(self, and_the_other: bool) -> Callable[[Facts, Facts], list[Turn]]:
        """Makes conversations about two clips of one message, with a second turn or without."""

        def ask(*clips: Facts) -> list[Turn]:
            heard = tuple(clip.samples for clip in clips)
            first = _drawn({"either": 50, "which": 22, "alike": 14, "each": 14}, self.draw)
            turn = None if and_the_other or first == "either" else getattr(self, first)(clips)
            if turn:
                return [Turn(turn.question, turn.answer, heard)]
            at = self.draw.randrange(2)
            name, turn = self.either(clips[at], at)
            turns = [Turn(turn.question, turn.answer, heard)]
            if and_the_other:
                turns.append(self.other(clips[1 - at], 1 - at, name))
            return turns

        return ask

    def either(self, clip: Facts, at: int) -> tuple[str, Turn]:
        """About one of them: the name of what was asked, and the turn."""
        answers = {name: clip.answer(name) for name in clip.known if name in say.IN_EITHER}
        answers |= {"open": clip.described()} if clip.described() else {}
        answers |= {name: say.CANNOT for name in clip.misfits if self.draw.random() < 0.05}
        answers = {name: answer for name, answer in answers.items() if name in say.IN_EITHER}
        if not answers:
            question, answer = self.draw.choice(clip.others)
            return "open", Turn(f"About Audio {at + 1}: {question}", answer)
        name = self.draw.choice(sorted(answers))
        question = self.draw.choice(say.IN_EITHER[name]).format(at + 1)
        return name, Turn(question, answers[name])

    def other(self, clip: Facts, at: int, name: str) -> Turn:
        """The same about the other one; a new question where it is not known."""
        answer = clip.described() if name == "open" else clip.answer(name)
        if not answer and name in clip.misfits:
            answer = say.CANNOT
        if not answer:
            return self.either(clip, at)[1]
        return Turn(self.draw.choice(say.AND_THE_OTHER).format(at + 1), answer)

    def which(self, clips: Sequence[Facts]) -> Turn | None:
        """Which of two is something that just one of them is."""
        at = self.draw.randrange(2)
        one, other = clips[at], clips[1 - at]
        said = [one.kind] if one.kind in NOT.get(other.kind, ()) else []
        if one.kind == other.kind and apart(one.answer("event"), other.answer("event")):
            said.append(one.answer("event"))
        if not said:
            return None
        question = self.draw.choice(say.WHICH).format(bare(self.draw.choice(said)))
        return Turn(question, f"Audio {at + 1}.")

    def alike(self, clips: Sequence[Facts]) -> Turn | None:
        """Whether both are of one kind."""
        asked = self.draw.choice(clips).kind
        theirs = [clip.kind for clip in clips]
        sure = all(kind == asked or asked in NOT.get(kind, ()) for kind in theirs)
        if not sure or asked in ("", "An event."):
            return None
        only = f"No, only Audio {theirs.index(asked) + 1}."
        question = self.draw.choice(say.BOTH).format(bare(asked))
        return Turn(question, "Yes." if theirs == [asked] * 2 else only)

    def each(self, clips: Sequence[Facts]) -> Turn | None:
        names = [clip.shortly() for clip in clips]
        if not all(names):
            return None
        said = " ".join(f"Audio {n}: {name}." for n, name in enumerate(names, 1))
        return Turn(self.draw.choice(say.EACH), said)


def _was_told(clip: Facts, name: str, asked: Sequence[Turn]) -> bool:
    """Whether a fact is no question any more; after speech, nobody asks which sound it was."""
    told = clip.answer(name) in {turn.answer for turn in asked}
    return told or bool(asked) and name == "event" and clip.kind == "Speech."


def _often(clip: Facts, name: str) -> float:
    """How often a fact is asked for, beside the others of its clip."""
    own = name != "event" or clip.event
    return ASKED.get(name, 2) if own else 0.5


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _drawn(shares: dict[str, float], draw: random.Random) -> str:
    return draw.choices(list(shares), list(shares.values()))[0]


# Held-out questions -------------------------------------------------------------------------------


def held_out(rows: Iterable[Row], n: int, seed: int = 0) -> list[tuple[Row, dict]]:
    """Follow-ups to score, at most `n`, as many for each fact: a row of the clip, and `task`,
    `before`, `question` and `text` of a manifest line. One share does not fit its sound."""
    draw, clips = random.Random(seed), defaultdict(list)
    for row in rows:
        clips[row.clip].append(row)
    kept = [(of[0], Facts.of(of)) for of in clips.values()]
    draw.shuffle(kept)
    groups = {name: _even(kept, name) for name in say.HELD_OUT}
    groups["misfit"] = [pair for pair in kept if _misfits(pair[1])]
    groups = {name: found for name, found in groups.items() if found}
    each = n // max(1, len(groups))
    return [
        (row, _item(facts, name, draw))
        for name, found in groups.items()
        for row, facts in found[:each]
    ]


def _even(kept: list[tuple[Row, Facts]], name: str) -> list[tuple[Row, Facts]]:
    """The clips that have a fact, its values in turn."""
    by_value = defaultdict(list)
    for row, facts in kept:
        if value := getattr(facts, name):
            by_value[value].append((row, facts))
    if name == "transcript":  # each says something else
        return [pair for found in by_value.values() for pair in found]
    longest = max(map(len, by_value.values()), default=0)
    return [found[i] for i in range(longest) for found in by_value.values() if i < len(found)]


def _misfits(facts: Facts) -> list[str]:
    return [name for name in facts.misfits if name in say.HELD_OUT]


def _item(facts: Facts, name: str, draw: random.Random) -> dict:
    if name == "misfit":
        name, text, task = draw.choice(_misfits(facts)), say.CANNOT, "question"
    else:
        text, task = getattr(facts, name), TASK_OF[name]
    others = [other for other in say.ASKS if other != name and getattr(facts, other)]
    earlier = [say.OPEN[0], *(say.ASKS[other][0] for other in others)]
    question = draw.choice(say.HELD_OUT[name])
    return {"task": task, "before": [draw.choice(earlier)], "question": question, "text": text}


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Write follow-up questions about held-out clips.")
    cli.add_argument("manifests", type=as_path, nargs="+", help="of held-out clips")
    cli.add_argument("--out", type=as_path, required=True)
    cli.add_argument("--most", type=int, default=400, help="questions; default: %(default)s")
    args = cli.parse_args(argv)
    rows = [row for file in args.manifests for row in read_manifest(file)]
    learned = {str(row.facts.get("split")) for row in rows} & {"train", "dev"}
    if learned:
        cli.error(f"these manifests hold clips of the split {', '.join(sorted(learned))}")
    lines = []
    for row, asked in held_out(rows, args.most):
        place = {"audio": os.path.relpath(row.audio, args.out.parent)}
        place |= {"start": row.start, "duration": row.duration}
        lines.append(json.dumps(row.facts | place | asked, ensure_ascii=False) + "\n")
    args.out.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
