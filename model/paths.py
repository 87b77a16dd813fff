"""Paths as people give them, in options and in the environment. Looks at no file but to tell a file
whose name begins with ~ from a home folder."""

import argparse
import os
from pathlib import Path

from model.errors import EarshotError


class NoSuchPlace(EarshotError):
    """A path that names no place on any disk."""


def expanded(text: str | os.PathLike) -> Path:
    """The path, where ~ at its beginning is the home folder, as ~name is that of another user: no
    shell sees what stands in an environment file, a service's settings or --data=~/sounds. A file
    or folder that is really called so is taken as it is, unless a home folder is meant as well.
    Raises NoSuchPlace."""
    text = os.fspath(text)
    if not text.strip():
        raise NoSuchPlace("A path is empty: name a file or a folder.")
    if not text.startswith("~"):
        return Path(text)
    found = Path(os.path.expanduser(text))
    if found.is_absolute() and not _is_home_unknown(text):
        return found
    literal = Path(text)
    if literal.exists():
        return literal
    name = text.split("/")[0].split(os.sep)[0]
    raise NoSuchPlace(
        f"There is no home folder {name} on this machine: give the whole path instead of {text}."
    )


def _is_home_unknown(text: str) -> bool:
    """Whether ~ would become the root of the disk: HOME may be set to nothing, as by a service."""
    return os.environ.get("HOME") == "" and os.name != "nt" and text.split("/")[0] == "~"


def from_environment(name: str) -> Path | None:
    """The path in a variable; None where it is empty or not set. Environment files keep what a
    shell would take away: quotes around the value, spaces and carriage returns behind it, and
    other variables by their names. Raises NoSuchPlace."""
    text = os.environ.get(name, "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return expanded(os.path.expandvars(text)) if text else None


def as_path(text: str) -> Path:
    """`expanded`, as the type of an argument of argparse."""
    try:
        return expanded(text)
    except NoSuchPlace as error:
        raise argparse.ArgumentTypeError(str(error)) from None
