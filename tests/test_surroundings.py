"""Started where something is missing, in the way or not allowed: a sentence, or it works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import launch
from app import network
from tests.app.conftest import Server

ROOT = Path(__file__).parents[1]
PARROT = ["--model", "parrot", "--no-browser", "--port", "7"]  # a port that nothing here may have


def refused(capsys, words):
    """What is said instead of starting."""
    assert launch.main([str(word) for word in words]) == 1
    told = capsys.readouterr()
    assert told.err.endswith((".\n", "\n")) and "Traceback" not in told.err
    return told.err


@pytest.mark.parametrize(
    "data, said",
    [
        ("file", "cannot be written to"),
        ("file/below", "cannot be written to"),
        ("x" * 300, "too long"),
        pytest.param(
            "/proc/none",
            "No such file",
            marks=pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here"),
        ),
    ],
)
def test_a_data_folder_that_cannot_be_is_named(tmp_path, capsys, data, said):
    (tmp_path / "file").touch()
    assert said in refused(capsys, [*PARROT, "--data", tmp_path / data])
    assert refused(capsys, ["backup", "--data", tmp_path / data])
    assert refused(capsys, ["restore", "nothing", "--data", tmp_path / data])


def test_odd_names_are_names(tmp_path, capsys, monkeypatch):
    from sessions.store import Store

    monkeypatch.chdir(tmp_path)
    for name in ("with space", "new\nline", "ünï-木", "-dash", "'quotes\""):
        with Store(tmp_path / name) as store:
            store.ask(store.start().id, ("before",))
        assert launch.main(["backup", f"--data={name}", f"--to={name}.zip"]) == 0
        assert launch.main(["restore", f"--data={name} again", str(tmp_path / f"{name}.zip")]) == 0
        assert "conversations in it: 1." in capsys.readouterr().out


def test_the_current_folder_is_gone(tmp_path):
    (tmp_path / "gone").mkdir()
    command = f'rmdir "{tmp_path}/gone" && exec "$@"'
    words = ["sh", "-c", command, "sh", sys.executable, str(ROOT / "launch.py"), "doctor"]
    done = subprocess.run(words, cwd=tmp_path / "gone", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The current folder was deleted: go to another one first.\n"


def test_without_home_and_with_a_scratch_folder_that_is_gone(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path / "none"), "LC_ALL": "C", "LANG": "xx_YY"}
    del environment["HOME"]
    sample = next((ROOT / "assets" / "sample").glob("*.*3"), None) or next(
        file for file in sorted((ROOT / "assets" / "sample").iterdir()) if file.suffix != ".jsonl"
    )
    words = [sys.executable, "launch.py", "ask", "--model", "parrot", str(sample), "木"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0 and done.stdout.decode().strip().endswith("木"), done.stderr


def test_a_port_that_is_taken_says_by_whom(tmp_path):
    server = Server(tmp_path / "data", "--model", "parrot")
    try:
        told = network.taken(server.port)
        assert f"running already: open http://127.0.0.1:{server.port}/" in told
        words = [*server.words, "--data", str(tmp_path / "b"), "--port", str(server.port)]
        again = [sys.executable, *words, "--no-browser"]
        done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr
    finally:
        server.close()
    assert network.taken(1) == "Port 1 is not free: give another one with --port."
