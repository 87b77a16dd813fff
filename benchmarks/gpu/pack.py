"""`python -m benchmarks.gpu.pack`: a small kit for a GPU machine without a network.

Lays the committed code, bitsandbytes' wheel with the native libraries of one CUDA version, and the
fixtures of model.parity (`--fixtures DIR`) into `.carry/gpu`, which git ignores. On that machine,
where PyTorch, transformers, accelerate and peft are installed: `bash .carry/gpu/run.sh`.
"""

import argparse
import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from model.paths import as_path

ROOT = Path(__file__).parents[2]
KIT = ROOT / ".carry" / "gpu"
_NATIVE = re.compile(r"bitsandbytes/libbitsandbytes_(\w+)\.so")
_RUN = """#!/bin/sh
# Installs the wheel beside this file for the time being, and measures: run.sh [STEP …] [--out DIR]
here=$(cd "$(dirname "$0")" && pwd)
site=$here/site
[ -d "$site" ] || python3 -m pip install -q --no-index --no-deps --target "$site" "$here"/*.whl
export PYTHONPATH="$site:$here/code" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
[ -d "$here/fixtures" ] && set -- --fixtures "$here/fixtures" "$@"
exec python3 -m benchmarks.gpu --out "${OUT:-build/gpu}" "$@"
"""


def code(target: Path) -> None:
    """The committed packages that the measurements need."""
    packed = subprocess.run(
        ["git", "archive", "HEAD", "model", "benchmarks"], cwd=ROOT, check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(target, filter="data")


def wheel(target: Path, version: str, python: str, libraries: set[str]) -> Path:
    """bitsandbytes for Linux, with those of its native libraries alone that are named."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp"]
    command += ["--platform", "manylinux_2_24_x86_64", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*command, "-d", target, f"bitsandbytes=={version}"], check=True)
    (file,) = target.glob("bitsandbytes-*.whl")
    keep_libraries(file, libraries)
    return file


def keep_libraries(file: Path, libraries: set[str]) -> None:
    """Takes all others out of the wheel. Raises ValueError where one that is named is not in it."""
    with zipfile.ZipFile(file) as given:
        held = {name: given.read(name) for name in given.namelist() if not name.endswith("/")}
    natives = {name: match[1] for name in held if (match := _NATIVE.fullmatch(name))}
    if missing := libraries - set(natives.values()):
        raise ValueError(f"{file.name} has {sorted(natives.values())}, and not {sorted(missing)}")
    for name, library in natives.items():
        if library not in libraries:
            del held[name]
    (record,) = (name for name in held if name.endswith(".dist-info/RECORD"))
    held[record] = _record(held, record)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, content in held.items():
            made.writestr(name, content)


def _record(held: dict[str, bytes], record: str) -> bytes:
    """The list of a wheel's files, which pip checks."""
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    for name, content in held.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        known = ("", "") if name == record else (f"sha256={digest}", len(content))
        rows.writerow((name, *known))
    return lines.getvalue().encode()


def main() -> None:
    from importlib.metadata import version

    cli = argparse.ArgumentParser(prog="python -m benchmarks.gpu.pack", description=__doc__)
    cli.add_argument("--fixtures", type=as_path, metavar="DIR", help="those of model.parity")
    cli.add_argument("--python", default="3.12", help="of that machine; default: %(default)s")
    cli.add_argument(
        "--cuda", default="cuda130", help="bitsandbytes' library; default: %(default)s"
    )
    args = cli.parse_args()
    shutil.rmtree(KIT, ignore_errors=True)
    KIT.mkdir(parents=True)
    code(KIT / "code")
    file = wheel(KIT, version("bitsandbytes"), args.python, {args.cuda, "cpu"})
    if args.fixtures:
        shutil.copytree(args.fixtures, KIT / "fixtures")
    (KIT / "run.sh").write_text(_RUN, encoding="utf-8")
    size = sum(one.stat().st_size for one in KIT.rglob("*") if one.is_file())
    print(f"{KIT}: {size / 1e6:.1f} MB, of which {file.name} {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
