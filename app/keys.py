"""Keys as they are pressed in a terminal, one by one: over ssh too, and in Windows' console."""

import codecs
import os
import re
import select
import sys
import time
from collections.abc import Iterator

ENTER, BACKSPACE, ESCAPE, QUIT, CLEAR = "\r", "\x7f", "\x1b", "\x04", "\x15"
SEQUENCE = re.compile(r"\x1b(\[[0-9;?<]*[~A-Za-z]|O[A-Za-z])")  # arrows and their like: not ours
FIRST_REPEAT = 0.75  # seconds until a key that is held repeats, at most …
REPEAT = 0.25  # … and between two repeats, over a slow line


class Keyboard:
    """The terminal gives each key at once while this is open, and is as before afterwards."""

    def __init__(self):
        self._number = sys.stdin.fileno()
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode

    def __enter__(self) -> "Keyboard":
        if os.name != "nt":
            import termios
            import tty

            self._before = termios.tcgetattr(self._number)
            tty.setcbreak(self._number, termios.TCSADRAIN)  # what was typed ahead counts
        return self

    def __exit__(self, *_) -> None:
        if os.name != "nt":
            import termios

            termios.tcsetattr(self._number, termios.TCSADRAIN, self._before)

    def pressed(self, seconds: float) -> Iterator[str]:
        """The keys that come within so many seconds, or just after the first."""
        text = SEQUENCE.sub("", self._on_windows(seconds) if os.name == "nt" else self._on(seconds))
        yield from text.replace("\n", ENTER).replace("\b", BACKSPACE)

    def _on(self, seconds: float) -> str:
        ready, _, _ = select.select([self._number], [], [], seconds)
        if not ready:
            return ""
        read = os.read(self._number, 1024)
        return self._decode(read) if read else QUIT  # nobody is there any more

    def _on_windows(self, seconds: float) -> str:
        import msvcrt

        end, found = time.monotonic() + seconds, ""
        while not found and time.monotonic() < end:
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                found += "" if key in "\0\xe0" and msvcrt.getwch() else key
            time.sleep(0.01)
        return found


class Held:
    """Whether a key is still held down. A terminal does not say when it is let go: it is once its
    repeats stay away."""

    def __init__(self):
        self._until = 0.0
        self.is_down = False

    def press(self) -> bool:
        """Whether it is a new press, and not a repeat."""
        is_new = not self.is_down
        self._until = time.monotonic() + (FIRST_REPEAT if is_new else REPEAT)
        self.is_down = True
        return is_new

    def is_let_go(self) -> bool:
        """Once, when it has been."""
        if self.is_down and time.monotonic() > self._until:
            self.is_down = False
            return True
        return False
