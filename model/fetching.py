"""A checkpoint on its way here, in a process of its own: it can be stopped at any moment, and what
it needs of memory for packing weights is gone with it. Downloads nothing itself."""

import contextlib
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence

PATIENCE = 10  # seconds that a process has to end by itself
LAST_WORDS = 5  # lines of what it complained about


class Fetching:
    """Runs a command that prints lines "WHAT DONE TOTAL", and complains on standard error."""

    def __init__(self, command: Sequence[str], ended: Callable[[], object] = lambda: None):
        self.what, self.done, self.total = "", 0, 0
        self.is_stopped = False
        self._said: deque[str] = deque(maxlen=LAST_WORDS)
        self._ended = ended
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        told = {"encoding": "utf-8", "errors": "replace"}
        speaks = os.environ | {"PYTHONIOENCODING": "utf-8"}
        self._process = subprocess.Popen(command, env=speaks, **told, **pipes)
        self._complaints = threading.Thread(target=self._hear, daemon=True)
        self._complaints.start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def is_over(self) -> bool:
        return not self._watcher.is_alive()

    @property
    def trouble(self) -> str:
        """The last thing it complained about, where it failed."""
        if not self.is_over or self.is_stopped or not self._process.returncode:
            return ""
        return self._said[-1] if self._said else f"It ended with {self._process.returncode}."

    def stop(self) -> None:
        """What has arrived is kept, and need not come again."""
        self.is_stopped = True
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join()

    def _watch(self) -> None:
        for line in self._process.stdout:
            words = line.split()
            with contextlib.suppress(ValueError):
                if len(words) == 3:
                    self.what, self.done, self.total = words[0], int(words[1]), int(words[2])
        self._process.wait()
        self._complaints.join()
        self._process.stdout.close()
        self._ended()

    def _hear(self) -> None:
        with self._process.stderr as complaints:
            self._said.extend(line.strip() for line in complaints if line.strip())
