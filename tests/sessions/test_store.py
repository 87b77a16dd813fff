"""The store, on its own: no model, no page."""

import errno
import multiprocessing
import sqlite3
import threading

import pytest

from sessions.errors import Gone, StoreTrouble
from sessions.records import (
    DONE,
    INTERRUPTED,
    STOPPED,
    TITLE_LENGTH,
    WRITING,
    ClipRef,
    Unheard,
    title_from,
)
from sessions.store import Store

DOG, CAT = "d" * 32, "ca" * 16


def kept(store, digest=DOG, name="dog.wav"):
    store.keep(digest, 2.5, b"sound of " + digest.encode())
    return store.clip(digest, name)


def test_a_turn_comes_back_as_it_was_put(store):
    id = store.start(system="Be brief.").id
    parts = ("What is", kept(store), "and", kept(store, CAT, "cat.wav"), "?")
    store.ask(id, parts)
    answer = store.begin(id, system="Be brief.", sampling='{"top_p": 0.5}', model="parrot")
    store.mark_unheard(answer.id, [Unheard(DOG, 1.0, 2.5)])
    store.finish(answer.id, "A dog <|0.50|>", DONE)

    question, answer = store.turns(id)
    assert question.parts == parts
    assert (answer.role, answer.text, answer.status) == ("assistant", "A dog <|0.50|>", DONE)
    assert answer.unheard == (Unheard(DOG, 1.0, 2.5),)
    assert (answer.system, answer.sampling, answer.model) == (
        "Be brief.",
        '{"top_p": 0.5}',
        "parrot",
    )
    assert answer.parent == question.id and question.parent is None


def test_what_is_being_said_is_stored_before_it_is_finished(store):
    id = store.start().id
    answer = store.begin(id)
    assert store.turns(id)[0].status == WRITING
    store.say(answer.id, "half")
    store.say(answer.id, "half a sen")
    assert store.turns(id)[0].text == "half a sen"


def test_an_answer_without_a_word_has_no_parts(store):
    id = store.start().id
    store.finish(store.begin(id).id, "", STOPPED)
    assert store.turns(id)[0].parts == ()


def _begin_and_die(folder, ready, wait):
    store = Store(folder)
    id = store.start().id
    store.say(store.begin(id).id, "as far as")
    ready.put(id)
    wait.get()


