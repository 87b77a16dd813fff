"""`python .ci/lock.py`: pins what requirements.txt asks for, by version and hash. Needs uv.

What is there stays at its version unless `--upgrade` is given. requirements.lock has all but the
CUDA libraries of PyTorch for Linux, which cuda.lock adds.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "assets" / "locks"
BASE, CUDA = LOCKS / "requirements.lock", LOCKS / "cuda.lock"
COMPILE = "uv pip compile --universal --python-version 3.11 --generate-hashes --no-header"
COMPILE += " --no-annotate --quiet"
OF_CUDA = re.compile(r"(?:nvidia|cuda)-|triton==")
SAID = "# Made by .ci/lock.py out of requirements.txt. "


def entries(text: str) -> list[str]:
    """Each package with its hashes."""
    lines = "".join(line for line in text.splitlines(True) if not line.startswith(("#", "-r")))
    return re.findall(r"^\S.*\n(?:[ \t]+\S.*\n)*", lines, re.M)


def main() -> None:
    before = LOCKS / "all.lock"
    texts = [path.read_text() for path in (BASE, CUDA) if path.exists()]
    before.write_text("".join(sorted(one for text in texts for one in entries(text))))
    try:
        command = [*COMPILE.split(), *sys.argv[1:], "requirements.txt", "-o", str(before)]
        subprocess.run(command, cwd=ROOT, check=True)
        found = entries(before.read_text())
    finally:
        before.unlink()
    cuda = [one for one in found if OF_CUDA.match(one)]
    rest = [one for one in found if not OF_CUDA.match(one)]
    BASE.write_text(f"{SAID}Without CUDA: see cuda.lock.\n" + "".join(rest))
    CUDA.write_text(f"{SAID}For NVIDIA's GPUs on Linux.\n-r requirements.lock\n" + "".join(cuda))


if __name__ == "__main__":
    main()
