"""Notes of recordings with conversations about them, to learn to answer from notes: spoken passages
as a reader takes them down, sounds without words, and what is known of either.

    python -m model.training.heard_passages 3

prints three of them.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, WITHHELD, Label, Note, Pitch, Word
from model.listening.notes_as_text import SPEECH, clock, notes_as_text
from model.listening.task_answers import CANNOT, KINDS, NO_WORDS, NOT_TAKEN, VOICES, as_sentence
from model.training import wordings
from model.training.instruments import FAMILIES
from model.training.line_passages import Lines, line_passage
from model.training.passage_questions import NO_ANSWER, typed, words
from model.training.passage_tellings import Passage, Recording, Sentence, Turn
from model.training.passage_units import Material, read
from model.training.reader_errors import misread, quoted, written
from model.training.spoken_commands import command
from model.training.spoken_passages import passage

MISREAD = 0.3  # share of passages with a reader's errors
ERRORS = (0.03, 0.2)  # chance of an error in a word of such a passage
EMPTY = 0.07  # share of passages of which nothing was taken down
BESIDE = 0.2  # share with one more recording, without words
BY_LINE = 0.2  # share of passages of plain lines, where there are any
COMMANDED = 0.08  # share in which a command is spoken
SOUND = 0.07  # share of examples without any speech
WINDOW = 28.0  # seconds of speech in a note
MOST = 10  # conversations about one passage
COPIED = 60  # words of a recording that is written down whole, at most
_PITCHES = [
    f"{name}{octave}" for octave in range(1, 7) for name in "C C# D D# E F F# G G# A A# B".split()
]
_LANGUAGES = ("de", "fr", "es", "it", "nl")


@dataclass(frozen=True)
class Example:
    """Notes of each recording, and conversations that each begin after them."""

    recordings: tuple[tuple[Note, ...], ...]
    conversations: tuple[tuple[Turn, ...], ...]


def example(
    rng: Random, material: Material, held: str | None = None, lines: Lines | None = None
) -> Example:
    """One example; the same for the same state of `rng`. `held` as `spoken_passages.passage`; with
    `lines`, some passages are made of them."""
    if rng.random() < SOUND:
        recordings = tuple(_sound(rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
        return Example(recordings, _about_sounds(rng, recordings))
    by_line = lines is not None and rng.random() < BY_LINE
    told = line_passage(rng, lines) if by_line else passage(rng, material, held)
    extra: list[tuple[Turn, ...]] = []
    if rng.random() < COMMANDED:
        told, extra = command(rng, told)
    if len(told.recordings) == 1 and rng.random() < EMPTY:
        return _nothing_taken_down(rng, told)
    rate = rng.uniform(*ERRORS) if rng.random() < MISREAD else 0.0
    heard = [[misread(rng, s.text, rate) for s in r.sentences] for r in told.recordings]
    recordings = [_notes(rng, r, h) for r, h in zip(told.recordings, heard, strict=True)]
    conversations = [_as_read(turns, told, heard) for turns in (*extra, *told.conversations)]
    conversations = [turns for turns in conversations if turns]
    kept = rng.sample(conversations, min(MOST, len(conversations)))
    if rng.random() < BESIDE:
        recordings.append(_sound(rng))
    recordings = tuple(recordings)
    kept += rng.sample(about := _about_sounds(rng, recordings), min(2, len(about)))
    return Example(recordings, tuple(kept))


def examples(seed: int, held: str | None = None) -> Iterator[Example]:
    """Examples without end."""
    rng, material = random.Random(seed), read()
    while True:
        yield example(rng, material, held)


# What was said, as it was read ---------------------------------------------------------------


def _notes(
    rng: Random, recording: Recording, heard: list[list[tuple[str, str]]]
) -> tuple[Note, ...]:
    """A note for every 28 s and less."""
    labels = _labels_of_speech(rng, recording)
    windows: list[list[tuple[Sentence, str]]] = [[]]
    for sentence, read_as in zip(recording.sentences, heard, strict=True):
        if windows[-1] and sentence.end - windows[-1][0][0].start > WINDOW:
            windows.append([])
        windows[-1].append((sentence, written(read_as)))
    start, notes = 0.0, []
    for window in windows:
        spoken = [word for sentence, text in window for word in _timed(sentence, text)]
        end = window[-1][0].end + 0.3
        text = " ".join(text for _, text in window if text)
        notes.append(
            Note(start=start, end=end, reader="", text=text, words=tuple(spoken), labels=labels)
        )
        start = end
    return tuple(notes)


def _timed(sentence: Sentence, text: str) -> Iterator[Word]:
    parts = text.split()
    step = (sentence.end - sentence.start) / max(1, len(parts))
    for i, part in enumerate(parts):
        yield Word(sentence.start + i * step, sentence.start + (i + 1) * step, part)


def _labels_of_speech(rng: Random, recording: Recording) -> tuple[Label, ...]:
    voice = "female" if recording.speaker == "woman" else "male"
    labels = (
        _label(rng, KIND, SPEECH, 0.97),
        _label(rng, LANGUAGE, "en", 0.95),
        _label(rng, VOICE, voice, 0.85),
    )
    return tuple(label for label in labels if rng.random() < 0.9)


def _label(rng: Random, about: str, name: str, sure: float) -> Label:
    is_sure = rng.random() < sure
    return Label(about, name, 0.95 if is_sure else 0.4, is_sure)


def _as_read(
    turns: tuple[Turn, ...], told: Passage, heard: list[list[list[tuple[str, str]]]]
) -> tuple[Turn, ...]:
    """The conversation with answers as they stand in the notes; () where one of them was lost."""
    made = []
    for turn in turns:
        answer = _answer_as_read(turn, told, heard)
        if answer is None:
            return ()
        made.append(replace(turn, answer=answer))
    return tuple(made)


def _answer_as_read(turn: Turn, told: Passage, heard) -> str | None:
    said = [s for recording in told.recordings for s in recording.sentences]
    flat = [read_as for recording in heard for read_as in recording]
    if turn.quotes:
        parts = [
            f'At {clock(told.recordings[r].sentences[i].start)}: "{written(heard[r][i])}"'
            for r, i in turn.quotes
        ]
        return " ".join(parts)
    if turn.kind in ("begin", "end"):
        same = [
            written(h)
            for s, h in zip(said, flat, strict=True)
            if words(s.text) == words(turn.answer)
        ]
        return same[0] if same else None
    if turn.kind in ("mention", "at", "which", "yesno") or turn.answer == NO_ANSWER:
        spoken, there = (
            {w for text in texts for w in words(text)}
            for texts in ([s.text for s in said], map(written, flat))
        )
        if set(words(turn.question)) & spoken <= there and turn.kind != "yesno":
            return turn.answer
    start = "No, " if turn.kind == "yesno" and turn.answer.startswith("No, ") else ""
    bare = turn.answer.removeprefix(start).rstrip(".!?")
    if bare in ("Yes", "No"):
        return turn.answer
    found = [quote for read_as in flat if (quote := quoted(bare, read_as)) is not None]
    if not found or not found[0]:
        return turn.answer if turn.kind not in ("mention", "at", "which") and not found else None
    if found[0] == bare:
        return turn.answer
    answer = found[0] if start else found[0][0].upper() + found[0][1:]
    return f"{start}{answer}{turn.answer[-1]}"


def _nothing_taken_down(rng: Random, told: Passage) -> Example:
    """A passage that was not read: whatever is asked of it, there is nothing to answer from."""
    end = told.recordings[0].sentences[-1].end
    withheld = rng.choice(("", *WITHHELD))
    labels = _labels_of_speech(rng, told.recordings[0]) if withheld else ()
    note = Note(start=0.0, end=end, reader="", labels=labels, withheld=withheld)
    asked = [turns[0] for turns in told.conversations]
    answer = NOT_TAKEN if withheld else NO_WORDS
    kept = [
        (replace(t, answer=answer, kind="unread"),) for t in rng.sample(asked, min(3, len(asked)))
    ]
    recordings = ((note,),)
    return Example(recordings, (*kept, *_about_sounds(rng, recordings)[:2]))


# What is known without words -----------------------------------------------------------------


def _sound(rng: Random) -> tuple[Note, ...]:
    """A note without words: a sound, or speech that could not be taken down."""
    kind = rng.choice(("animal", "instrument", "instrument", "drum", "event", "vocal sound", ""))
    labels, pitch, withheld = [], None, ""
    if kind:
        labels.append(_label(rng, KIND, kind, 0.8))
        if kind == "instrument":
            labels += [_label(rng, FAMILY, rng.choice(FAMILIES).lower(), 0.8)] * (
                rng.random() < 0.9
            )
            pitch = Pitch(440.0, rng.choice(_PITCHES), 0.9) if rng.random() < 0.8 else None
    else:
        withheld = rng.choice(("", *WITHHELD))
        if withheld and rng.random() < 0.5:
            labels.append(_label(rng, LANGUAGE, rng.choice(_LANGUAGES), 0.6))
    length = rng.uniform(0.5, 12)
    return (
        Note(
            start=0.0, end=length, reader="", labels=tuple(labels), pitch=pitch, withheld=withheld
        ),
    )


def _about_sounds(rng: Random, recordings: tuple[tuple[Note, ...], ...]) -> list[tuple[Turn, ...]]:
    """Questions on kind, voice, language, instrument and length of recordings, on the words of one
    without, and short follow-ups."""
    made = []
    for number in rng.sample(range(len(recordings)), min(3, len(recordings))):
        notes = recordings[number]
        facts = [
            "kind",
            "gender",
            "language",
            "family",
            "note",
            "event",
            "animal",
            "transcript",
            "open",
            "length",
        ]
        wanted = rng.sample(facts, 3)
        if notes[0].label(FAMILY):
            wanted = ["family", "note", "kind"]
        elif not notes[0].text:
            wanted[0] = "transcript"
        turns = []
        for i, fact in enumerate(wanted):
            follows = i > 0 and fact in wordings.THEN and rng.random() < 0.6
            answer = _known(fact, notes)
            if answer is None:
                continue
            asked = rng.choice(wordings.THEN[fact] if follows else _wordings(fact))
            if len(recordings) > 1 and not follows:
                asked = _scoped(rng, asked, number + 1)
            turns.append(Turn(_casual(rng, asked), answer, f"label {fact}"))
            if not follows and len(turns) > 1:
                made.append((turns.pop(),))
        if turns:
            made.append(tuple(turns))
    return made


def _wordings(fact: str) -> tuple[str, ...]:
    own = {"animal": wordings.ANIMAL, "open": wordings.OPEN, "length": _LENGTH}
    return own[fact] if fact in own else wordings.ASKS[fact]


_LENGTH = (
    "How long is the recording?",
    "What is the length of the recording?",
    "How many seconds does it last?",
)


def _scoped(rng: Random, asked: str, number: int) -> str:
    bare = asked.rstrip("?.").replace(" in the recording", "").replace(" in this recording", "")
    name = rng.choice((f"recording {number}", f"recording {number}", f"Audio {number}"))
    mark = asked[-1]
    if rng.random() < 0.6:
        return f"{bare} in {name}{mark}"
    return f"In {name}, {bare[0].lower()}{bare[1:]}{mark}"


def _casual(rng: Random, asked: str) -> str:
    return typed(rng, asked.rstrip("?.")) if rng.random() < 0.3 else asked


def _known(fact: str, notes: tuple[Note, ...]) -> str | None:
    """The answer that the notes of one recording give."""
    note = notes[0]
    kind = note.label(KIND)
    if fact == "kind":
        return _said(kind)
    if fact == "gender":
        return _said(note.label(VOICE))
    if fact == "language":
        return _said(note.label(LANGUAGE))
    if fact == "family":
        return _said(note.label(FAMILY))
    if fact == "note":
        return f"{note.pitch.note}." if note.pitch and not note.text else CANNOT
    if fact == "length":
        return f"{clock(notes[-1].end)}."
    if fact == "transcript":
        return _transcript(notes)
    if fact == "open":
        return _open(notes)
    return _which_sound(fact, kind)


def _said(label: Label | None) -> str:
    return CANNOT if label is None else as_sentence(label)


def _transcript(notes: tuple[Note, ...]) -> str | None:
    text = " ".join(note.text for note in notes if note.text)
    if text:
        return text if len(text.split()) <= COPIED else None
    return NOT_TAKEN if notes[0].withheld else NO_WORDS


def _open(notes: tuple[Note, ...]) -> str | None:
    note = notes[0]
    kind, voice = note.label(KIND), note.label(VOICE)
    if note.text:
        first = note.text.split(". ")[0].rstrip(".")
        who = VOICES[voice.name] if voice and voice.is_sure else "Somebody"
        return f'{who} says: "{first}."'
    if kind is None:
        return _transcript(notes)
    more = [_said(label) for label in (note.label(FAMILY),) if label and label.is_sure]
    more += [f"The note is {note.pitch.note}."] if note.pitch else []
    return " ".join([_said(kind), *more])


def _which_sound(fact: str, kind: Label | None) -> str:
    """Which sound, which animal: no finding says it."""
    if kind is None or fact == "animal" and kind.name != "animal":
        return CANNOT
    if not kind.is_sure:
        return _said(kind)
    return f"{KINDS.get(kind.name, kind.name)}, I can't tell which."


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Print notes of recordings with conversations.")
    cli.add_argument("count", type=int)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--held", choices=("wording", "unit"))
    args = cli.parse_args(argv)
    made = examples(args.seed, args.held)
    for _ in range(args.count):
        shown = next(made)
        for number, notes in enumerate(shown.recordings, 1):
            print(notes_as_text(notes, number))
        for turns in shown.conversations:
            print("    " + " | ".join(f"{t.question} -> {t.answer} ({t.kind})" for t in turns))
        print()


if __name__ == "__main__":
    main()
