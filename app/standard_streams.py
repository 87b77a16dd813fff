"""Standard input, output and error of this process, made safe to write to: any text can be written
in any encoding, and where there is no stream, what is said goes to a log file."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

SUBSTITUTES = ("replace", "ignore", "xmlcharrefreplace", "namereplace", "backslashreplace")


def prepare() -> None:
    """Call this before anything is opened or written.

    A file or a pipe without PYTHONIOENCODING is written in UTF-8: Python would take the code page
    of Windows, which knows few characters. Where the encoding was chosen, or is that of a terminal,
    what it lacks is written as \\uXXXX."""
    _open_closed_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):  # none at all, or a test's
            continue
        errors = stream.errors if stream.errors in SUBSTITUTES else "backslashreplace"
        chosen = bool(os.environ.get("PYTHONIOENCODING")) or stream.isatty()
        stream.reconfigure(encoding=None if chosen else "utf-8", errors=errors)


def replace_missing(log: Path) -> bool:
    """Where there is no standard output or error (pythonw, a service, `>&-`), what would be written
    there is added to `log` -> whether output goes there."""
    is_missing = sys.stdout is None
    if is_missing or sys.stderr is None:
        file = _opened(log)
        sys.stdout, sys.stderr = sys.stdout or file, sys.stderr or file
    return is_missing


def complain(text: object) -> None:
    """Write to standard error, as far as that can be."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def is_closed_pipe(error: OSError) -> bool:
    """Whether nobody reads any more what is written: `ask … | head`. On Windows it is an invalid
    argument, of no file."""
    is_windows = os.name == "nt" and error.errno == 22 and error.filename is None
    return isinstance(error, BrokenPipeError) or is_windows


def drop_output() -> None:
    """From here on output goes nowhere, so that the interpreter can end in peace."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _opened(log: Path) -> io.TextIOWrapper:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError:
        return open(os.devnull, "w", encoding="utf-8")


def _open_closed_descriptors() -> None:
    """A file that is opened where standard output was closed would get its number, and what a
    library writes to standard output would land in that file: a database, perhaps."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
