"""One turn of conversation, with a parrot for a model."""

import numpy as np
import pytest

from app import chat
from app.talks import Talks
from model.engine import Parrot, Room, Unheard
from model.errors import MACHINE_IS_FULL, DoesNotFit, Silent
from model.messages import Clip, Piece, Sampling
from model.spec import SAMPLE_RATE
from sessions import records, transfer
from sessions.errors import BadBundle, Gone
from sessions.store import Store


class Scripted(Parrot):
    """Says what it is given to say, and remembers what it was told."""

    def __init__(self, *pieces, room=None):
        super().__init__()
        self.pieces, self.heard, self.closed, self._room = pieces, [], False, room

    def reply(self, messages, sampling, *, task=None):
        self.heard.append((messages, sampling))
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield Piece(piece) if isinstance(piece, str) else piece
        finally:
            self.closed = True

    def room(self, messages):
        return self._room or super().room(messages)


@pytest.fixture
def recall(store):
    return chat.Recall(store)


@pytest.fixture
def tone():
    """A second of A, as the model hears it."""
    wave = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    return Clip.of((wave * 9000).astype(np.int16))


def wav(clip, tmp_path):
    from model.audio import export

    export(clip, tmp_path / "tone.wav", "wav")
    return tmp_path / "tone.wav"


def answered(engine, store, recall, id, text, clips=()):
    asked = chat.ask(store, id, chat.question((*clips, text)))
    turn = chat.begin(engine, store, asked, Sampling())
    said = list(chat.answer(engine, store, turn, recall))
    return said, store.turns(id)[-1]


def test_an_answer_streams_and_is_stored(store, recall):
    id = store.start("Be brief.").id
    said, turn = answered(Parrot(), store, recall, id, "hello there you")
    assert said == ["", "hello", "hello there", "hello there you", "hello there you"]
    assert (turn.text, turn.status, turn.model) == ("hello there you", records.DONE, "parrot")
    assert turn.system == "Be brief." and '"top_p": 0.5' in turn.sampling


def test_stopping_keeps_what_was_said_and_frees_the_engine(store, recall):
    id, engine = store.start().id, Scripted("one", " two", " three")
    turn = chat.begin(engine, store, store.ask(id, ("count",)), Sampling())
    words = chat.answer(engine, store, turn, recall)
    assert [next(words) for _ in range(3)] == ["", "one", "one two"]
    words.close()
    assert engine.closed
    assert (store.turns(id)[-1].text, store.turns(id)[-1].status) == ("one two", records.STOPPED)


def test_a_recording_is_stored_as_it_is_heard(store, recall, tone, tmp_path):
    ref = chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    assert (ref.digest, ref.seconds) == (tone.digest, 1.0)
    assert recall.clip(ref).digest == tone.digest
    assert chat.Recall(store).clip(ref).digest == tone.digest  # also when read again


@pytest.mark.parametrize("kind", ["zip", "html"])
def test_an_export_comes_back_with_the_same_sound(store, tone, tmp_path, kind):
    id = store.start().id
    ref = chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    store.ask(id, chat.question([ref, "What is this?"]))
    with (tmp_path / "export").open("wb") as file:
        transfer.export(store, [id], file, kind)
    with Store(tmp_path / "other") as other:
        (new,) = transfer.take(other, tmp_path / "export", chat.check).conversations
        assert other.turns(new.id)[0].clips == [ref]
        one, two = (s.clips.path(ref.digest).read_bytes() for s in (store, other))
        assert one == two
        assert chat.Recall(other).clip(ref).digest == tone.digest


