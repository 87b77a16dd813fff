"""Steps in processes of their own, within a given time: one that fails or hangs costs itself alone.
A step has parts; after a part that took its process with it, the others go on in a new one.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.gpu.setting import STEPS, Setting

RESULT, BEGIN = "RESULT ", "BEGIN "
_WRITING = "checkpoint"  # a step that runs beside the first ones
_NEED_A_CHECKPOINT = {"full_shape", "memory", "training"}
_BROKEN, _USELESS = 3, 4  # exit statuses: the device is lost; nothing can be done without this part
_TRIES = 4  # processes of one step
_LEAST = 12  # seconds, without which no step begins


class Log:
    """Results as lines of JSON, in a file and on the terminal; all else in one other file."""

    def __init__(self, out: Path):
        out.mkdir(parents=True, exist_ok=True)
        self.rows: list[dict] = []
        self._results = (out / "results.jsonl").open("w", encoding="utf-8")
        self._rest = (out / "log.txt").open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def result(self, row: dict) -> None:
        with self._lock:
            self.rows.append(row)
            self._results.write(json.dumps(row) + "\n")
            self._results.flush()
            print(json.dumps(row), flush=True)

    def line(self, text: str) -> None:
        with self._lock:
            self._rest.write(text)
            self._rest.flush()


class Child:
    """A step in a process of its own. `begun` are the parts that it has told of."""

    def __init__(self, step: str, setting: Setting, log: Log, skip: Sequence[str] = ()):
        command = [sys.executable, "-m", "benchmarks.gpu", "--step", step, *setting.words()]
        self.step, self.log, self.begun = step, log, []
        self.process = subprocess.Popen(
            [*command, "--skip", *skip],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream) -> None:
        for line in stream:
            if line.startswith(RESULT):
                self.log.result(json.loads(line.removeprefix(RESULT)))
            elif line.startswith(BEGIN):
                self.begun.append(line.removeprefix(BEGIN).strip())
            else:
                self.log.line(f"{self.step}: {line}")

    def wait(self, seconds: float) -> int | None:
        """Its exit status, or None where it was stopped."""
        try:
            status = self.process.wait(max(1.0, seconds))
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: what it began, too
            self.process.wait()
        for reader in self._readers:
            reader.join(2)
        return status


def run_all(steps: Sequence[str], setting: Setting, seconds: float) -> list[dict]:
    """Every step in order -> its results."""
    log, began = Log(setting.out), time.monotonic()
    writer = Child(_WRITING, setting, log) if _NEED_A_CHECKPOINT & set(steps) else None

    def left() -> float:
        return began + seconds - time.monotonic()

    try:
        for step in steps:
            if writer and step in _NEED_A_CHECKPOINT:
                writer.wait(left())
                writer = None
            _run(step, setting, log, left)
    finally:
        if writer:
            writer.wait(1)
        shutil.rmtree(setting.scratch, ignore_errors=True)
    log.result({"step": "all", "seconds": round(time.monotonic() - began, 1)})
    return log.rows


def _run(step: str, setting: Setting, log: Log, left: Callable[[], float]) -> None:
    skip: list[str] = []
    for _ in range(_TRIES):
        if left() < _LEAST:
            log.result({"step": step, "ok": None, "skipped": "no time left"})
            return
        child = Child(step, setting, log, skip)
        status = child.wait(min(STEPS[step], left()))
        if status == 0:
            return
        part = child.begun[-1] if child.begun else "start"
        log.result({"step": step, "part": part, "ok": False, "died": status})
        if status == _USELESS or set(child.begun) <= set(skip):
            return
        skip = sorted({*skip, *child.begun})


class Parts:
    """Runs the parts of a step in this process, and tells how each went."""

    def __init__(self, step: str, skip: Sequence[str]):
        self.step, self.skip = step, skip

    def run(self, name: str, work: Callable, *args, seconds: int = 60, needed: bool = False):
        """`work` gives figures, or (figures, what to return). `needed` parts are done in every
        process, and without them nothing is."""
        if name in self.skip and not needed:
            return None
        print(f"{BEGIN}{name}", flush=True)
        began = time.monotonic()
        try:
            with _alarm(seconds):
                told = work(*args)
        except Exception as error:
            traceback.print_exc()
            self.tell(name, ok=False, error=f"{type(error).__name__}: {error}"[:400])
            if needed:
                sys.exit(_USELESS)
            if not _device_lives():
                sys.exit(_BROKEN)
            return None
        figures, kept = told if isinstance(told, tuple) else (told or {}, None)
        self.tell(name, **{"ok": True} | figures, took_s=round(time.monotonic() - began, 1))
        return kept

    def tell(self, name: str, **figures) -> None:
        row = {"step": self.step, "part": name} | figures
        print(RESULT + json.dumps(row, default=str), flush=True)


class _alarm:
    """Raises TimeoutError in the main thread after so many seconds, where the system can."""

    def __init__(self, seconds: int):
        self.seconds = seconds

    def __enter__(self):
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self._ring)
            signal.alarm(self.seconds)

    def __exit__(self, *_):
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)

    def _ring(self, *_):
        raise TimeoutError(f"this part took more than {self.seconds} s")


def _device_lives() -> bool:
    from benchmarks.gpu.measuring import sync

    try:
        sync()
        return True
    except RuntimeError:
        return False


def run_here(step: str, setting: Setting, skip: Sequence[str]) -> None:
    """All parts of a step, in this process."""
    importlib.import_module(f"benchmarks.gpu.{step}").run(Parts(step, skip), setting)
