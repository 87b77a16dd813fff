"""A link shows what it was made for, to whoever has it, until it is revoked or has expired."""

import re
import sqlite3
import stat

import pytest

from sessions import shares
from sessions.errors import Gone, StillWriting
from sessions.records import WRITING


@pytest.fixture
def heard(store, talk, keep):
    """Two questions about a dog, one about a cat, a note, and a line that was left."""
    id = talk((keep("dog.wav"), "What is it?"), "A dog <|0.50|>", "Where?", "Outside <|1.00|>")
    turns = store.turns(id)
    store.rate(turns[1].id, False, "a private note")
    talk("left behind", id=id)
    store.undo(id)
    return id


def words(store, share):
    return [turn.text for turn in shares.shown(store, share).turns]


def test_a_link_shows_the_line_as_it_stands_and_nothing_said_later(store, talk, heard, keep):
    share = store.shares.make(heard)
    talk("And later?", "later", id=heard)
    store.ask(heard, (keep("secret.wav"), "more"))
    opened = store.shares.find(store.shares.secret(share.id))
    assert opened == share and not opened.alone
    assert words(store, opened) == ["What is it?", "A dog <|0.50|>", "Where?", "Outside <|1.00|>"]
    assert [clip.name for clip in shares.shown(store, opened).clips.values()] == ["dog.wav"]


def test_what_is_between_the_owner_and_the_model_is_not_shown(store, heard):
    store.change(heard, system="Be rude.")
    told = shares.shown(store, store.shares.make(heard)).turns
    assert {(turn.note, turn.good, turn.system, turn.sampling) for turn in told} == {
        ("", None, "", "")
    }


def test_one_answer_comes_with_its_question_and_its_recording(store, heard):
    answer = store.turns(heard)[3]
    share = store.shares.make(heard, answer.id, alone=True)
    question, shown = shares.shown(store, share).turns
    assert (question.text, shown.text) == ("Where?", "Outside <|1.00|>")
    assert share.title == "Where?", "the conversation's would tell what else was asked"
    assert [clip.name for clip in question.clips] == ["dog.wav"]


def test_the_secret_is_long_another_each_time_and_not_in_the_database(store, heard, tmp_path):
    secrets = {store.shares.secret(store.shares.make(heard).id) for _ in range(20)}
    assert len(secrets) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{28}", secret) for secret in secrets)
    with sqlite3.connect(store.folder / "earshot.db") as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert not any(secret in dump for secret in secrets)
    key = store.folder / "links.key"
    assert key.read_bytes().hex() not in dump
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_lost_key_closes_no_link_though_none_can_be_copied_again(store, heard):
    share = store.shares.make(heard)
    secret = store.shares.secret(share.id)
    (store.folder / "links.key").unlink()
    assert store.shares.secret(share.id) == ""
    assert store.shares.find(secret).id == share.id
    other = store.shares.make(heard)  # with a new key
    assert store.shares.find(store.shares.secret(other.id)).id == other.id
    assert store.shares.secret(share.id) == ""


def closed(store, secret):
    with pytest.raises(Gone) as refused:
        shares.shown(store, store.shares.find(secret))
    return str(refused.value)


def test_revoked_expired_and_wrong_are_told_alike(store, heard, monkeypatch):
    brief, revoked = store.shares.make(heard, seconds=60), store.shares.make(heard)
    secrets = [store.shares.secret(one.id) for one in (brief, revoked)]
    assert [store.shares.find(secret).id for secret in secrets] == [brief.id, revoked.id]
    store.shares.revoke(revoked.id)
    monkeypatch.setattr(shares.time, "time", lambda: brief.created + 61)
    tries = {closed(store, secret) for secret in (*secrets, "x" * 28, "", "' or 1=1 --")}
    assert tries == {shares.CLOSED}
    assert [one.revoked is None for one in store.shares.all()] == [False, True]


def test_a_deleted_conversation_is_on_no_link_and_comes_back_with_it(store, heard):
    share = store.shares.make(heard)
    secret = store.shares.secret(share.id)
    store.delete(heard)
    assert store.shares.all() == []
    closed(store, secret)
    store.restore(heard)
    assert shares.shown(store, store.shares.find(secret)).turns
    store.delete(heard), store.purge(0)
    assert closed(store, secret) == shares.CLOSED


def test_visits_are_counted(store, heard):
    share = store.shares.make(heard)
    for _ in range(3):
        store.shares.visit(share.id)
    (listed,) = store.shares.all()
    assert listed.visits == 3 and listed.visited >= listed.created
    store.shares.forget(share.id)
    assert store.shares.all() == []


def test_what_is_empty_or_unfinished_is_not_shared(store, talk, heard):
    with pytest.raises(Gone, match="nothing to share"):
        store.shares.make(store.start().id)
    with pytest.raises(Gone, match="nothing to share"):
        store.shares.make(heard, store.turns(heard)[0].id, alone=True)
    with pytest.raises(Gone):
        store.shares.make(heard, store.turns(talk("elsewhere"))[0].id)
    store.begin(talk("another", id=heard))
    assert store.turns(heard)[-1].status == WRITING
    with pytest.raises(StillWriting):
        store.shares.make(heard)


def test_a_copy_is_the_visitors_own(store, other, heard):
    share = store.shares.make(heard, may_continue=True)
    copy = shares.copied(store, shares.shown(store, share), other)
    assert (copy.title, copy.system) == ("What is it?", "")
    theirs = other.turns(copy.id)
    assert [turn.parts for turn in theirs] == [turn.parts for turn in store.turns(heard)]
    assert {turn.note for turn in theirs} == {""}
    assert other.clip(theirs[0].clips[0].digest).seconds == theirs[0].clips[0].seconds
    other.ask(copy.id, ("and on",))
    assert len(store.turns(heard)) == 4 and other.shares.all() == []


def test_a_copy_of_one_answer_can_be_gone_on_with(store, other, heard):
    share = store.shares.make(heard, store.turns(heard)[3].id, alone=True)
    copy = shares.copied(store, shares.shown(store, share), other)
    question, answer = other.turns(copy.id)
    assert question.parent is None and question.clips and answer.parent == question.id
