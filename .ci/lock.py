"""`python .ci/lock.py`: writes down the version of every package, transitive ones too. Needs uv.

What is there stays at its version unless `--upgrade` or `--upgrade-package NAME` is given. Each
file is for Python 3.11 and later on Linux, macOS and Windows:

constraints.txt   versions alone, which requirements.txt holds to: any build of PyTorch will do
tests.txt         the same of what the tests need beside that
requirements.lock each file by its hash, with the CUDA libraries of PyTorch for Linux
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "assets" / "locks"
CONSTRAINTS, TESTS = LOCKS / "constraints.txt", LOCKS / "tests.txt"
LOCK = LOCKS / "requirements.lock"
COMPILE = "uv pip compile --universal --python-version 3.11 --no-header --no-annotate --quiet"
MADE = "# Made by .ci/lock.py out of {}.\n"
NOT_HELD = "pip=="  # no constraint: on Windows a running pip cannot replace itself


def entries(text: str) -> list[str]:
    """Each package of a lock, with the lines of its hashes."""
    lines = "".join(line for line in text.splitlines(True) if not line.startswith(("#", "-")))
    return re.findall(r"^\S.*\n(?:[ \t]+\S.*\n)*", lines, re.M)


def requirements(path: Path) -> str:
    """The lines of a requirements file that name packages, not other files."""
    lines = path.read_text(encoding="utf-8").splitlines(True)
    return "".join(line for line in lines if not line.startswith(("-c", "-r")))


def compiled(asked: str, before: str, *options: str) -> str:
    """What uv resolves `asked` to, keeping to the versions of `before` where it can."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        source.write_text(asked, encoding="utf-8")
        result.write_text(before, encoding="utf-8")
        command = [*COMPILE.split(), *options, str(source), "-o", str(result)]
        subprocess.run(command, check=True)
        return result.read_text(encoding="utf-8")


def version_of(entry: str) -> str:
    """An entry without its hashes: name, version and marker."""
    return entry.splitlines()[0].removesuffix(" \\") + "\n"


def exact(entry: str) -> str:
    """For the lock, PyTorch is the very build that has these hashes, not one with a local version
    (2.13.0+cpu), which pip would take first where it knows of one."""
    return re.sub(r"^torch==", "torch===", entry)


def main() -> None:
    asked = requirements(ROOT / "requirements.txt")
    before = LOCK.read_text().replace("===", "==") if LOCK.exists() else ""
    found = entries(compiled(asked, before, "--generate-hashes", *sys.argv[1:]))
    versions = [version_of(entry) for entry in found if not entry.startswith(NOT_HELD)]
    LOCK.write_text(MADE.format("requirements.txt") + "".join(map(exact, found)))
    CONSTRAINTS.write_text(MADE.format("requirements.txt") + "".join(versions))

    asked += requirements(ROOT / "tests" / "requirements.txt")
    before = TESTS.read_text() if TESTS.exists() else ""
    found = entries(compiled(asked, before, "--constraints", str(CONSTRAINTS), *sys.argv[1:]))
    more = [entry for entry in found if entry not in versions and not entry.startswith(NOT_HELD)]
    TESTS.write_text(MADE.format("tests/requirements.txt") + "".join(more))


if __name__ == "__main__":
    main()
