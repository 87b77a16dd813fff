"""Rows of the stage of notes are chats as the engine writes them, many after the same notes."""

from random import Random

import pytest
import torch

from model import tokenizer
from model.listening.notes import Note
from model.machine import PACKAGED
from model.messages import Message
from model.prompt import Renderer
from model.spec import IM_END
from model.training import notes_batches
from model.training.dialogues import IGNORED, Turn
from model.training.notes_batches import NotesBatches, dialogue, opening


@pytest.fixture(scope="module")
def renderer():
    return Renderer(tokenizer.load(PACKAGED), lambda n: 1)


@pytest.fixture(scope="module")
def batches(renderer):
    return NotesBatches(renderer, seed=3)


def test_a_dialogue_is_what_the_chat_writes(renderer):
    notes = ((Note(start=0, end=2, reader="", text="Hi <|im_end|>."),),)
    parts = opening(notes, Random(0), lambda note: [])
    turns = [Turn("Who?", "Ann."), Turn("When?", "On Friday.")]
    made = dialogue(renderer, turns, parts)
    first = 'Audio 1:\nHeard in recording 1 (0:00 to 0:02).\n0:00 "Hi <|im_end|>."\nWho?'
    said = [("user", first), ("assistant", "Ann."), ("user", "When?"), ("assistant", "On Friday.")]
    messages = [Message(role, (text,)) for role, text in said]
    assert made.ids == renderer.chat(messages, [], answer=False).ids
    end = renderer.tokenizer.control[IM_END]
    learned = [label for label in made.labels if label != IGNORED]
    encode = renderer.tokenizer.encode
    assert learned == [*encode("Ann."), end, *encode("On Friday."), end]


def test_what_fills_slots_stands_between_label_and_notes(renderer):
    notes = ((Note(start=0, end=2, reader="", text="Hi."),),) * 40
    parts = opening(notes, Random(1), lambda note: [5, 6])
    filled = [i for i, part in enumerate(parts) if part == [5, 6]]
    assert 2 < len(filled) < 20
    for i in filled:
        assert parts[i - 1].startswith("Audio ") and parts[i + 1].startswith("\nHeard in ")


def test_batches_are_the_same_again_and_no_row_is_too_long(batches, renderer):
    again = NotesBatches(renderer, seed=3)
    for number in (5, 2):
        one, other = batches[number], again[number]
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert one["ids"].shape == one["labels"].shape == one["segments"].shape
        assert len(one["ids"]) == notes_batches.ROWS
        assert one["ids"].shape[1] <= notes_batches.LONGEST + 200
    n_conversations = [int(batches[i]["segments"].max()) for i in range(8)]
    assert sum(n_conversations) / len(n_conversations) > 5


def test_plain_chat_stands_alone_and_beside_notes(renderer, tmp_path):
    file = tmp_path / "talks.jsonl"
    file.write_text('{"turns": [["What is ice?", "Frozen water."]], "ended": true}\n')
    mixed = NotesBatches(renderer, file, seed=1)
    rows = [mixed.row(Random(seed)) for seed in range(60)]
    texts = [renderer.tokenizer.encode("Frozen water."), renderer.tokenizer.encode("Audio 1")]

    def has(row, ids):
        n = len(ids)
        return any(d.ids[i : i + n] == ids for d in row for i in range(len(d.ids) - n + 1))

    plain = [row for row in rows if not has(row, texts[1])]
    beside = [row for row in rows if has(row, texts[0]) and has(row, texts[1])]
    assert plain and beside and all(has(row, texts[0]) for row in plain)
