"""Stores of every age open, and everything in them is read and found."""

import json
import time

import pytest
from sqlite_utils import Database

from sessions import search
from sessions.errors import StoreTrouble
from sessions.migrations import migration
from sessions.store import Store

NAMES = [one.name for one in migration._migrations]


def old_store(folder, start):
    """As the code of that time left it: two exchanges about a sound, in columns of then."""
    db, now = Database(folder / "earshot.db"), time.time()
    migration.apply(db, stop_before=start)
    search.register(db.conn)
    tables = set(db.table_names())

    def insert(table, **row):
        db[table].insert({k: v for k, v in row.items() if k in db[table].columns_dict})

    if "conversations" in tables:
        about = {"id": "old", "title": "Herons", "system": "Be brief.", "number": 1}
        insert("conversations", **about, created=now, updated=now)
    if "turns" in tables:
        for i, role in enumerate(("user", "assistant", "user", "assistant"), start=1):
            row = dict(id=i, conversation="old", parent=i - 1 or None, role=role, status="done")
            row |= dict(created=now, updated=now)
            insert("turns", **row)
        insert("turns", **row | {"id": 5, "parent": 4, "status": "writing", "writer": "dead"})
    if "parts" in tables:
        insert("clips", digest="d" * 32, seconds=2.5, created=now)
        insert("parts", turn=1, position=0, clip="d" * 32, name="dawn.wav")
        for i, text in enumerate(
            ("狗叫了吗", "a dolphin", "again?", "yes", "half a sent"), start=1
        ):
            insert("parts", turn=i, position=1, text=text)
    if "leaf" in db["conversations"].columns_dict:
        db.execute("update conversations set leaf = 5")
    db.close()


@pytest.mark.parametrize("start", NAMES[1:] + [None])
def test_every_earlier_schema_grows_into_this_one(tmp_path, start):
    old_store(tmp_path, start)
    with Store(tmp_path) as store:
        about = store.conversation("old")
        assert (about.title, about.system, about.named) == ("Herons", "Be brief.", False)
        age = NAMES.index(start) if start else len(NAMES)
        if age >= 2:
            assert [turn.id for turn in store.turns("old")] == [1, 2, 3, 4, 5]
            assert [c.id for c in store.conversations()] == ["old"]
            assert [hit.turn for hit in store.search("heron").hits] == [None]
        if age >= 3:
            assert store.turns("old")[0].clips[0].name == "dawn.wav"
            assert store.turns("old")[4].status == "interrupted"
            for query, turn in (("狗", 1), ("dolph", 2), ("dawn", 1), ("half", 5)):
                assert [hit.turn for hit in store.search(query).hits] == [turn], query
        lives_on(store)


def lives_on(store):
    id = store.start().id
    store.ask(id, ("a newer walrus",))
    store.finish(store.begin(id).id, "indeed", "done")
    assert [turn.text for turn in store.turns(id)] == ["a newer walrus", "indeed"]
    assert [hit.conversation.id for hit in store.search("walrus indeed").hits] == []
    assert [hit.conversation.id for hit in store.search("indeed").hits] == [id]
    store.delete("old"), store.purge(0)
    assert store.search("heron").hits == ()


def test_a_new_folder_and_an_empty_first_schema_open(tmp_path):
    with Store(tmp_path) as store:
        lives_on(store)


def test_migrations_are_only_added():
    """The names that stores in the world have applied, in their order."""
    assert NAMES[:11] == [
        "m001_conversations",
        "m002_turns",
        "m003_parts_and_clips",
        "m004_branches_and_verdicts",
        "m005_lists_and_settings",
        "m006_search",
        "m007_settings",
        "m008_shares",
        "m009_what_an_answer_rests_on",
        "m010_tasks",
        "m011_notes",
    ]


def test_a_store_of_the_future_is_left_alone(tmp_path):
    Store(tmp_path).close()
    db = Database(tmp_path / "earshot.db")
    db["_sqlite_migrations"].insert(
        {"migration_set": "sessions", "name": "m999_telepathy", "applied_at": "later"}
    )
    before = json.dumps(db.schema)
    with pytest.raises(StoreTrouble, match="newer Earshot"):
        Store(tmp_path)
    assert json.dumps(db.schema) == before
    db.close()
