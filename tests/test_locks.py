"""What is deployed is pinned, each package by version and hash; no known fault is among it."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "assets" / "locks"
ADVISORIES = tomllib.loads((LOCKS / "advisories.toml").read_text())["advisory"]
BASE, CUDA = LOCKS / "requirements.lock", LOCKS / "cuda.lock"
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
PYTHONS = ("3.11", "3.12", "3.13")
PLACES = [
    {"sys_platform": system, "platform_system": name, "platform_machine": machine}
    for system, name, machine in (
        ("linux", "Linux", "x86_64"),
        ("linux", "Linux", "aarch64"),
        ("darwin", "Darwin", "arm64"),
        ("win32", "Windows", "AMD64"),
    )
]
WORLDS = [
    place | {"python_version": python, "python_full_version": f"{python}.2"}
    for place in PLACES
    for python in PYTHONS
]


def entries(file):
    return runpy.run_path(str(ROOT / ".ci" / "lock.py"))["entries"](file.read_text())


def pinned(file, world):
    """Versions by name, as they would be installed there."""
    found = {}
    for entry in entries(file):
        one = Requirement(entry.splitlines()[0].removesuffix("\\"))
        if one.marker is None or one.marker.evaluate(world):
            (only,) = one.specifier
            assert only.operator == "==" and "*" not in only.version, entry
            assert one.name not in found, f"{one.name} twice"
            found[canonicalize_name(one.name)] = Version(only.version)
    return found


def wanted():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if not line.startswith("#"):
            yield Requirement(line.partition("  #")[0])


@pytest.mark.parametrize("file", [BASE, CUDA], ids=lambda file: file.name)
def test_every_package_has_its_hashes_and_says_nothing_of_where_it_comes_from(file):
    for entry in entries(file):
        name, *hashes = entry.splitlines()
        assert hashes and all(HASH.fullmatch(line) for line in hashes), name
    text = file.read_text()
    assert "://" not in text and "index" not in text
    listed = "".join(entries(file)).count("\n")
    rest = [line for line in text.splitlines() if line.startswith(("#", "-r"))]
    assert listed + len(rest) == text.count("\n"), "nothing else is in it"


@pytest.mark.parametrize(
    "world", WORLDS, ids=lambda w: f"{w['platform_system']}-{w['python_version']}"
)
def test_what_is_pinned_is_what_is_asked_for(world):
    found = pinned(BASE, world)
    for one in wanted():
        if one.marker is None or one.marker.evaluate(world):
            name = canonicalize_name(one.name)
            assert name in found, f"{one.name} is not pinned: run .ci/lock.py"
            assert found[name] in one.specifier, f"{one}: run .ci/lock.py"


def test_the_lock_is_for_every_python_that_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={PYTHONS[0]}"
    assert project.get("dependencies", []) == [], "requirements.txt is the one list"


def test_cuda_adds_libraries_and_changes_nothing():
    assert CUDA.read_text().splitlines()[1] == "-r requirements.lock"
    for world in WORLDS:
        more = pinned(CUDA, world)
        assert not more.keys() & pinned(BASE, world).keys()
        assert bool(more) == (world["sys_platform"] == "linux")


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda one: one["id"])
def test_no_known_fault_is_pinned_or_allowed(advisory):
    name = advisory["package"]
    if fixed := advisory.get("fixed"):
        for world in WORLDS:
            assert pinned(BASE, world)[name] >= Version(fixed)
        floors = [one for one in wanted() if canonicalize_name(one.name) == name]
        for one in floors:
            least = next(s.version for s in one.specifier if s.operator in (">=", "~=", "=="))
            assert Version(least) >= Version(fixed), f"{one} allows {advisory['id']}"
    if unused := advisory.get("unused"):
        for package in ("app", "model", "sessions"):
            for file in (ROOT / package).rglob("*.py"):
                assert unused not in file.read_text(), f"{file}: {advisory['id']}"


def test_what_the_network_reaches_has_a_floor_of_its_own():
    floors = {canonicalize_name(one.name) for one in wanted()}
    assert {one["package"] for one in ADVISORIES} - floors <= {"urllib3"}  # it only asks others