def test_an_export_with_another_sound_is_refused(store, tone, tmp_path):
    id, ref = store.start().id, chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    store.ask(id, chat.question([ref]))
    other = chat.take_in(store, wav(Clip.of(tone.pcm() // 2), tmp_path), "other.wav")
    store.clips.path(other.digest).replace(store.clips.path(ref.digest))
    with (tmp_path / "export").open("wb") as file:
        transfer.export(store, [id], file, "zip")
    with Store(tmp_path / "fresh") as fresh, pytest.raises(BadBundle, match="not the one it names"):
        transfer.take(fresh, tmp_path / "export", chat.check)


def test_an_answer_reads_the_line_it_stands_on(store, recall):
    id, engine = store.start().id, Scripted("well")
    answered(engine, store, recall, id, "one")
    first = store.turns(id)[0]
    edited = store.ask(id, ("one, edited",), after=first.parent)
    edited = chat.begin(engine, store, edited, Sampling())
    store.choose(id, first.id)  # the person looks at the old line meanwhile
    list(chat.answer(engine, store, edited, recall))
    assert [message.parts for message in engine.heard[-1][0]] == [("one, edited",)]


def test_sounds_beyond_its_limit_are_read_again(store, tone, tmp_path):
    recall = chat.Recall(store, seconds=1.5)
    other = Clip.of(tone.pcm() // 2)
    for clip in (tone, other):
        recall.clip(chat.take_in(store, wav(clip, tmp_path), "tone.wav"))
    assert list(recall._clips) == [other.digest]


def test_what_cannot_be_heard_is_not_stored(store):
    with pytest.raises(Silent):
        chat.take_in(store, _silence(), "muted.wav")
    assert list(store.clips.digests()) == []


def _silence():
    import io

    from model.audio import export

    file = io.BytesIO()
    export(Clip.of(np.zeros(SAMPLE_RATE, np.int16)), file, "wav")
    return file.getvalue()


def test_the_model_reads_what_was_put_in_order(store, recall, tone, tmp_path):
    id, engine = store.start("Be brief.").id, Scripted("A tone <|0.50|>")
    ref = chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    answered(engine, store, recall, id, "What is this?", [ref])
    answered(engine, store, recall, id, "And how high?")
    messages, sampling = engine.heard[-1]
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    clip, text = messages[1].parts
    assert clip.digest == tone.digest and text == "What is this?"
    assert messages[2].parts == ("A tone <|0.50|>",)  # as it was written, marks and all
    assert sampling == Sampling()


def test_a_failure_is_a_sentence_and_the_recording_stays(store, recall, tone, tmp_path):
    id = store.start().id
    ref = chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    broken = Scripted(DoesNotFit("The conversation is too long: start a new one."))
    said, turn = answered(broken, store, recall, id, "What is this?", [ref])
    assert (turn.status, turn.sentence) == (
        records.FAILED,
        "The conversation is too long: start a new one.",
    )
    engine = Scripted("a tone")
    answered(engine, store, recall, id, "Try again.")
    (message,) = engine.heard[0][0]  # both questions in one: the sound is still heard
    assert message.clips[0].digest == tone.digest
    assert message.parts[1:] == ("What is this?", "Try again.")


def test_a_bug_is_told_politely_and_falls(store, recall):
    id, engine = store.start().id, Scripted("half", ZeroDivisionError("no"))
    with pytest.raises(ZeroDivisionError):
        answered(engine, store, recall, id, "go")
    turn = store.turns(id)[-1]
    assert (turn.text, turn.status, turn.sentence) == ("half", records.FAILED, chat.OURS)


@pytest.mark.parametrize("finish", [records.LENGTH, records.CIRCLES])
def test_an_answer_that_the_engine_broke_off_says_so(store, recall, finish):
    engine = Scripted("so long", Piece("", finish=finish))
    _, turn = answered(engine, store, recall, store.start().id, "go")
    assert turn.status == finish


def test_what_was_not_heard_is_stored(store, recall):
    room = Room(10, 8, (Unheard("d" * 32, 30.0, 130.0),))
    _, turn = answered(Scripted("well", room=room), store, recall, store.start().id, "go")
    assert turn.unheard == (records.Unheard("d" * 32, 30.0, 130.0),)


def test_nothing_is_not_a_question():
    with pytest.raises(chat.Refused, match="attach a recording"):
        chat.question(("  \n",))


def start(talks, store, text):
    id = store.start().id
    return talks.start(id, (text,), Sampling())


@pytest.fixture
def talks(store):
    talks = Talks(Parrot(pause=0.05), store, waiting=2)
    yield talks
    talks.close()


def test_an_answer_goes_on_without_anyone_looking(talks, store):
    talk = start(talks, store, "one two three")
    assert talks.find(talk.turn.conversation) is talk
    assert talk.over.wait(10)
    assert talks.find(talk.turn.conversation) is None
    assert store.turns(talk.turn.conversation)[-1].text == "one two three"


def test_stop_ends_an_answer_and_takes_a_waiting_one_out_of_the_line(talks, store):
    first, second = start(talks, store, "word " * 500), start(talks, store, "never said")
    assert (talks.ahead(first), talks.ahead(second)) == (0, 1)
    talks.stop(second.turn.conversation)
    assert second.over.is_set()
    while "word word" not in first.said:
        assert not first.over.wait(0.01)
    talks.stop(first.turn.conversation)
    assert first.over.wait(2)
    turns = [store.turns(talk.turn.conversation)[-1] for talk in (first, second)]
    assert [turn.status for turn in turns] == [records.STOPPED, records.STOPPED]
    assert turns[0].text.startswith("word word") and turns[1].text == ""


def test_too_many_questions_are_refused_and_not_stored(talks, store):
    for _ in range(3):  # one is answered, two wait
        start(talks, store, "word " * 500)
    id = store.start().id
    with pytest.raises(chat.Refused, match="2 questions are waiting"):
        talks.start(id, ("one more",), Sampling())
    assert store.turns(id) == []


def test_a_conversation_is_answered_once_at_a_time(talks, store):
    talk = start(talks, store, "word " * 500)
    with pytest.raises(chat.Refused, match="stop it first"):
        talks.start(talk.turn.conversation, ("and?",), Sampling())
    assert len(store.turns(talk.turn.conversation)) == 2


def test_a_deleted_conversation_takes_no_question(talks, store):
    with pytest.raises(Gone, match="deleted"):
        talks.start("0" * 32, ("hello?",), Sampling())


def test_an_answer_that_was_stopped_goes_on_from_its_last_word(talks, store):
    words = " ".join(f"word{i}" for i in range(40))
    talk = start(talks, store, words)
    while "word3" not in talk.said:
        assert not talk.over.wait(0.01)
    talks.stop(talk.turn.conversation)
    assert talk.over.wait(2)
    stopped = store.turn(talk.turn.id)
    assert stopped.status == records.STOPPED and words.startswith(stopped.text)
    more = talks.go_on(stopped, Sampling())
    assert more.said == stopped.text  # nothing that was said goes, not for a moment
    assert more.over.wait(10)
    assert [turn.text for turn in store.turns(talk.turn.conversation)] == [words, words]
    assert store.turn(stopped.id).status == records.DONE


def test_another_answer_and_an_edited_question_are_branches(talks, store):
    talk = start(talks, store, "first")
    assert talk.over.wait(5)
    question, answer = store.turns(talk.turn.conversation)
    assert talks.again(question, Sampling()).over.wait(5)
    answers = store.versions(store.turns(question.conversation))
    (versions,) = answers.values()
    assert versions.ids[0] == answer.id and versions.shown == 1
    edited = talks.start(question.conversation, ("second",), Sampling(), after=question.parent)
    assert edited.over.wait(5)
    line = store.turns(question.conversation)
    assert [turn.text for turn in line] == ["second", "second"]
    assert store.siblings(line[0].id).ids == (question.id, line[0].id)


def test_a_question_whose_answer_could_not_begin_is_asked_once(talks, store, monkeypatch):
    id = store.start().id
    monkeypatch.setattr(store, "begin", lambda *a, **k: (_ for _ in ()).throw(Gone("Not now.")))
    with pytest.raises(Gone):
        talks.start(id, ("hello",), Sampling())
    monkeypatch.undo()
    assert talks.start(id, ("hello",), Sampling()).over.wait(5)
    assert [turn.text for turn in store.turns(id)] == ["hello", "hello"]


def test_those_who_wait_are_told_how_long(talks, store):
    assert start(talks, store, "one two three four").over.wait(5)  # about 0.2 s
    first, second = start(talks, store, "word " * 500), start(talks, store, "never said")
    assert talks.seconds_until(first) is None
    assert 0 <= talks.seconds_until(second) < 2


@pytest.mark.parametrize("stored", ['{"warmth": 1}', "[]", "{", '{"temperature": 9}'])
def test_settings_of_another_version_are_a_sentence(store, stored):
    kept = store.start(sampling=stored)
    with pytest.raises(chat.Refused, match="choose it anew"):
        chat.sampling(kept, Parrot.about)


def test_what_is_done_before_the_first_word_is_told(store, recall, tone, tmp_path):
    id, done = store.start().id, []
    ref = chat.take_in(store, wav(tone, tmp_path), "tone.wav")
    turn = chat.begin(Parrot(), store, store.ask(id, (ref,)), Sampling())
    list(chat.answer(Parrot(), store, turn, recall, done.append))
    assert done == [chat.DECODING, chat.LISTENING]


def test_a_full_memory_is_a_sentence(store, recall):
    _, turn = answered(Scripted("so", MemoryError()), store, recall, store.start().id, "go")
    assert (turn.status, turn.sentence, turn.text) == (records.FAILED, MACHINE_IS_FULL, "so")
