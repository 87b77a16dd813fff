"""The benchmark of the second turn, on this checkout beside its own last commit."""

import json
import subprocess
import sys

import pytest

from benchmarks import second_turn
from benchmarks.second_turn import PARTS, ROOT, compare


def row(seconds: float, ids=(1, 2)) -> dict:
    return dict.fromkeys(PARTS, seconds) | {"reused": 3, "ids": list(ids)}


def test_ratios_are_of_talks_and_tokens_are_compared():
    found = compare([row(1.0), row(3.0), row(9.0)], [row(2.0), row(2.0), row(3.0)])
    assert found["second_turn_s"] == {"ours": 3.0, "theirs": 2.0, "ratio": 1.5}
    assert found["same_tokens"] and found["same_reuse"]
    assert not compare([row(1.0)], [row(1.0, ids=(1, 3))])["same_tokens"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the history of the repository")
def test_two_checkouts_take_turns_with_the_same_weights():
    before = second_turn._git("worktree", "list")
    command = [sys.executable, "-m", "benchmarks.second_turn", "--against", "HEAD", "--toy"]
    command += ["--talks", "1", "--tokens", "3", "--seconds", "1", "--cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["same_tokens"] and told["same_reuse"]
    assert all(told[part]["ratio"] > 0 for part in PARTS)
    assert second_turn._git("worktree", "list") == before
