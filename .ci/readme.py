"""Runs every command that the README shows, at toy size; exits 1 with the first that fails.

A test holds that no command of the README is missing here (tests/test_readme.py).
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SETUP = "python3 -m venv"  # the two lines of set-up: .ci/run does their first halves


def shown() -> list[str]:
    """Every command in the README's code; of the two that set up, only the page they open."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (\S.*)$", text, re.M) + re.findall(r"`(python (?!launch).*?)`", text)
    commands = [line for line in dict.fromkeys(lines) if not line.startswith(SETUP)]
    return ["python launch.py", *commands]


def toy(command: str, scratch: Path) -> list[str]:
    """The command as it is run here: small, and with files that exist."""
    words = shlex.split(command)
    words[0] = sys.executable
    small = {
        "benchmarks.decoding": ["--minutes", "1", "--runs", "1"],
        "benchmarks.full_shape": ["--toy"],
        "benchmarks.gpu": ["--toy", "--out", str(scratch / "gpu")],
        "benchmarks.guests": ["--guests", "4", "--minutes", "0.3"],
        "benchmarks.crash": ["--moments", "1"],
        "benchmarks.hostile": ["--every", "40"],
        "benchmarks.fuzz": ["--count", "200"],
        "benchmarks.turns": ["--seconds", "3", "--tokens", "4"],
        "benchmarks.answering": ["--tokens", "8", "--runs", "1"],
        "benchmarks.training": ["--steps", "1", "--seconds", "4"],
        "benchmarks.page": ["--times", "1"],
        "benchmarks.store": ["--conversations", "50", "--turns", "4000", "--runs", "1"],
        "benchmarks.microphone": ["--seconds", "3", "--hours", "0.05", "--utterances", "3"],
    }
    given = {"recording.mp3": scratch / "recording.mp3", "DIR": ROOT.parent / "shared" / "parity"}
    given["everything.zip"] = scratch / "everything.zip"
    given["my-model"] = "earshot-mini"  # a model of one's own takes minutes
    words = [str(given.get(word, word)) for word in words]
    if words[1] == "-m" and words[2] in small:
        words = [word for word in words if word != "--full-shape"] + small[words[2]]
    if "train" in words and "--toy" not in words:
        words = [*words[: words.index("--data")], "--toy"]
    if "evaluate" in words:
        words += ["--items", str(scratch / "answers.jsonl")]
    if {"talk", "listen"} & set(words):  # tests/app/test_terminal.py gives them a terminal
        words += ["--help"]
    if "download" in words:
        words += ["--from", str(scratch / "official")]
    return words


def run(command: str, scratch: Path) -> None:
    """Raises CalledProcessError, or TimeoutExpired."""
    words = toy(command, scratch)
    serves = "launch.py" in words and not {
        "ask",
        "talk",
        "listen",
        "doctor",
        "info",
        "download",
        "evaluate",
        "train",
        "backup",
        "restore",
    } & set(words)
    print("$", command, flush=True)
    environment = os.environ | {"EARSHOT_DATA": str(scratch / "data")}
    if not serves:
        if words[2:3] == ["model.parity"] and not Path(words[3]).exists():
            print("  (no parity fixtures beside the checkout)")
            return
        done = subprocess.run(words, cwd=ROOT, env=environment, timeout=600)
        if done.returncode and "doctor" not in words:  # which exits 1 where something is lacking
            raise subprocess.CalledProcessError(done.returncode, command)
        return
    if "--no-browser" not in words:
        words += ["--no-browser"]
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as it:
        try:
            address = next(line for line in it.stdout if "http" in line).split()[-1]
            with urllib.request.urlopen(address, timeout=60) as answer:
                assert b"Earshot" in answer.read()
        finally:
            it.terminate()
            try:
                it.wait(30)
            finally:
                it.kill()


def prepare(scratch: Path) -> None:
    """A recording, an official checkpoint of toy size, and something to keep."""
    from benchmarks import synthetic
    from benchmarks.turns import tones
    from model.audio import export
    from sessions.store import Store

    export(tones(3, 0), scratch / "recording.mp3", "mp3")
    synthetic.write(scratch / "official", synthetic.TOY)
    with Store(scratch / "data") as store:
        store.ask(store.start().id, ("What do you hear?",))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        prepare(scratch)
        for command in shown():
            run(command, scratch)


if __name__ == "__main__":
    main()
