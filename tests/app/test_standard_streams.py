"""What the command line says arrives, whatever its output is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import launch

ROOT = Path(__file__).parents[2]
SAID = "木の下で — naïve ♪ 🎷 عربي"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("PYTHONIOENCODING", "PYTHONUTF8")}


def ask(*words, environment=None, script="", **how):
    """`launch.py ask` with Parrot, which says what it was told; `script` are redirections."""
    command = [sys.executable, str(ROOT / "launch.py"), "ask", "--model", "parrot", *words]
    how = {"capture_output": True} | how
    if script:
        command = ["sh", "-c", f'exec "$@" {script}', "sh", *command]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | (environment or {}), **how)


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii:strict", "utf-16", "cp037"])
def test_an_answer_is_written_in_any_encoding_that_was_chosen(encoding):
    done = ask(SAID, environment={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    name = encoding.split(":")[0]
    expected = SAID.encode(name, "backslashreplace").decode(name)
    assert done.stdout.decode(name).strip() == expected


def test_a_pipe_is_written_in_utf_8_where_python_would_take_another_encoding():
    other = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = ask(SAID, environment=other)
    assert (done.returncode, done.stdout.decode().strip()) == (0, SAID), done.stderr


def test_bytes_that_are_no_text_are_one_sign_each():
    assert ask(b"caf\xe9?").stdout.decode().strip() == "caf\ufffd?"


def test_complaints_and_help_are_written_in_any_encoding():
    few = {"PYTHONIOENCODING": "ascii"}
    done = ask("--max-tokens", "\u2014", "x", environment=few)
    assert done.returncode == 2 and b"invalid int value: '\\u2014'" in done.stderr
    done = ask("no-♪.wav", "x", environment=few)
    assert done.returncode == 1 and b"There is no file no-\\u266a.wav" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_a_full_disk_does_not_take_is_on_standard_error():
    done = ask(SAID, script=">/dev/full")
    said = done.stderr.decode()
    assert done.returncode == 1 and said.endswith(SAID + "\n") and "No space left" in said
    assert "Traceback" not in said and "Exception ignored" not in said


@pytest.mark.parametrize("script", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_without_standard_output_the_answer_is_in_a_log(tmp_path, script):
    done = ask("--data", str(tmp_path), SAID, script=script)
    log = (tmp_path / "earshot.log").read_text(encoding="utf-8")
    assert done.returncode == 0 and SAID in log.splitlines()
    assert "2>&-" in script or str(tmp_path / "earshot.log") in done.stderr.decode()


def test_without_standard_error_a_refusal_is_in_the_log(tmp_path):
    done = ask("--data", str(tmp_path), "nowhere.wav", "x", script="2>&-")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "There is no file nowhere.wav" in (tmp_path / "earshot.log").read_text()


def test_nobody_reading_on_is_no_fault():
    reading, writing = os.pipe()
    os.close(reading)
    done = ask(SAID, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_question_may_be_longer_than_a_name_of_a_file(capsys):
    question = "why " * 100
    assert launch.main(["ask", "--model", "parrot", question]) == 0
    assert capsys.readouterr().out.strip() == question.strip()
