"""What an engine hears of a clip is taken once, kept, read for the answer, and lost by no stop."""

import asyncio
import logging

import numpy as np
import pytest

from app import chat, note_taking, offers
from app.events import Desk
from app.i18n import LANGUAGES
from app.talks import Talks
from model.engine import Parrot
from model.listening.notes import Word, from_json
from model.listening.notes_as_text import notes_as_text
from model.messages import Clip, Sampling
from model.spec import SAMPLE_RATE
from model.windows import split
from sessions import records
from sessions.records import WindowNotes

WORDS = (Word(0.2, 0.6, "Good", 0.9), Word(40.0, 40.5, "evening", 0.3))


class Ear(Parrot):
    """Takes notes, and remembers what it was asked."""

    def __init__(self, words=WORDS, **how):
        super().__init__(words=words, **how)
        self.asked, self.given = [], []

    def notes(self, clip, windows=None):
        self.asked.append([window.start for window in windows])
        yield from super().notes(clip, windows)

    def reply(self, messages, sampling, *, task=None):
        self.given.append((messages, task))
        yield from super().reply(messages, sampling, task=task)


def clip(seconds, seed=0):
    return Clip.of(
        np.random.default_rng(seed).integers(-3000, 3000, int(seconds * SAMPLE_RATE), "i2")
    )


@pytest.fixture
def recall(store):
    return chat.Recall(store)


def asked(engine, store, recall, parts, task="", id=None):
    turn = chat.ask(store, id or store.start().id, parts, task=task)
    return chat.answer(engine, store, chat.begin(engine, store, turn, Sampling()), recall)


def waited(talks, id):
    if talk := talks.find(id):
        assert talk.over.wait(20)


def test_notes_are_taken_once_and_read_with_every_question(store, recall):
    engine, sound = Ear(), clip(50)
    ref = chat.keep(store, sound, "a.wav")
    id = store.start().id
    list(asked(engine, store, recall, (ref, "what?"), id=id))
    first, second = split(sound)
    assert engine.asked == [[first.start, second.start]]
    list(asked(engine, store, recall, ("and?",), id=id))
    assert len(engine.asked) == 1  # they are known
    for messages, _ in engine.given:
        [heard] = messages[0].clips
        assert [note.text for note in heard.notes] == ["Good", "evening"]
        assert '0:40 "evening"' in notes_as_text(heard.notes)
        assert heard.notes[0].level == pytest.approx(-25.6, abs=0.5)  # 3000/√3 of 32768


def test_other_weights_hear_anew_and_other_notes_stay(store, recall):
    one, other = Ear(), Ear(words=(Word(0.0, 0.4, "Bad"),))
    other.about = type(one.about)(**vars(one.about) | {"weights": "2"})
    ref = chat.keep(store, clip(2), "a.wav")
    for engine in (one, other, one):
        list(asked(engine, store, recall, (ref, "what?")))
    assert (len(one.asked), len(other.asked)) == (1, 1)
    assert [m[0].clips[0].notes[0].text for m, _ in one.given] == ["Good", "Good"]
    assert set(store.notes.by("parrot 2", ref.digest)) == set(store.notes.by("parrot", ref.digest))


def test_a_stop_while_notes_are_taken_loses_none(store, recall):
    engine, ref = Ear(), chat.keep(store, clip(100), "a.wav")
    doing = []
    turn = chat.begin(engine, store, store.ask(store.start().id, (ref, "what?")), Sampling())
    words = chat.answer(engine, store, turn, recall, doing.append)
    assert [next(words) for _ in range(3)] == [""] * 3
    words.close()
    assert doing == [chat.DECODING, chat.LISTENING, chat.NOTING, chat.NOTING]
    assert store.turn(turn.id).status == records.STOPPED and engine.given == []
    assert len(store.notes.by("parrot", ref.digest)) == 2
    list(asked(engine, store, recall, (ref, "what?")))
    windows = split(recall.clip(ref))
    assert engine.asked[1] == [window.start for window in windows[2:]]
    assert len(engine.given[0][0][0].clips[0].notes) == len(windows) == 4


@pytest.mark.parametrize("damage", ["[", "[{}]", "{}", '[{"start": "soon"}]'])
def test_a_damaged_note_is_skipped_and_heard_again(store, recall, damage):
    engine, ref = Ear(), chat.keep(store, clip(2), "a.wav")
    store.notes.keep([WindowNotes(ref.digest, 0.0, 2.0, "parrot", damage)])
    messages = chat.messages("", [("user", (ref,))], recall)
    assert note_taking.noted(store, engine.about, messages)[0].clips[0].notes == ()
    list(asked(engine, store, recall, (ref, "what?")))
    assert engine.given[0][0][0].clips[0].notes[0].text == "Good"
    [data] = store.notes.by("parrot", ref.digest).values()
    assert from_json(data)[0].text == "Good"


def test_an_engine_that_cannot_listen_answers_without_notes(store, recall, caplog):
    class Deaf(Ear):
        def notes(self, clip, windows=None):
            yield from super().notes(clip, windows[:1])
            raise ZeroDivisionError

    engine, ref = Deaf(), chat.keep(store, clip(50), "a.wav")
    with caplog.at_level(logging.ERROR):
        said = list(asked(engine, store, recall, (ref, "what?")))
    assert said[-1].endswith("what?") and "No notes could be taken" in caplog.text
    assert len(engine.given[0][0][0].clips[0].notes) == 1


