"""~ is a home folder wherever a path is given."""

import argparse
from pathlib import Path

import pytest

import launch
from model.evaluation import manifest
from model.paths import NoSuchPlace, as_path, expanded, from_environment
from sessions.store import default_folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_home_is_meant_and_nothing_else_is_changed(home):
    assert expanded("~") == home
    assert expanded("~/a b/ü") == home / "a b" / "ü"
    assert expanded("a/~/b") == Path("a/~/b") and expanded("./~") == Path("~")
    Path("~notes.wav").touch()
    assert expanded("~notes.wav") == Path("~notes.wav")


@pytest.mark.parametrize("text", ["~nobody-of-that-name/x", "~nobody-of-that-name", "", " "])
def test_what_is_no_place_is_refused(home, text):
    with pytest.raises(NoSuchPlace):
        expanded(text)
    with pytest.raises(argparse.ArgumentTypeError):
        as_path(text)


@pytest.mark.parametrize(
    "value", ["~/s", '"~/s"', "'~/s' ", " ~/s\r", "$HOME/s", "${HOME}/s", '"$HOME/s"\r\n']
)
def test_a_variable_may_be_as_environment_files_have_it(home, monkeypatch, value):
    monkeypatch.setenv("EARSHOT_DATA", value)
    assert from_environment("EARSHOT_DATA") == home / "s"
    assert launch._data(launch.parse(["info"])) == home / "s"


def test_a_variable_that_is_empty_is_none(monkeypatch):
    for value in ("", " ", '""'):
        monkeypatch.setenv("EARSHOT_DATA", value)
        assert from_environment("EARSHOT_DATA") is None
    monkeypatch.setenv("EARSHOT_DATA", "~nobody-of-that-name/x")
    with pytest.raises(NoSuchPlace):
        from_environment("EARSHOT_DATA")


def test_the_store_knows_home_too(home, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATA", "~/s")
    assert default_folder() == home / "s"


@pytest.mark.parametrize(
    "words, name",
    [
        ("info --data=~/x", "data"),
        ("info --model ~/x", "model"),
        ("download qwen-audio --from ~/x", "source"),
        ("evaluate --manifest ~/x", "manifest"),
        ("evaluate --benchmark vocalsound --root ~/x", "root"),
        ("evaluate --manifest m --items ~/x", "items"),
        ("evaluate --manifest m --report ~/x", "report"),
        ("backup --to ~/x", "to"),
        ("restore ~/x", "backup"),
        ("ask ~/x why", "clips"),
        ("train --stage adapt --out o --data ~/x", "data"),
        ("train --stage adapt --data d --out ~/x", "out"),
        ("train --stage adapt --data d --out o --base ~/x", "base"),
        ("train --stage adapt --data d --out o --talk ~/x", "talk"),
        ("train --stage adapt --data d --out o --teacher ~/x", "teacher"),
    ],
)
def test_every_option_that_is_a_path_knows_home(home, words, name):
    value = getattr(launch.parse(words.split()), name)
    value = value[0] if isinstance(value, list) else value
    assert Path(value) == home / "x"


def test_every_option_that_is_a_path_is_listed_above():
    """Other options take what is no path, or are checked for it."""
    root = Path(launch.__file__).parent
    for file in (Path("launch.py"), *(file.relative_to(root) for file in root.glob("*/**/*.py"))):
        if not {".venv", "build", "tests"} & set(file.parts):  # "build" has .ci/newest's packages
            assert "type=Path" not in (root / file).read_text(encoding="utf-8"), file


def test_recordings_of_a_manifest_may_be_at_home(home, tmp_path):
    file = tmp_path / "m.jsonl"
    file.write_text('{"audio": "~/a.wav", "text": "x", "clips": ["~/b.wav", "~c.wav"]}\n')
    (item,) = manifest.read(file)
    found = [sound.file for sound in item.sounds]
    assert found == [home / "a.wav", home / "b.wav", tmp_path / "~c.wav"]


def test_home_that_is_set_to_nothing_is_not_the_root_of_the_disk(monkeypatch):
    monkeypatch.setenv("HOME", "")
    with pytest.raises(NoSuchPlace, match="no home folder ~"):
        expanded("~/sounds")