def test_an_answer_of_a_dead_process_is_interrupted_and_of_a_living_one_is_not(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    ready, wait = spawn.Queue(), spawn.Queue()
    writer = spawn.Process(target=_begin_and_die, args=(tmp_path, ready, wait))
    writer.start()
    id = ready.get(timeout=30)
    with Store(tmp_path) as store:
        assert store.turns(id)[0].status == WRITING  # alive: another's answer is left alone
        writer.kill()
        writer.join()
        turn = store.turns(id)[0]
        assert (turn.status, turn.text) == (INTERRUPTED, "as far as")
        left = {path.name[:32] for path in (tmp_path / "writers").iterdir()}
        assert left == {store._presence.name}


def test_conversations_come_newest_first_and_in_pages(store):
    ids = [store.start().id for _ in range(5)]
    for id in ids:
        store.ask(id, (f"question {id}",))
    store.ask(ids[1], ("again",))  # what is spoken in again is newest
    newest_first = [ids[1], ids[4], ids[3], ids[2], ids[0]]
    assert [c.id for c in store.conversations(limit=3)] == newest_first[:3]
    assert [
        c.id for c in store.conversations(limit=3, after=store.conversations(limit=3)[-1])
    ] == newest_first[3:]


def test_a_conversation_without_a_turn_is_not_listed(store):
    store.start()
    assert store.conversations() == []


def test_the_first_question_makes_the_title(store):
    id = store.start().id
    store.ask(id, (ClipRef(*_ref(kept(store))), "What  does\nit say?"))
    store.ask(id, ("And then?",))
    assert store.conversation(id).title == "What does it say?"


def _ref(clip):
    return clip.digest, clip.name, clip.seconds


def test_titles_end_at_a_word_and_fall_back_to_the_clip():
    assert title_from((ClipRef(DOG, "dog.wav", 1),)) == "dog.wav"
    title = title_from(("many words " * 20,))
    assert title.endswith("…") and len(title) <= TITLE_LENGTH
    assert title.removesuffix("…").split()[-1] in ("many", "words")
    assert len(title_from(("字" * 200,))) == TITLE_LENGTH


def test_deleting_removes_only_clips_that_no_other_turn_uses(store):
    one, two = store.start().id, store.start().id
    store.ask(one, (kept(store), kept(store, CAT), kept(store)))
    store.ask(two, (kept(store, CAT, "another name"),))
    store.delete(one)
    store.purge(0)
    assert not store.clips.path(DOG).exists()
    assert store.clips.path(CAT).exists()
    assert store.turns(two)[0].clips[0].name == "another name"
    with pytest.raises(Gone, match="deleted"):
        store.conversation(one)
    store.delete(two)
    store.purge(0)
    assert list(store.clips.digests()) == []


def test_deleting_in_mid_answer_brings_nothing_back(store):
    id = store.start().id
    answer = store.begin(id)
    store.delete(id)
    for _ in range(2):  # hidden, then forgotten
        store.say(answer.id, "too late")
        store.finish(answer.id, "too late", DONE)
        assert store.turns(id) == []
        with pytest.raises(Gone):
            store.ask(id, ("hello?",))
        store.purge(0)


def test_a_clip_that_was_never_sent_goes_after_a_month(tmp_path, monkeypatch):
    """A recording in a draft is still there when one comes back from a holiday."""
    with Store(tmp_path) as store:
        kept(store)
        with store._writing() as db:
            db.execute("update clips set created = created - ?", [29 * 24 * 3600])
    with Store(tmp_path) as store:
        assert store.clips.path(DOG).exists()
    monkeypatch.setattr("sessions.store.UNSENT_SECONDS", -1)
    with Store(tmp_path) as store, pytest.raises(Gone, match="attach it again"):
        assert not store.clips.path(DOG).exists()
        store.clip(DOG, "dog.wav")


def test_a_conversation_in_which_nothing_was_asked_goes_after_a_month(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        id, used = store.start().id, store.start().id
        store.ask(used, ("hello",))
    monkeypatch.setattr("sessions.store.UNSENT_SECONDS", -1)
    with Store(tmp_path) as store, pytest.raises(Gone):
        assert store.conversation(used)
        store.conversation(id)


def test_a_file_without_a_row_goes_at_the_next_start(tmp_path):
    with Store(tmp_path) as store:
        store.clips.write(CAT, b"left by a crash")
    with Store(tmp_path) as store:
        assert list(store.clips.digests()) == []


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "D" * 32, "d" * 31, "d" * 32 + "\n"])
def test_a_digest_names_no_path(store, digest):
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        store.clips.path(digest)


def test_a_sound_that_could_not_be_written_leaves_nothing(store, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreTrouble, match="disk is full"):
        kept(store)
    assert [path for path in store.clips.folder.rglob("*") if path.is_file()] == []
    with pytest.raises(Gone):
        store.clip(DOG)


def test_many_threads_write_at_once(store):
    id = store.start().id

    def talk(number):
        for i in range(10):
            answer = store.begin(id)
            store.say(answer.id, f"{number} {i}")
            store.finish(answer.id, f"{number} {i}", DONE)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns = store.turns(id)
    assert len({turn.text for turn in turns}) == 60
    assert [turn.parent for turn in turns] == [None] + [turn.id for turn in turns[:-1]]


def _open(folder, out):
    with Store(folder) as store:
        out.put(store.start().id)


def test_two_processes_may_open_a_new_folder_together(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    out = spawn.Queue()
    both = [spawn.Process(target=_open, args=(tmp_path, out)) for _ in range(2)]
    for process in both:
        process.start()
    ids = {out.get(timeout=30) for _ in both}
    for process in both:
        process.join()
    with Store(tmp_path) as store:
        assert {store.conversation(id).id for id in ids} == ids


def test_the_data_folder_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATA", str(tmp_path / "elsewhere"))
    with Store() as store:
        assert store.folder == tmp_path / "elsewhere"


def test_reading_does_not_wait_for_writing(store):
    id = store.start().id
    store.ask(id, ("hello",))
    writer = sqlite3.connect(store.folder / "earshot.db", isolation_level=None)
    writer.execute("begin immediate")
    assert store.turns(id)[0].text == "hello"
    writer.close()
