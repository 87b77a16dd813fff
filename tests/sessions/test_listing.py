"""The list: names, pins, tags, settings, deletion with a way back, copies."""

import time

import pytest

from sessions.errors import Gone
from sessions.records import INTERRUPTED, WRITING
from sessions.store import Store
from sessions.unused import DAY


def ids(found):
    return [one.id for one in found]


def test_a_title_that_a_person_gave_is_kept(store, talk):
    id = store.start().id
    store.rename(id, "  Herons,\n at dawn ")
    talk("What is this?", id=id)
    about = store.conversation(id)
    assert (about.title, about.named) == ("Herons, at dawn", True)
    assert store.rename(id, " ").title == "What is this?"
    assert not store.conversation(id).named
    assert store.rename(store.start().id, "").title == ""


def test_pinned_ones_come_first_and_pages_do_not_overlap(store, talk):
    made = [talk(f"question {i}") for i in range(7)]
    store.pin(made[2]), store.pin(made[5])
    expected = [made[i] for i in (5, 2, 6, 4, 3, 1, 0)]
    listed, after = [], None
    while page := store.conversations(limit=3, after=after):
        listed += ids(page)
        after = page[-1]
    assert listed == expected
    store.pin(made[5], False)
    assert ids(store.conversations(limit=1)) == [made[2]]


def test_a_page_is_the_same_though_the_one_before_it_changed(store, talk):
    made = [talk(f"question {i}") for i in range(4)]
    first = store.conversations(limit=2)
    talk("newest")
    store.delete(made[3])
    assert ids(store.conversations(limit=2, after=first[-1])) == [made[1], made[0]]


def test_neither_renaming_nor_tagging_makes_it_new(store, talk):
    old, new = talk("old"), talk("new")
    store.rename(old, "older"), store.tag(old, ["birds"]), store.change(old, system="Be brief.")
    assert ids(store.conversations()) == [new, old]


def test_tags_choose_and_are_counted(store, talk):
    one, two, three = talk("one"), talk("two"), talk("three")
    assert store.tag(one, ["Birds", " field  work ", "birds", ""]) == ("birds", "field work")
    store.tag(two, ["birds"]), store.pin(three)
    assert ids(store.conversations(tag="birds")) == [two, one]
    counts = store.counts()
    assert (counts.conversations, counts.pinned) == (3, 1)
    assert counts.tags == {"birds": 2, "field work": 1}
    store.tag(one, [])
    store.delete(two)
    assert store.counts().tags == {} and store.counts().conversations == 2


def test_settings_are_kept_for_each(store):
    one, two = store.start("Be brief.", model="mini").id, store.start().id
    store.change(one, sampling='{"top_p": 0.5}', language="ja", answer_language="de")
    about = store.conversation(one)
    assert (about.system, about.model, about.sampling) == ("Be brief.", "mini", '{"top_p": 0.5}')
    assert (about.language, about.answer_language) == ("ja", "de")
    assert store.conversation(two).system == ""
    with pytest.raises(AssertionError):
        store.change(one, title="not a setting")
    with pytest.raises(Gone):
        store.change("0" * 32, system="x")


def test_what_is_deleted_is_hidden_at_once_and_can_be_restored(store, talk, keep):
    clip = keep("dog.wav")
    id, other = talk((clip, "a dolphin?"), "yes"), talk("another")
    store.delete(id)
    assert ids(store.conversations()) == [other]
    assert store.search("dolphin").hits == () and store.turns(id) == []
    for refused in (store.conversation, store.whole, store.undo, store.duplicate):
        with pytest.raises(Gone):
            refused(id)
    assert store.clips.path(clip.digest).exists(), "until it is forgotten"
    assert store.restore(id).id == id
    assert store.search("dolphin").hits[0].conversation.id == id
    assert [turn.text for turn in store.turns(id)] == ["a dolphin?", "yes"]


