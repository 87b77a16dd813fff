"""Exports and backups that were unpacked and packed again by other programs come back, too."""

import io
import shutil
import zipfile

import pytest

from sessions import parcel, transfer
from sessions.errors import BadBundle, StoreError
from sessions.restore import restore
from sessions.store import Store
from sessions.zip_names import files_beside
from tests.sessions.test_transfer import exported

SYSTEMS = {"__MACOSX/talk/._conversations.json": b"x", "talk/.DS_Store": b"x"}
SYSTEMS |= {"talk/Thumbs.db": b"x", "talk/clips/desktop.ini": b"x", "talk/clips/._a.flac": b"x"}


def packed(files, method=zipfile.ZIP_DEFLATED, name=lambda name: name, order=sorted):
    """Files as a ZIP; `name` says what each is called there."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for one in order(files):
            info = zipfile.ZipInfo("x")
            info.filename = name(one)  # the constructor would change backslashes on Windows
            info.compress_type = method
            archive.writestr(info, files[one])
    return made.getvalue()


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def files(store, talk, keep):
    dog = keep("dog.wav", bytes(range(256)) * 9)
    return unpacked(exported(store, [talk((dog, "what is it?"), "A dog.")], "zip"))


def backwards(names):
    return sorted(names, reverse=True)


@pytest.mark.parametrize(
    "how",
    [
        {"method": zipfile.ZIP_STORED, "order": backwards},
        {"name": "talk/{}".format},
        {"name": "My exports/in a folder/日本 é/{}".format, "order": backwards},
        {"name": lambda name: "talk\\" + name.replace("/", "\\")},
        {"name": lambda name: name.replace("/", "\\")},
        {"name": "./talk/{}".format, "bad": True},
        {"name": "talk/../{}".format, "bad": True},
        {"name": "/talk/{}".format, "bad": True},
        {"name": "C:\\talk\\{}".format, "bad": True},
    ],
)
@pytest.mark.parametrize("systems", [False, True])
def test_an_export_that_was_packed_again_is_taken_in(other, files, check, how, systems):
    how = dict(how)
    bad = how.pop("bad", False)
    content = packed(files, **how)
    if systems:
        added = io.BytesIO(content)
        with zipfile.ZipFile(added, "a") as archive:
            for folder in ("talk/", "talk/clips/"):
                archive.writestr(folder, b"")
            for name, text in SYSTEMS.items():
                archive.writestr(name, text)
        content = added.getvalue()
    if bad:
        with pytest.raises(BadBundle):
            transfer.take(other, content, check)
        return
    taken = transfer.take(other, content, check)
    assert len(taken.conversations) == 1 and taken.missing == ()


@pytest.mark.parametrize(
    "more",
    [
        {"secret.txt": b"x"},
        {"talk/secret.txt": b"x"},
        {"other/conversations.json": b"{}"},
        {"talk\\conversations.json": b"{}"},
        {"conversations.json": b"{}"},
        {"talk/clips/../../x": b"x"},
    ],
)
def test_nothing_else_comes_with_it(other, files, check, more):
    inner = {f"talk/{name}": content for name, content in files.items()}
    with pytest.raises(BadBundle):
        transfer.take(other, packed(inner | more), check)
    assert other.conversations() == []


def test_json_in_utf_16_is_taken_in(store, other, talk, check):
    text = exported(store, [talk("what is it? é", "A dog.")], "json").decode()
    for encoding in ("utf-16", "utf-8-sig"):
        content = text.replace("\n", "\r\n").encode(encoding)
        assert len(transfer.take(other, content, check).conversations) == 1
    with pytest.raises(BadBundle, match="damaged"):
        transfer.take(other, b"\xff\xfe{\0}", check)


@pytest.fixture
def backup(store, talk, keep, tmp_path):
    """The bytes of a backup in one file, and the digest of its clip."""
    dog = keep("dog.wav", bytes(range(256)) * 9)
    talk((dog, "what is it?"), "A dog.")
    parcel.write(store.folder, tmp_path / "all.zip")
    return (tmp_path / "all.zip").read_bytes(), dog.digest


def assert_restored(folder, source, digest):
    done = restore(folder, source)
    assert (done.conversations, done.lost) == (1, ())
    with Store(folder) as new:
        assert new.clips.path(digest).exists()


@pytest.mark.parametrize("name", ["{}", "all/{}", "backslash", "nested"])
@pytest.mark.parametrize("called", ["mine.zip", "MINE.ZIP", "mine.backup"])
def test_a_backup_that_was_packed_again_comes_back(backup, tmp_path, name, called):
    content, digest = backup
    inner = unpacked(content)
    if name == "nested":  # as a store and the daily backups have clips
        clip = f"clips/{digest[:2]}/{digest}.flac"
        inner[clip] = inner.pop(f"clips/{digest}.flac")
        name = "earshot-2026-11-21/{}"
    how = (lambda one: "all\\" + one.replace("/", "\\")) if name == "backslash" else name.format
    again = packed(inner | {".DS_Store": b"x", "clips/Thumbs.db": b"x"}, name=how)
    (tmp_path / called).write_bytes(again)
    assert_restored(tmp_path / "new", tmp_path / called, digest)


@pytest.mark.parametrize("place", ["", "inner"])
def test_a_backup_that_was_unpacked_comes_back_with_its_sound(backup, tmp_path, place):
    content, digest = backup
    folder = tmp_path / "unpacked" / place
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    (folder / ".DS_Store").touch()
    assert_restored(tmp_path / "new", tmp_path / "unpacked", digest)


def test_a_backup_that_would_fill_the_disk_is_refused_before_it_is_unpacked(
    backup, tmp_path, monkeypatch
):
    (tmp_path / "mine.zip").write_bytes(backup[0])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(parcel.shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(StoreError, match="disk is full"):
        parcel.unpack(tmp_path / "mine.zip", tmp_path / "new")


def test_a_folder_with_two_backups_is_not_guessed_at(backup, tmp_path):
    for place in ("one", "two"):
        with zipfile.ZipFile(io.BytesIO(backup[0])) as archive:
            archive.extractall(tmp_path / "unpacked" / place)
    with pytest.raises(StoreError, match="no backup of Earshot"):
        restore(tmp_path / "new", tmp_path / "unpacked")


@pytest.mark.parametrize("order", [sorted, backwards])
def test_of_two_documents_the_one_nearest_the_top_counts(order):
    names = ["talk/a.json", "talk/old/a.json", "talk/clips/x.flac"]
    infos = [zipfile.ZipInfo(name) for name in order(names)]
    assert set(files_beside("a.json", infos)) == {"a.json", "old/a.json", "clips/x.flac"}
