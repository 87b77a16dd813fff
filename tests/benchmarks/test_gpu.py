"""The measurements for a GPU, rehearsed on a processor: that they run, what they make of failures,
and the kit that carries them."""

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from benchmarks.gpu import pack, processes, report
from benchmarks.gpu.setting import STEPS, Setting

ROOT = Path(__file__).parents[2]
GOOD = [
    {"step": "parity", "part": "float32", "ok": True, "worst_logit_diff": 1e-5},
    {"step": "full_shape", "part": "load", "ok": True, "gpu_peak_gb": 7.3},
    {"step": "full_shape", "part": "answer", "first_token_s": 0.3, "bandwidth_share": 0.5},
    {"step": "full_shape", "part": "turns", "ok": True, "warm_first_s": [0.3, 0.1]},
    {"step": "full_shape", "part": "captured", "ok": True, "first_unlike": None, "tokens": 96},
    {"step": "memory", "part": "card_of_8_gb_with_a_screen", "ok": True, "gpu_peak_gb": 5.2},
]


@pytest.fixture
def setting(tmp_path):
    return Setting(True, tmp_path / "out", tmp_path / "scratch", None)


def test_steps_run_at_toy_size(tmp_path):
    """Two of them; .ci/readme.py runs them all."""
    steps = ("environment", "training")
    command = [sys.executable, "-m", "benchmarks.gpu", *steps, "--toy"]
    command += ["--out", tmp_path / "out", "--scratch", tmp_path / "scratch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    log = (tmp_path / "out" / "log.txt").read_text()
    assert done.returncode == 0, done.stdout + log
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").open()]
    assert {row["step"] for row in rows} == {*steps, "checkpoint", "all"}
    assert "No part failed." in (tmp_path / "out" / "report.md").read_text()
    assert not (tmp_path / "scratch").exists()


def step_that(monkeypatch, tmp_path, *lines):
    """A step of our own, as a module beside the real ones."""
    folder = tmp_path / "benchmarks" / "gpu"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    source = ROOT / "benchmarks" / "gpu"
    for file in source.glob("*.py"):
        (folder / file.name).symlink_to(file)
    (folder / "odd.py").write_text(
        "\n".join(("import os, time", "def run(parts, setting):", *lines))
    )
    monkeypatch.setitem(processes.STEPS, "odd", 20)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.chdir(tmp_path)


def test_a_part_that_fails_or_hangs_costs_itself_alone(monkeypatch, tmp_path, setting):
    step_that(
        monkeypatch,
        tmp_path,
        "    parts.run('fails', lambda: 1 / 0)",
        "    parts.run('hangs', time.sleep, 60, seconds=1)",
        "    parts.run('works', lambda: {'figure': 7})",
    )
    rows = {row.get("part"): row for row in processes.run_all(["odd"], setting, 60)}
    assert "ZeroDivisionError" in rows["fails"]["error"]
    assert "more than 1 s" in rows["hangs"]["error"]
    assert rows["works"]["ok"] and rows["works"]["figure"] == 7


def test_after_a_part_that_took_its_process_along_the_others_go_on(monkeypatch, tmp_path, setting):
    step_that(
        monkeypatch,
        tmp_path,
        "    parts.run('first', lambda: {'figure': 1})",
        "    parts.run('dies', os._exit, 9)",
        "    parts.run('last', lambda: {'figure': 2})",
    )
    rows = processes.run_all(["odd"], setting, 60)
    assert [row["part"] for row in rows[:-1]] == ["first", "dies", "last"]
    assert rows[1]["died"] == 9 and rows[2]["ok"]


def test_a_step_that_does_not_end_is_ended(monkeypatch, tmp_path, setting):
    step_that(monkeypatch, tmp_path, "    print('BEGIN endless', flush=True)", "    time.sleep(99)")
    monkeypatch.setitem(processes.STEPS, "odd", 8)
    began = time.monotonic()
    rows = processes.run_all(["odd"], setting, 60)
    assert {"step": "odd", "part": "endless", "ok": False, "died": None} in rows
    assert time.monotonic() - began < 40


def test_goals_that_are_met(tmp_path):
    assert report.status(GOOD, toy=False) == 0
    assert report.write(GOOD, tmp_path, toy=False).count("| yes |") == len(report.GOALS)


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_what_was_not_measured_is_said(tmp_path, number):
    rows = [row for i, row in enumerate(GOOD) if i != number]
    assert report.status(rows, toy=False) == 1
    assert "not measured" in report.write(rows, tmp_path, toy=False)


@pytest.mark.parametrize(
    "number, figures",
    [
        (0, {"worst_logit_diff": 2e-4}),
        (1, {"gpu_peak_gb": 7.6}),
        (2, {"first_token_s": 0.6}),
        (2, {"bandwidth_share": 0.44}),
        (3, {"warm_first_s": [0.1, 0.16]}),
        (4, {"first_unlike": [40, 0.01], "ok": False}),
        (5, {"gpu_peak_gb": 7.1}),
    ],
)
def test_a_goal_that_is_missed_is_told(tmp_path, number, figures):
    rows = [row | figures if i == number else row for i, row in enumerate(GOOD)]
    assert report.status(rows, toy=False) == 1
    assert report.write(rows, tmp_path, toy=False).count("| no |") == 1
    assert report.status([{"step": "a", "part": "b", "ok": False}], toy=True) == 1


def test_a_wheel_keeps_the_libraries_that_are_named(tmp_path):
    file = tmp_path / "bitsandbytes-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as made:
        for name in ("cuda130", "cuda118", "cpu"):
            made.writestr(f"bitsandbytes/libbitsandbytes_{name}.so", name * 1000)
        made.writestr("bitsandbytes/__init__.py", "")
        made.writestr("bitsandbytes-1.0.dist-info/RECORD", "old")
    with pytest.raises(ValueError, match="cuda999"):
        pack.keep_libraries(file, {"cuda999"})
    pack.keep_libraries(file, {"cuda130", "cpu"})
    with zipfile.ZipFile(file) as kept:
        names = set(kept.namelist())
        record = kept.read("bitsandbytes-1.0.dist-info/RECORD").decode()
    assert "bitsandbytes/libbitsandbytes_cuda118.so" not in names and len(names) == 4
    assert {line.split(",")[0] for line in record.splitlines()} == names
    assert "sha256=" in record and "old" not in record


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_kit_needs_no_page_no_store_and_no_decoder(tmp_path):
    """What is not installed on a GPU machine must not be imported there."""
    pack.code(tmp_path)
    steps = ", ".join(f"benchmarks.gpu.{name}" for name in (*STEPS, "checkpoint", "report"))
    absent = "app sessions gradio sqlite_utils pydub imageio_ffmpeg sounddevice tiktoken".split()
    program = f"import sys; sys.modules.update(dict.fromkeys({absent})); import {steps}"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
