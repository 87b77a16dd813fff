"""What models heard is kept with its clip, goes with it, comes back from exports and backups."""

import io
import json
from dataclasses import replace

import pytest

from sessions import backup, notes, shares, transfer
from sessions.records import WindowNotes
from sessions.store import Store


def heard(clip, start=0.0, end=2.0, model="mini 1", text="a heron"):
    return WindowNotes(clip.digest, start, end, model, json.dumps([{"text": text}]))


def texts(windows):
    return [json.loads(one.data)[0]["text"] for one in windows]


def test_notes_are_kept_by_clip_window_and_model(store, keep):
    clip, other = keep("a.wav"), keep("b.wav")
    store.notes.keep([heard(clip), heard(clip, 2.0, 4.0, text="flies"), heard(other, text="no")])
    store.notes.keep([heard(clip, model="mini 2", text="a herring")])
    assert store.notes.by("mini 2", clip.digest) == {(0.0, 2.0): '[{"text": "a herring"}]'}
    assert list(store.notes.by("mini 1", clip.digest)) == [(0.0, 2.0), (2.0, 4.0)]
    found = store.notes.of([clip.digest])
    assert texts(found[clip.digest]) == ["a heron", "flies", "a herring"]
    store.notes.keep([heard(clip, text="a hare")])
    assert texts(store.notes.of([clip.digest])[clip.digest])[0] == "a hare"


def test_of_several_models_the_one_that_is_loaded_counts_else_the_last(store, keep):
    clip = keep("a.wav")
    for model in ("mini 1", "mini 2"):
        store.notes.keep([heard(clip, model=model, text=model)])
    every = store.notes.of([clip.digest])[clip.digest]
    assert texts(notes.latest(every)[clip.digest]) == ["mini 2"]
    assert texts(notes.latest(every, ["mini 1"])[clip.digest]) == ["mini 1"]
    assert texts(notes.latest(every, ["other"])[clip.digest]) == ["mini 2"]


def test_notes_go_with_their_clip(store, keep, talk):
    clip, shared = keep("a.wav"), keep("b.wav")
    id, stays = talk((clip, shared, "what?"), "a heron"), talk((shared,), "b")
    store.notes.keep([heard(clip), heard(shared)])
    store.delete(id), store.purge(0)
    assert list(store.notes.of([clip.digest, shared.digest])) == [shared.digest]
    store.notes.keep([heard(clip)])  # it was deleted meanwhile
    assert store.notes.of([clip.digest]) == {}
    assert texts(store.whole(stays).notes) == ["a heron"]


@pytest.mark.parametrize("kind", ["json", "zip", "html"])
def test_exports_bring_notes_and_tasks_back(store, other, keep, check, kind):
    clip, id = keep("a.wav"), store.start().id
    store.ask(id, (clip, "What does the person say?"), task="transcribe")
    store.notes.keep([heard(clip), heard(clip, 2.0, 4.0, text="</script> flies")])
    file = io.BytesIO()
    transfer.export(store, [id], file, kind)
    taken = transfer.take(other, file.getvalue(), check).conversations[0]
    whole = other.whole(taken.id)
    assert whole.notes == store.whole(id).notes and len(whole.notes) == 2
    assert whole.turns[0].task == "transcribe"


def test_an_import_replaces_no_notes(store, keep, check):
    clip, id = keep("a.wav"), store.start().id
    store.ask(id, (clip,))
    store.notes.keep([heard(clip)])
    whole = store.whole(id)
    store.put([replace(whole, notes=(heard(clip, text="something else"),))])
    assert texts(store.notes.of([clip.digest])[clip.digest]) == ["a heron"]


def test_damaged_notes_are_left_out_of_exports(store, other, keep, check):
    clip, id = keep("a.wav"), store.start().id
    store.ask(id, (clip,))
    store.notes.keep([heard(clip), replace(heard(clip, 2.0, 4.0), data='[{"text": "half')])
    file = io.BytesIO()
    transfer.export(store, [id], file, "zip")
    taken = transfer.take(other, file.getvalue(), check).conversations[0]
    assert texts(other.whole(taken.id).notes) == ["a heron"]


def test_of_an_import_what_is_no_note_is_left_out(store, other, keep, check):
    clip, id = keep("a.wav"), store.start().id
    store.ask(id, (clip,))
    store.notes.keep([heard(clip)])
    file = io.BytesIO()
    transfer.export(store, [id], file, "json")
    document = json.loads(file.getvalue())
    [good] = document["notes"]
    bad = {"clip": "f" * 32}, {"start": -1}, {"end": 0}, {"model": 3}, {"notes": "x"}, {"end": 1e9}
    document["notes"] = [*(good | wrong for wrong in bad), 7, None, good]
    taken = transfer.take(other, json.dumps(document).encode(), check).conversations[0]
    assert texts(other.whole(taken.id).notes) == ["a heron"]
    for nothing in (None, {}, "x"):
        document["notes"] = nothing
        taken = transfer.take(other, json.dumps(document).encode(), check).conversations[0]
        assert len(other.whole(taken.id).turns) == 1


def test_an_export_of_before_is_read(store, other, keep, check):
    clip, id = keep("a.wav"), store.start().id
    store.ask(id, (clip,))
    file = io.BytesIO()
    transfer.export(store, [id], file, "json")
    document = json.loads(file.getvalue())
    assert "notes" not in document and "task" not in document["conversations"][0]["turns"][0]
    assert transfer.take(other, file.getvalue(), check).conversations


def test_backups_have_notes(store, keep, talk, tmp_path):
    clip = keep("a.wav")
    talk((clip,), "a heron")
    store.notes.keep([heard(clip)])
    backup.copy(store.folder / backup.DATABASE, tmp_path / backup.DATABASE)
    with Store(tmp_path) as copy:
        assert texts(copy.notes.of([clip.digest])[clip.digest]) == ["a heron"]


def test_a_shared_answer_shows_the_notes_of_its_own_clips(store, other, keep, talk):
    first, second = keep("a.wav"), keep("b.wav")
    id = talk((first, "what?"), "a", (second, "and this?"), "b")
    store.notes.keep([heard(first), heard(second, text="second")])
    last = store.turns(id)[-1].id
    assert texts(shares.excerpt(store, id, last).notes) == ["second"]
    secret = store.shares.make(id, last, alone=True)
    shown = shares.shown(store, store.shares.find(store.shares.secret(secret.id)))
    assert texts(shown.whole(0.0).notes) == ["second"]
    copy = shares.copied(store, shown, other)
    assert texts(other.whole(copy.id).notes) == ["second"]
