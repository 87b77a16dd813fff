"""One bad thing in a conversation spoils no other: a question that is too long, recordings that are
too many, lost or damaged. What is left out is stored and said, and the conversation goes on."""

import io
import json

import pytest

from app import chat, labels
from app.i18n import LANGUAGES
from app.webpage import looks
from model.engine import Parrot, Room
from model.errors import DoesNotFit
from model.local import LocalEngine
from model.messages import Clip, Missing, Sampling
from sessions import bundle, transfer
from sessions.records import DAMAGED, DONE, FAILED, GONE, Unheard
from sessions.store import Store
from tests.model.conftest import noise, tiny_engine

DOG, CAT = noise(3, seed=1), noise(2, seed=2)


class Small(Parrot):
    """Reads 300 words at once, and refuses what is more."""

    def __init__(self):
        super().__init__()
        self.read = []

    def room(self, messages):
        room = super().room(messages)
        return Room(room.used, 300, costs=room.costs, heard=room.heard)

    def reply(self, messages, sampling, *, task=None):
        if not self.room(messages).has_answer:
            raise DoesNotFit("It does not fit.")
        self.read.append(messages)
        yield from super().reply(messages, sampling, task=task)


@pytest.fixture
def small():
    return Small()


def asked(engine, store, id, *parts, recall=None, after=-1):
    question = chat.ask(store, id, chat.question(parts), after)
    return given(engine, store, question, recall)


def given(engine, store, question, recall=None):
    """Another answer to a question; read from the disk, as after a start."""
    turn = chat.begin(
        engine, store, question, Sampling(max_tokens=4 if isinstance(engine, LocalEngine) else 512)
    )
    list(chat.answer(engine, store, turn, recall or chat.Recall(store)))
    return store.turn(turn.id)


def spoiled(store, clip, how):
    path = store.clips.path(clip.digest)
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "noise":
        path.write_bytes(content[:100] + bytes(range(256)) * 40)
    elif how == "another sound":
        chat.keep(store, noise(1, seed=9), "other")
        path.write_bytes(store.clips.path(noise(1, seed=9).digest).read_bytes())
    elif how == "a folder":
        path.unlink()
        path.mkdir()


WAYS = ("gone", "cut short", "empty", "noise", "another sound", "a folder")


@pytest.mark.parametrize("how", WAYS)
def test_a_lost_recording_is_left_out_and_said_and_the_conversation_goes_on(store, small, how):
    dog, cat = chat.keep(store, DOG, "dog.wav"), chat.keep(store, CAT, "cat.wav")
    id = store.start().id
    asked(small, store, id, dog, cat, "What are they?")
    spoiled(store, dog, how)
    for question in ("And now?", "And again?"):
        answer = asked(small, store, id, question)
        why = GONE if how == "gone" else DAMAGED
        assert answer.status == DONE and answer.text.startswith(question)
        assert answer.unheard == (Unheard(dog.digest, 0, 0, why),)
        assert [(h.number, h.digest) for h in answer.heard] == [(2, cat.digest)]
        (first, *_) = small.read[-1]
        missing, clip, _ = first.parts
        assert isinstance(missing, Missing) and clip.digest == CAT.digest
    again = given(small, store, store.turns(id)[0])
    assert again.status == DONE and again.text.startswith("[heard 2.0 s]")
    alone = asked(small, store, id, dog, after=None)
    assert alone.status == FAILED and "attach it again" in alone.sentence
    assert asked(small, store, id, "Still there?").status == DONE


def test_a_recording_that_comes_back_is_heard_again(store, small):
    dog = chat.keep(store, DOG, "dog.wav")
    id = store.start().id
    spoiled(store, dog, "gone")
    assert asked(small, store, id, dog, "What is it?").unheard
    chat.keep(store, DOG, "dog.wav")
    answer = asked(small, store, id, "And now?")
    assert not answer.unheard and answer.heard[0].digest == dog.digest


def test_a_question_that_is_too_long_fails_alone(store, small):
    id = store.start().id
    dog = chat.keep(store, DOG, "dog.wav")
    asked(small, store, id, dog, "What is it?")
    too_long = asked(small, store, id, "word " * 400)
    assert (too_long.status, too_long.text) == (FAILED, "")
    answer = asked(small, store, id, "And now?")
    assert (answer.status, answer.left_out) == (DONE, 1)
    assert [m.role for m in small.read[-1]] == ["user", "assistant", "user"]
    edited = asked(small, store, id, "shorter", after=store.turn(too_long.parent).parent)
    assert (edited.status, edited.left_out) == (DONE, 0)
    assert given(small, store, store.turn(too_long.parent)).status == FAILED  # again, no better
    copy = store.duplicate(id)
    assert asked(small, store, copy.id, "And here?").status == DONE


def test_a_conversation_that_has_grown_too_long_goes_on(store, small):
    id = store.start("Be brief.").id
    for i in range(12):
        answer = asked(small, store, id, f"{i} " + "word " * 40)
        assert answer.status == DONE
        assert all(small.room(read).has_answer for read in small.read)
    read = small.read[-1]
    assert read[0].role == "system" and answer.left_out == 22 - (len(read) - 2) == 18
    assert small.read[-1][-1].parts[0].startswith("11 ")