def test_an_engine_without_notes_stores_none(store, recall):
    ref = chat.keep(store, clip(2), "a.wav")
    assert list(asked(Parrot(), store, recall, (ref, "what?")))[-1] == "[heard 2.0 s] what?"
    assert store.notes.of([ref.digest]) == {}


def test_the_page_shows_what_was_heard_before_the_answer_is_over(store):
    engine = Ear(pause=0.1)
    ref, id = chat.keep(store, clip(2), "a.wav"), store.start().id
    talks = Talks(engine, store)
    desk = Desk(engine, store, talks)
    talks.start(id, (ref, "one two three four five six seven eight"), Sampling())

    async def views():
        return [view async for view in desk.looking(id, "tab", LANGUAGES["en"])]

    seen = asyncio.run(views())
    talks.close()
    folded = [i for i, (shown, _) in enumerate(seen) if "What was heard" in str(shown)]
    writing = [i for i, (_, newest) in enumerate(seen) if 'data-status="writing"' in newest]
    assert folded[0] in writing[:-1] and "What was heard" not in str(seen[0][0])
    assert len(folded) == 2  # once when it is known, once at the end


# Tasks


def test_a_task_is_stored_and_another_answer_repeats_it(store):
    engine, language = Ear(), LANGUAGES["en"]
    ref = chat.keep(store, clip(2), "a.wav")
    talks = Talks(engine, store)
    desk = Desk(engine, store, talks)
    from app.events import named, talking
    from app.turning import turning

    commands = named(*talking(desk), *turning(desk))
    [offer] = [one for one in offers.offers(engine.about, language) if one["task"] == "emotion"]
    clips = [{"digest": ref.digest, "name": ref.name}]
    about = {"text": offer["ask"], "clips": clips, "task": offer["task"]}
    id = commands["ask"]({"conversation": ""} | about, language)["conversation"]
    waited(talks, id)
    question, answer = store.turns(id)
    assert (question.task, question.text) == ("emotion", "In what mood is the speaker?")
    assert answer.text == "[heard 2.0 s] [emotion] In what mood is the speaker?"
    commands["again"]({"conversation": id, "turn": answer.id}, language)
    waited(talks, id)
    assert [task for _, task in engine.given] == ["emotion", "emotion"]
    commands["ask"]({"conversation": id} | about | {"task": "../../etc"}, language)
    waited(talks, id)
    assert store.turns(id)[-2].task == "" and engine.given[-1][1] is None
    talks.close()


def test_a_task_is_about_its_own_recording_else_about_the_newest(store, recall):
    engine, id = Ear(), store.start().id
    one, two = chat.keep(store, clip(2), "a.wav"), chat.keep(store, clip(3, 1), "b.wav")
    list(asked(engine, store, recall, (one, "first"), id=id))
    list(asked(engine, store, recall, (two, "second"), id=id))
    list(asked(engine, store, recall, (one, "mood?"), "emotion", id=id))
    list(asked(engine, store, recall, ("mood?",), "emotion", id=id))
    list(asked(engine, store, recall, ("the same?",), "same speaker", id=id))
    heard = [[c.digest for m in messages for c in m.clips] for messages, _ in engine.given]
    assert heard[2:4] == [[one.digest], [one.digest]]
    assert heard[4] == [one.digest, two.digest, one.digest]  # it compares: all are given


def test_a_task_about_a_lost_recording_is_not_done_to_another(store, recall):
    engine, id = Ear(), store.start().id
    one, two = chat.keep(store, clip(2), "a.wav"), chat.keep(store, clip(3, 1), "b.wav")
    list(asked(engine, store, recall, (one, "first"), id=id))
    store.clips.path(two.digest).unlink()
    list(asked(engine, store, recall, (two, "mood?"), "emotion", id=id))
    assert [c.digest for m in engine.given[-1][0] for c in m.clips] == []
    assert [u.why for u in store.turns(id)[-1].unheard] == [records.GONE]


def test_a_task_that_the_model_was_not_taught_is_asked_in_words(store, recall):
    engine, ref = Ear(), chat.keep(store, clip(2), "a.wav")
    list(asked(engine, store, recall, (ref, "Who sings?"), "singer"))
    assert engine.given[0][1] is None and "singer" not in engine.about.tasks


def test_what_a_task_leaves_out_is_told(store, recall):
    from model.engine import Room, Unheard

    class Narrow(Ear):
        def room(self, messages, *, task=None):
            clips = [clip for message in messages for clip in message.clips]
            left = tuple(Unheard(one.digest, 0.0, one.seconds) for one in clips[:-1])
            return Room(10, 8192, left if task else ())

    engine = Narrow()
    one, two = chat.keep(store, clip(2), "a.wav"), chat.keep(store, clip(3, 1), "b.wav")
    id = store.start().id
    list(asked(engine, store, recall, (one, two, "mood?"), "emotion", id=id))
    [left] = store.turns(id)[-1].unheard
    assert (left.digest, left.why) == (one.digest, records.ONE_CLIP)
    line = Desk(engine, store, Talks(engine, store)).line(store.turns(id))
    from app.render import besides

    [_, beside] = besides(line, LANGUAGES["en"])
    assert beside.unheard == "Not heard, since this task is about one recording: a.wav."
