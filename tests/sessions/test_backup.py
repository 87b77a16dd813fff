"""Dated backups: what is in one, which are kept, and that putting one back loses nothing."""

import multiprocessing
import os
import sqlite3
import time
import zipfile
from contextlib import closing
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from sessions import backup, parcel
from sessions.database import is_sound
from sessions.errors import FULL, BadBundle, Gone, StoreError, StoreTrouble
from sessions.restore import find, restore
from sessions.store import Store

TODAY = date(2026, 11, 22)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def remembered(folder):
    """A conversation about a clip, closed."""
    with Store(folder) as store:
        id = store.start().id
        store.keep("a" * 32, 1.0, b"fLaC dog")
        store.ask(id, (store.clip("a" * 32, "dog.wav"), "what is it?"))
        store.finish(store.begin(id).id, "A dog.", "done")
    return id


def said(folder, id):
    with Store(folder) as store:
        return [turn.text for turn in store.turns(id)]


def size_of(folder):
    """Bytes on the disk, where a file of two names counts once."""
    files = [path.stat() for path in folder.rglob("*.flac")]
    return sum({(stat.st_dev, stat.st_ino): stat.st_size for stat in files}.values())


def test_a_backup_is_made_once_a_day_and_of_something(folder):
    Store(folder).close()
    assert backup.daily(folder, TODAY) is None, "there is nothing to keep"
    with Store(folder) as store:
        store.ask(store.start().id, ("one",))
        assert backup.daily(folder, TODAY).path.name == "earshot-2026-11-22"
        assert backup.daily(folder, TODAY) is None
        assert backup.daily(folder, TODAY + timedelta(1)).day == TODAY + timedelta(1)
    assert sorted(os.listdir(folder / "backups")) == ["earshot-2026-11-22", "earshot-2026-11-23"]


def test_a_backup_is_a_store_of_that_moment_whose_clips_take_no_room(folder, remembered):
    made = backup.make(folder)
    assert size_of(folder) == len(b"fLaC dog")
    with Store(folder) as store:
        store.ask(remembered, ("and now?",))
        store.delete(remembered)
        store.purge(0)
    assert not store.clips.path("a" * 32).exists()
    with Store(made.path) as then:
        assert [turn.text for turn in then.turns(remembered)] == ["what is it?", "A dog."]
        assert then.clips.path("a" * 32).read_bytes() == b"fLaC dog"


def test_what_is_written_meanwhile_waits_for_no_backup(folder, remembered):
    with Store(folder) as store, store._file.reading() as db:
        db.execute("begin")
        db.execute("select * from turns").fetchone()  # as a backup reads
        store.ask(remembered, ("and now?",))
    assert said(folder, remembered)[-1] == "and now?"


def test_seven_days_and_the_last_of_four_weeks_are_kept():
    days = [TODAY - timedelta(n) for n in range(60)]
    kept = sorted(backup.kept(days), reverse=True)
    assert kept[:7] == days[:7]
    assert [str(day) for day in kept[7:]] == [
        *("2026-11-15", "2026-11-08", "2026-11-01", "2026-10-25"),  # Sundays
    ]
    assert backup.kept(days[:3]) == set(days[:3])


def test_the_days_that_go_by_leave_those_to_keep(folder, remembered):
    there = set()
    for n in reversed(range(60)):
        there = {day for day in backup.kept({*there, TODAY - timedelta(n)})}
    for n in reversed(range(60)):
        backup.daily(folder, TODAY - timedelta(n))
    assert {one.day for one in backup.listed(folder)} == there
    assert there == backup.kept([TODAY - timedelta(n) for n in range(60)])


def test_two_of_a_day_are_kept_until_the_next(folder, remembered):
    for hour in (9, 10):
        backup.make(folder, datetime(2026, 11, 22, hour))
    names = [one.path.name for one in backup.listed(folder)]
    assert names == ["earshot-2026-11-22", "earshot-2026-11-22-100000"]
    backup.daily(folder, TODAY + timedelta(1))
    names = [one.path.name for one in backup.listed(folder)]
    assert names == ["earshot-2026-11-22-100000", "earshot-2026-11-23"]


def damage(database):
    """Something within is not what it was: SQLite can open it, and must look to see it."""
    with sqlite3.connect(database) as db:
        db.execute("pragma journal_mode = delete")
        (page,) = db.execute("select rootpage from sqlite_master where name = 'turns'").fetchone()
        (size,) = db.execute("pragma page_size").fetchone()
    db.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def test_a_damaged_store_makes_no_backup_and_costs_none(folder, remembered):
    backup.make(folder, datetime(2026, 11, 1))
    damage(folder / "earshot.db")
    with pytest.raises(StoreTrouble, match="damaged"):
        backup.daily(folder, TODAY)
    assert os.listdir(folder / "backups") == ["earshot-2026-11-01"]


def test_a_disk_that_is_nearly_full_makes_no_backup(folder, remembered, monkeypatch):
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda path: SimpleNamespace(free=50e6))
    with pytest.raises(StoreTrouble, match=FULL):
        backup.daily(folder, TODAY)
    assert os.listdir(folder / "backups") == []