def test_more_recordings_than_fit_are_named_and_the_next_questions_are_answered(store):
    engine = tiny_engine()
    clips = [chat.keep(store, noise(29, seed=i), f"{i}.wav") for i in range(12)]
    id, recall = store.start().id, chat.Recall(store, seconds=1000)
    answer = asked(engine, store, id, *clips, "Which is the loudest?", recall=recall)
    assert answer.status in ("done", "length") and len(answer.unheard) == 4
    assert {u.digest for u in answer.unheard} == {clip.digest for clip in clips[8:]}
    new = chat.keep(store, DOG, "dog.wav")
    answer = asked(engine, store, id, new, "And this?", recall=recall)
    assert new.digest in {h.digest for h in answer.heard if h.end}
    assert new.digest not in {u.digest for u in answer.unheard}
    too_long = asked(engine, store, id, "word " * 3000, recall=recall)
    assert "shorten it by" in too_long.sentence and not too_long.text
    assert asked(engine, store, id, "Well?", recall=recall).status in ("done", "length")


@pytest.fixture
def incomplete(store, small):
    """A conversation of which much was left out."""
    dog, cat = chat.keep(store, DOG, "dog.wav"), chat.keep(store, CAT, "cat.wav")
    id = store.start().id
    asked(small, store, id, dog, cat, "What are they?")
    spoiled(store, dog, "cut short")
    spoiled(store, cat, "gone")
    answer = asked(small, store, id, "And now?")
    stretch = Unheard("f" * 32, 30.0, 100.0)
    store.mark_unheard(answer.id, (*answer.unheard, stretch), 3, answer.heard)
    return id


SAID = (
    "Not heard, for lack of room: 0:30–1:40 of an earlier recording.",
    "Not heard, since it is no longer stored: cat.wav.",
    "Not heard, since its file is damaged: dog.wav.",
    "Not read, for lack of room: 3 earlier turns.",
    "This recording is no longer stored.",
    "The file of this recording is damaged.",
)


def exported(store, id, kind, language="en"):
    file = io.BytesIO()
    dress = looks(LANGUAGES[language], chat.Recall(store).clip)
    transfer.export(store, [id], file, kind, dress)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_what_was_left_out_is_said_in_files(store, incomplete, kind):
    text = exported(store, incomplete, kind).decode()
    for sentence in SAID:
        assert sentence in text, sentence
    german = exported(store, incomplete, kind, "de").decode()
    assert not any(sentence in german for sentence in SAID) and "Nicht gehört" in german


@pytest.mark.parametrize("kind", ["json", "html", "zip"])
def test_what_was_left_out_comes_back_with_a_file(store, incomplete, kind, tmp_path):
    with Store(tmp_path / "other") as other:
        (copy,) = transfer.take(other, exported(store, incomplete, kind), chat.check).conversations
        one, two = (
            bundle.document([s.whole(i)]) for s, i in ((store, incomplete), (other, copy.id))
        )
        assert one == two
        assert other.turns(copy.id)[-1].left_out == 3
        assert asked(Small(), other, copy.id, "And here?").status == DONE


@pytest.mark.parametrize(
    "name, value",
    [
        *(("left_out", n) for n in (-1, 10**9, "3", True, None)),
        *(("heard", [row]) for row in ([], [0, 0, "d" * 32, 0, 1], [0, 1, "x", 0, 1])),
        *(("heard", [row]) for row in ([0, 10**9, "d" * 32, 0, 1], ["0", 1, "d" * 32, 0, 1], 7)),
        ("heard", [[0, 1, "d" * 32, 0, 1]] * 2000),
        *(("unheard_why", why) for why in ([], ["x"], ["gone"] * 9, "gone", [{}])),
    ],
)
def test_a_file_that_lies_about_what_was_read_is_refused(store, incomplete, name, value):
    given = json.loads(exported(store, incomplete, "json"))
    given["conversations"][0]["turns"][-1][name] = value
    with pytest.raises(transfer.BadBundle, match=name):
        transfer.take(store, json.dumps(given).encode(), chat.check)


def test_a_file_from_before_says_nothing_of_it(store, incomplete):
    given = json.loads(exported(store, incomplete, "json"))
    for turn in given["conversations"][0]["turns"]:
        for name in ("left_out", "heard", "unheard_why"):
            turn.pop(name, None)
    (copy,) = transfer.take(store, json.dumps(given).encode(), chat.check).conversations
    last = store.turns(copy.id)[-1]
    assert (last.left_out, last.heard) == (0, ()) and last.unheard


def test_every_language_has_all_that_is_said():
    for language in LANGUAGES.values():
        words = labels.labels(language)
        assert "{names}" in words.gone and "{names}" in words.damaged
        assert "{stretches}" in words.unheard and "{n}" in words.left_out
        assert all(name in words.stretch for name in ("{start}", "{end}", "{name}"))


def test_a_clip_is_what_its_digest_says_or_lost(store):
    ref = chat.keep(store, DOG, "dog.wav")
    recall = chat.Recall(store)
    assert isinstance(recall.part(ref), Clip)
    spoiled(store, ref, "gone")
    assert isinstance(recall.part(ref), Clip)  # it is still in memory
    assert chat.Recall(store).part(ref) == Missing(ref.digest, GONE)
