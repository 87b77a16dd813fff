"""A disk that is full, a folder that is closed, a database that is busy: each is a sentence."""

import errno
import multiprocessing
import os
import resource
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from sessions import database
from sessions.errors import StoreError, StoreTrouble, as_sentences
from sessions.records import DONE, WRITING
from sessions.store import Store


@pytest.fixture
def full(store, monkeypatch):
    """Fills the disk, as far as the database can tell, until it is told to make room."""

    def fill():
        connect = database.connect

        def connect_to_full(path):
            connection = connect(path)
            (pages,) = connection.execute("pragma page_count").fetchone()
            connection.execute(f"pragma max_page_count = {pages}")
            return connection

        monkeypatch.setattr(database, "connect", connect_to_full)
        return lambda: monkeypatch.setattr(database, "connect", connect)

    return fill


LONG = "word " * 20_000


def test_a_full_disk_is_told_and_loses_nothing(store, talk, full):
    id = talk("one", "first")
    make_room = full()
    with pytest.raises(StoreTrouble, match="The disk is full"):
        store.ask(id, (LONG,))
    assert [turn.text for turn in store.turns(id)] == ["one", "first"]
    assert store.conversation(id).leaf == store.turns(id)[-1].id
    make_room()
    store.ask(id, (LONG,))
    assert len(store.turns(id)) == 3


def test_last_words_wait_for_room(store, talk, full):
    id = talk("tell me")
    answer = store.begin(id)
    make_room = full()
    with pytest.raises(StoreTrouble):
        store.finish(answer.id, LONG, DONE)
    assert (store.turn(answer.id).text, store.turns(id)[-1].status) == (LONG, DONE), "seen here"
    with Store(store.folder) as other:
        assert other.turn(answer.id).status == WRITING, "not stored yet"
    make_room()
    store.pin(id)  # whatever is stored next
    with Store(store.folder) as other:
        assert (other.turn(answer.id).text, other.turn(answer.id).status) == (LONG, DONE)


def test_last_words_are_stored_when_the_store_closes(tmp_path, monkeypatch):
    store = Store(tmp_path)
    id = store.start().id
    answer = store.begin(id)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    writer = sqlite3.connect(tmp_path / "earshot.db", isolation_level=None)
    writer.execute("begin immediate")
    with pytest.raises(StoreTrouble):
        store.finish(answer.id, "said", DONE)
    writer.close()
    store.close()
    with Store(tmp_path) as again:
        assert (again.turn(answer.id).text, again.turn(answer.id).status) == ("said", DONE)


def test_a_limit_on_files_is_told(store, talk, keep):
    id = talk("one", "first")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        size = max(path.stat().st_size for path in store.folder.glob("earshot.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        with pytest.raises(StoreTrouble, match="disk"):
            store.ask(id, (LONG,))
        with pytest.raises(StoreTrouble, match="disk"):
            keep("big.wav", b"sound" * size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [turn.text for turn in store.turns(id)] == ["one", "first"]
    assert [path for path in store.clips.folder.rglob("*") if path.is_file()] == []
    assert keep("big.wav", b"sound" * size)
    with store._reading() as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_database_that_another_holds_is_told(store, talk, monkeypatch):
    id = talk("one")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    writer = sqlite3.connect(store.folder / "earshot.db", isolation_level=None)
    writer.execute("begin immediate")
    with pytest.raises(StoreTrouble, match="in use by another program"):
        store.ask(id, ("two",))
    assert [turn.text for turn in store.turns(id)] == ["one"]
    writer.close()
    store.ask(id, ("two",))


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "earshot.db").write_bytes(b"not a database at all " * 500)
    with pytest.raises(StoreTrouble, match="damaged"):
        Store(tmp_path)


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreTrouble, match="cannot be written to"):
        Store(tmp_path / "file")


def _try_to_open(folder, out):
    if os.geteuid() == 0:
        os.setuid(65534)  # to root, no folder is read-only
    try:
        Store(folder).close()
    except StoreError as error:
        out.put(str(error))
    else:
        out.put("it opened")


@pytest.mark.parametrize("before", ["empty", "used"])
def test_a_read_only_folder_is_told(before):
    folder = Path(tempfile.mkdtemp())
    try:
        if before == "used":
            Store(folder).close()
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        folder.chmod(0o555)
        fork = multiprocessing.get_context("spawn")
        out = fork.Queue()
        process = fork.Process(target=_try_to_open, args=(folder, out))
        process.start()
        assert "cannot be written to" in out.get(timeout=30)
        process.join()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)


def test_bugs_stay_bugs(store):
    with pytest.raises(sqlite3.OperationalError, match="no such table"), store._reading() as db:
        db.execute("select * from dreams")
    with pytest.raises(OSError), as_sentences():
        raise OSError(errno.ECHILD, "no child")
