"""Installed packages beside the versions that were tried together. Changes nothing."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from model.machine import Finding

CONSTRAINTS = Path(__file__).parents[1] / "assets" / "locks" / "constraints.txt"
MOST_NAMED = 5


def packages(constraints: Path = CONSTRAINTS) -> Finding:
    """Whether what is installed is what was tried. What is not installed does not count: which
    libraries PyTorch brings, for one, depends on its build."""
    found = list(_untried(constraints))
    if not found:
        return Finding(True, "Packages", "Those installed have the versions that were tried.")
    named = [f"{name} {here} ({tried})" for name, here, tried in found[:MOST_NAMED]]
    if more := len(found) - len(named):
        named.append(f"and {more} more")
    return Finding(
        None,
        "Packages",
        f"Installed in versions that were not tried (in brackets, those that were): "
        f"{', '.join(named)}. Answers may be wrong or fail.",
        "pip install -r requirements.txt",
    )


def _untried(constraints: Path) -> Iterator[tuple[str, str, str]]:
    """(package, version installed, version tried) where the two differ."""
    for line in constraints.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        tried = Requirement(line)
        if tried.marker and not tried.marker.evaluate():
            continue
        try:
            here = metadata.version(tried.name)
        except metadata.PackageNotFoundError:
            continue
        if not _is(here, tried):
            yield tried.name, str(here), str(tried.specifier).removeprefix("==")


def _is(version: str, tried: Requirement) -> bool:
    """Whether it is the version that was tried, in whatever build (2.13.0+cpu)."""
    try:
        return tried.specifier.contains(Version(version), prereleases=True)
    except (InvalidVersion, TypeError):  # damaged metadata
        return False
