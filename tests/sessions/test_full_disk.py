"""A real disk that is full, or becomes read-only: what was acknowledged is there, and once there is
room it goes on. Needs to be root, to mount a small disk in memory."""

import os
import shutil
import subprocess
from contextlib import closing

import pytest

from sessions import backup
from sessions.database import connect, is_sound
from sessions.errors import FULL, StoreError, StoreTrouble
from sessions.records import DONE
from sessions.store import Store

SIZE = 3_000_000  # bytes of the disk
CLIP = 40_000


@pytest.fixture
def disk(tmp_path):
    """A folder that is a disk of its own."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder])
    if done.returncode:
        pytest.skip("no disk may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def remounted(folder, how):
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


class Diary:
    """What a store has acknowledged."""

    def __init__(self, store, check):
        self.store, self.check = store, check
        self.id = store.start().id
        self.said, self.kept = [], []

    def write(self, n):
        """A recording, a question about it, and its answer."""
        sound = b"fLaC" + os.urandom(CLIP)
        digest, seconds = self.check(sound)
        self.store.keep(digest, seconds, sound)
        self.kept.append((digest, sound))
        self.say(n, (self.store.clip(digest, f"{n}.wav"), f"question {n}"))

    def say(self, n, parts):
        self.store.ask(self.id, parts)
        self.said.append(f"question {n}")
        answer = self.store.begin(self.id)
        self.said.append("")
        text = f"answer {n} " + "word " * 400
        self.store.say(answer.id, text)
        self.said[-1] = text
        self.store.finish(answer.id, text, DONE)

    def write_until_full(self):
        with pytest.raises(StoreTrouble, match=FULL):
            for n in range(1000):
                self.write(n)

    def assert_all_there(self, store):
        assert [turn.text for turn in store.turns(self.id)] == self.said
        for digest, sound in self.kept:
            assert store.clips.path(digest).read_bytes() == sound


def assert_sound(folder):
    with closing(connect(folder / "earshot.db")) as db:
        assert is_sound(db, thoroughly=True)


def test_a_full_disk_loses_nothing_and_goes_on_once_there_is_room(disk, check):
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    with Store(disk) as store:
        diary = Diary(store, check)
        diary.write_until_full()
        assert len(diary.kept) > 5
        diary.assert_all_there(store)
        assert not list(disk.rglob("*.part")), "half files take no room"
        with pytest.raises(OSError), ballast.open("ab") as file:
            while True:
                file.write(bytes(10_000))
                file.flush()
        assert not store.is_writable()
        ballast.unlink()
        assert store.is_writable()
        diary.write("after")
        diary.assert_all_there(store)
    with Store(disk) as again:
        diary.assert_all_there(again)
    assert_sound(disk)


def test_words_fill_a_disk_too(disk, check):
    ballast = disk / "ballast"
    with Store(disk) as store:
        diary = Diary(store, check)
        diary.say("first", ("question first",))
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 300_000))
        with pytest.raises(StoreTrouble, match=FULL):
            for n in range(10_000):
                diary.say(n, (f"question {n}",))
        diary.assert_all_there(store)
        ballast.unlink()
        store.pin(diary.id)
    with Store(disk) as again:
        diary.assert_all_there(again)
    assert_sound(disk)


def test_no_backup_fills_a_disk(disk, check):
    with Store(disk) as store:
        diary = Diary(store, check)
        diary.write(1)
        with pytest.raises(StoreTrouble, match=FULL):
            backup.make(disk)
        assert os.listdir(disk / "backups") == []
        diary.write(2)
        diary.assert_all_there(store)


def test_a_disk_that_becomes_read_only_is_told_and_loses_nothing(disk, check):
    with Store(disk) as store:
        diary = Diary(store, check)
        diary.write(1)
    remounted(disk, "ro")
    with pytest.raises(StoreError, match="cannot be written to"):
        Store(disk)
    remounted(disk, "rw")
    with Store(disk) as store:
        diary.assert_all_there(store)
        diary.write(2)
        diary.assert_all_there(store)
    assert_sound(disk)
