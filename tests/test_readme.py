"""The README is true: its commands run in CI, its figures are those that were measured."""

import json
import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import launch
from benchmarks import report

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = runpy.run_path(str(ROOT / ".ci" / "readme.py"))


@pytest.mark.parametrize("command", [line for line in CI["shown"]() if "launch.py" in line])
def test_every_command_of_the_readme_parses(command):
    launch.parse(shlex.split(command)[2:])


def test_the_two_commands_do_all_set_up():
    setup = [line for line in re.findall(r"^    (\S.*)$", README, re.M) if "venv" in line]
    assert len(setup) == 2
    assert "requirements.txt && .venv/bin/python launch.py" in setup[0]
    assert "tests/requirements.txt && .venv/bin/python -m pytest" in setup[1]


def test_the_figures_are_those_that_were_measured():
    results = json.loads(report.RESULTS.read_text())
    assert report.written(README, results) == README
    assert set(report.ROWS) <= set(results)


def test_every_file_that_the_map_names_is_there():
    for name in re.findall(r"^\| `([\w./]+)` \|", README, re.M):
        assert (ROOT / name).exists(), name


def test_requirements_are_one_a_line_with_their_reason():
    for file in ("requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / file).read_text().splitlines():
            assert line.startswith(("#", "-r", "-c")) or "  # " in line, line


def test_no_file_is_over_50_mb():
    if not shutil.which("git"):
        pytest.skip("no git to list the files with")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        assert (ROOT / name).stat().st_size < 50_000_000, name