def test_after_a_while_it_is_forgotten_with_its_sound(store, talk, keep, monkeypatch):
    clip, shared = keep("dog.wav"), keep("cat.wav")
    id, other = talk((clip, shared), "yes"), talk((shared,))
    store.delete(id)
    store.delete(other), store.restore(other)
    with Store(store.folder):
        assert store.restore(id), "a start does not cut the time short"
    store.delete(id)
    store.keep_deleted(0)
    assert store.restore(id), "for a minute, always"
    store.delete(id)
    monkeypatch.setattr("sessions.store.UNDO_SECONDS", 0)
    store.start()
    with pytest.raises(Gone):
        store.restore(id)
    assert list(store.clips.digests()) == [shared.digest]
    with store._reading() as db:
        assert db.execute("select count(*) from words").fetchone() == (1,)


def test_a_start_forgets_what_was_deleted_before(store, talk, keep, monkeypatch):
    clip = keep("dog.wav")
    id = talk((clip,))
    store.delete(id)
    store.keep_deleted(0)
    assert store.restore(id), "for a minute, always"
    store.delete(id)
    monkeypatch.setattr("sessions.store.UNDO_SECONDS", 0)
    with Store(store.folder) as second, pytest.raises(Gone):
        second.restore(id)
    assert not store.clips.path(clip.digest).exists()


def test_deleted_ones_are_kept_for_days_and_forgotten_then_or_at_once(store, talk):
    old, new, unwanted = talk("old"), talk("new"), talk("unwanted")
    for days, id in ((31, old), (29, new), (0, unwanted)):
        store.delete(id)
        with store._writing() as db:  # as if it had been so long ago
            then = time.time() - days * DAY
            db.execute("update conversations set deleted = ? where id = ?", [then, id])
    with Store(store.folder) as later:
        assert [(one.id, one.title) for one in later.deleted()] == [
            (unwanted, "unwanted"),
            (new, "new"),
        ]
        later.purge(0, unwanted)
        assert [one.id for one in later.deleted()] == [new]
        assert later.kept_days() == 30
        later.keep_deleted(7)
        assert (later.deleted(), later.kept_days()) == ([], 7)
        with pytest.raises(Gone):
            later.restore(new)
    with Store(store.folder) as again:
        assert again.kept_days() == 7


def test_a_sound_that_was_attached_again_meanwhile_stays(store, talk, keep):
    id = talk((keep("dog.wav"),))
    store.delete(id)
    again = keep("dog.wav")
    store.purge(0)
    assert store.clip(again.digest)


def test_a_copy_has_everything_but_its_own_ids(store, talk, keep):
    clip = keep("dog.wav")
    id = talk((clip, "one"), "first", "two", "second")
    store.ask(id, ("two, edited",), after=store.turns(id)[1].id)
    store.rate(store.turns(id)[1].id, True, "good ear")
    store.tag(id, ["birds"]), store.rename(id, "Mine"), store.change(id, system="Be brief.")
    writing = store.begin(id)

    copy = store.duplicate(id)
    was, now = store.whole(id), store.whole(copy.id)
    assert copy.id != id and copy.tags == ("birds",)
    assert (copy.title, copy.named, copy.system) == ("Mine", True, "Be brief.")
    assert [t.parts for t in now.turns] == [t.parts for t in was.turns]
    assert [t.good for t in now.turns] == [t.good for t in was.turns]
    assert {t.id for t in now.turns}.isdisjoint({t.id for t in was.turns})
    assert [t.text for t in store.turns(copy.id)] == [t.text for t in store.turns(id)]
    assert (now.turns[-1].status, store.turn(writing.id).status) == (INTERRUPTED, WRITING)
    assert ids(store.conversations())[0] == copy.id
    store.delete(id), store.purge(0)
    assert store.turns(copy.id)[0].clips[0] == clip
    assert store.clip(clip.digest), "shared by reference"