def test_a_disk_without_second_names_keeps_what_was_said(folder, remembered, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    made = backup.make(folder)
    with Store(folder) as store:
        store.delete(remembered)
        store.purge(0)
    done = restore(folder, made.path)
    assert (done.conversations, done.lost) == (1, ("dog.wav",)), "and it says what is gone"
    assert said(folder, remembered) == ["what is it?", "A dog."]


def test_a_restore_sets_the_present_aside_whole(folder, remembered):
    made = backup.make(folder)
    with Store(folder) as store:
        later = store.start().id
        store.keep("b" * 32, 1.0, b"fLaC cat")
        store.ask(later, (store.clip("b" * 32, "cat.wav"),))
        store.delete(remembered)
        store.purge(0)
    done = restore(folder, made.path)
    assert (done.conversations, done.lost) == (1, ())
    assert said(folder, remembered) == ["what is it?", "A dog."]
    with Store(folder) as store:
        assert store.clip("a" * 32).seconds == 1.0
        assert store.turns(later) == []
    assert said(done.aside, later) == [""]
    with Store(done.aside) as aside:
        assert aside.clips.path("b" * 32).read_bytes() == b"fLaC cat"
    again = restore(folder, done.aside)
    assert said(folder, later) == [""] and again.aside != done.aside


def test_a_damaged_store_is_told_at_the_start_and_restored(folder, remembered):
    made = backup.make(folder)
    damage(folder / "earshot.db")
    broken = (folder / "earshot.db").read_bytes()
    with pytest.raises(StoreTrouble, match="launch.py restore"):
        Store(folder)
    assert (folder / "earshot.db").read_bytes() == broken, "nothing was changed"
    done = restore(folder, made.path)
    assert (done.aside / "earshot.db").read_bytes() == broken
    assert said(folder, remembered) == ["what is it?", "A dog."]


def unindex(database):
    """A row that an index does not know: what a thorough check alone finds."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("create index spare on clips(created) where 0")
        db.execute("pragma writable_schema = on")
        db.execute(
            "update sqlite_master set sql = 'create index spare on clips(created)'"
            " where name = 'spare'"
        )
        db.commit()


def _be_killed(folder, ready):
    store = Store(folder)
    store.ask(store.start().id, ("to be checked",))
    ready.set()
    time.sleep(60)


def test_an_end_that_was_not_clean_is_looked_into_thoroughly(folder, remembered, monkeypatch):
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_be_killed, args=(folder, ready))
    process.start()
    assert ready.wait(60)
    made = backup.make(folder)
    with pytest.raises(StoreTrouble, match="Earshot is running"):
        restore(folder, made.path)
    process.kill()
    process.join()
    unindex(folder / "earshot.db")
    with closing(sqlite3.connect(folder / "earshot.db")) as db:
        assert is_sound(db) and not is_sound(db, thoroughly=True)
    with pytest.raises(StoreTrouble, match="damaged"):
        Store(folder)


def test_a_zip_holds_everything_and_comes_back_elsewhere(folder, remembered, tmp_path):
    file = tmp_path / "mine.zip"
    with Store(folder):
        parcel.write(folder, file)
    with pytest.raises(StoreError, match="is there already"):
        parcel.write(folder, file)
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == [f"clips/{'a' * 32}.flac", "earshot.db"]
    done = restore(tmp_path / "elsewhere", file)
    assert (done.aside, done.conversations, done.lost) == (None, 1, ())
    assert said(tmp_path / "elsewhere", remembered) == ["what is it?", "A dog."]
    assert os.listdir(tmp_path / "elsewhere" / "backups") == []


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "clips/../x.flac", "links.key"])
def test_a_zip_with_anything_else_changes_nothing(folder, remembered, tmp_path, name):
    file = tmp_path / "theirs.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(BadBundle, match="nothing was restored"):
        restore(folder, file)
    assert said(folder, remembered) == ["what is it?", "A dog."]


@pytest.mark.parametrize("place", range(12))
def test_a_zip_that_was_damaged_on_its_way_changes_nothing(folder, remembered, tmp_path, place):
    file = tmp_path / "mine.zip"
    with Store(folder):
        parcel.write(folder, file)
    data = bytearray(file.read_bytes())
    start = 40 + place * (len(data) - 60) // 12  # from the packed database to the index at the end
    data[start : start + 16] = bytes(255 - byte for byte in data[start : start + 16])
    file.write_bytes(data)
    with pytest.raises(StoreError) as told:
        restore(folder, file)
    assert "damaged" in str(told.value) or "nothing was restored" in str(told.value)
    assert said(folder, remembered) == ["what is it?", "A dog."]


def test_what_is_no_backup_changes_nothing(folder, remembered, tmp_path):
    (tmp_path / "notes.db").write_bytes(b"Dear diary, " * 500)
    sqlite3.connect(tmp_path / "other.db").close()
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    for name in ("notes.db", "other.db", "bad.zip", "nowhere.db", "store/clips"):
        with pytest.raises(StoreError):
            restore(folder, tmp_path / name)
    assert said(folder, remembered) == ["what is it?", "A dog."]
    assert os.listdir(folder / "backups") == []


def test_links_of_then_are_not_open_again(folder, remembered):
    with Store(folder) as store:
        store.shares.make(remembered)
    made = backup.make(folder)
    restore(folder, made.path)
    with Store(folder) as store, store._file.reading() as db:
        assert db.execute("select count(*) from shares where revoked is null").fetchone() == (0,)


def test_a_backup_is_found_by_its_day_or_path(folder, remembered, tmp_path):
    with pytest.raises(Gone, match="no backup"):
        find(folder)
    for day in (1, 2):
        backup.make(folder, datetime(2026, 11, day))
    assert find(folder).name == "earshot-2026-11-02"
    assert find(folder, "2026-11-01").name == "earshot-2026-11-01"
    assert find(folder, str(tmp_path)) == tmp_path
    with pytest.raises(Gone, match="there are: 2026-11-01, 2026-11-02"):
        find(folder, "2026-10-01")
