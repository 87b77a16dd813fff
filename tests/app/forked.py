"""Programs that start in a process forked from one that has imported the page already: importing it
takes seconds, for each of dozens of servers."""

import multiprocessing
import os
import random
import runpy
import sys
from multiprocessing.reduction import DupFd
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["app.page"])


class Forked:
    """As a `subprocess.Popen` of `python PROGRAM WORDS` whose standard output is read."""

    def __init__(self, program: str, words: list[str]):
        readable, writable = os.pipe()
        self._process = _CONTEXT.Process(
            target=_run, args=(program, words, dict(os.environ), DupFd(writable)), daemon=True
        )
        self._process.start()
        os.close(writable)
        self.pid, self.stdout = self._process.pid, open(readable, encoding="utf-8")

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"{self.pid} goes on after {timeout} s"
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(program: str, words: list[str], environment: dict[str, str], output: DupFd) -> None:
    os.dup2(output.detach(), sys.__stdout__.fileno())
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    random.seed()
    sys.argv = [program, *words]
    runpy.run_path(str(ROOT / program), run_name="__main__")
