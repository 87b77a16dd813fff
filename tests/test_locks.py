"""What is deployed is pinned, each package by version and hash; no known fault is among it."""

import re
import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "assets" / "locks"
ADVISORIES = tomllib.loads((LOCKS / "advisories.toml").read_text())["advisory"]
LOCK = LOCKS / "requirements.lock"
CONSTRAINTS, TESTS = LOCKS / "constraints.txt", LOCKS / "tests.txt"
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
            assert only.operator in ("==", "===") and "*" not in only.version, entry
            assert one.name not in found, f"{one.name} twice"
            found[canonicalize_name(one.name)] = Version(only.version)
    return found


def wanted(file="requirements.txt"):
    for line in (ROOT / file).read_text().splitlines():
        if not line.startswith(("#", "-")):
            yield Requirement(line.partition("  #")[0])


in_every_world = pytest.mark.parametrize(
    "world",
    WORLDS,
    ids=lambda w: f"{w['platform_system']}-{w['platform_machine']}-{w['python_version']}",
)


@pytest.mark.parametrize("file", [LOCK, CONSTRAINTS, TESTS], ids=lambda file: file.name)
def test_a_lock_says_nothing_of_where_packages_come_from(file):
    text = file.read_text()
    assert "://" not in text and "index" not in text
    listed = "".join(entries(file)).count("\n")
    rest = [line for line in text.splitlines() if line.startswith("#")]
    assert listed + len(rest) == text.count("\n"), "nothing else is in it"


def test_every_package_has_its_hashes():
    for entry in entries(LOCK):
        name, *hashes = entry.splitlines()
        assert hashes and all(HASH.fullmatch(line) for line in hashes), name


def test_the_requirements_hold_to_the_constraints():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("-")] == ["-c assets/locks/constraints.txt"]
    lines = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    also = ["-r ../requirements.txt", "-c ../assets/locks/tests.txt"]
    assert [line for line in lines if line.startswith("-")] == also


@in_every_world
def test_what_is_pinned_is_what_is_asked_for(world):
    of_tests = {**pinned(CONSTRAINTS, world), **pinned(TESTS, world)}
    for file, found in (
        ("requirements.txt", pinned(CONSTRAINTS, world)),
        ("requirements.txt", pinned(LOCK, world)),
        ("tests/requirements.txt", of_tests),
    ):
        for one in wanted(file):
            if one.marker is None or one.marker.evaluate(world):
                name = canonicalize_name(one.name)
                assert name in found, f"{one.name} is not pinned: run .ci/lock.py"
                assert found[name] in one.specifier, f"{one}: run .ci/lock.py"


@in_every_world
def test_the_constraints_and_the_lock_are_of_the_same_versions(world):
    locked = pinned(LOCK, world)
    del locked["pip"]  # on Windows a running pip cannot replace itself
    assert pinned(CONSTRAINTS, world) == locked
    assert not pinned(TESTS, world).keys() & locked.keys()


@in_every_world
def test_the_lock_is_whole_with_the_libraries_of_pytorch_where_it_needs_them(world):
    libraries = {name for name in pinned(LOCK, world) if name.startswith(("nvidia-", "cuda-"))}
    assert bool(libraries) == (world["sys_platform"] == "linux")
    assert ("triton" in pinned(LOCK, world)) == (world["sys_platform"] == "linux")


def test_constraints_take_any_build_of_pytorch_and_the_lock_the_one_it_has_hashes_of():
    def torch_in(file):
        (entry,) = (one for one in entries(file) if one.startswith("torch=="))
        return Requirement(entry.splitlines()[0].removesuffix(" \\")).specifier

    (tried,) = torch_in(CONSTRAINTS)
    for build in ("", "+cpu", "+cu130"):
        assert torch_in(CONSTRAINTS).contains(f"{tried.version}{build}")
        assert torch_in(LOCK).contains(f"{tried.version}{build}") == (not build)


def test_what_is_needed_in_turn_is_pinned_too():
    here, found, ahead = pinned(CONSTRAINTS, None), set(), list(wanted())
    while ahead:
        one = ahead.pop()
        name = canonicalize_name(one.name)
        extras = [{"extra": extra} for extra in one.extras or [""]]
        if name in found or (one.marker and not any(map(one.marker.evaluate, extras))):
            continue
        found.add(name)
        assert name in here or name == "pip", f"{name} is not pinned: run .ci/lock.py"
        try:
            needs = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:  # PyTorch's libraries, with its build for processors
            continue
        needs = [Requirement(line) for line in needs]
        ahead += [o for o in needs if not o.marker or any(map(o.marker.evaluate, extras))]
    assert len(found) > 60


def test_no_constraint_is_of_pip_itself():
    for file in (CONSTRAINTS, TESTS):
        assert not [entry for entry in entries(file) if entry.startswith("pip==")]


def test_the_lock_is_for_every_python_that_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={PYTHONS[0]}"
    assert project.get("dependencies", []) == [], "requirements.txt is the one list"


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda one: one["id"])
def test_no_known_fault_is_pinned_or_allowed(advisory):
    name = advisory["package"]
    if fixed := advisory.get("fixed"):
        for world in WORLDS:
            assert pinned(CONSTRAINTS, world)[name] >= Version(fixed)
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
