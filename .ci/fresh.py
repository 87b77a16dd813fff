"""`python .ci/fresh.py`: a clone in an empty environment, by the README's own two commands, and an
answer in headless Chromium. Needs the tests' requirements here, and some minutes of downloads."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.app.conftest import CHROMIUM  # noqa: E402

SPOKEN = "assets/sample/queue-youarenext.g722"  # "Your call is now first in line …"
QUESTION = "What does the person say?"


def setup_commands() -> list[str]:
    """The README's two lines that install and then run something."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^    (python3 -m venv .*)$", text, re.M)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answer_on_the_page(address: str, sound: Path) -> str:
    """Attaches a recording, asks about it and reads the answer off the page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".turns.empty", timeout=60_000)
        page.set_input_files("#composer input[type=file]", str(sound))
        page.wait_for_selector(".attached li[data-digest]", timeout=60_000)
        page.fill("#composer textarea", QUESTION)
        page.press("#composer textarea", "Enter")
        page.wait_for_selector('#newest [data-status="done"]', timeout=300_000)
        answer = page.inner_text("#newest")
        browser.close()
        return answer


def main() -> None:
    start, test = setup_commands()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "earshot")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        shell = {"shell": True, "cwd": clone, "env": os.environ | {"EARSHOT_DATA": folder}}
        print("$", start, flush=True)
        words = f"{start} --no-browser --port {free_port()}"
        group = {"start_new_session": True, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(words, **group, **shell) as page:
            try:
                address = next(line for line in page.stdout if "Earshot is at" in line).split()[-1]
                said = answer_on_the_page(address, clone / SPOKEN)
            finally:
                os.killpg(page.pid, signal.SIGTERM)
        print(said)
        assert {"call", "now"} <= set(re.findall(r"\w+", said.lower())), said
        test = f"{test} tests/model/test_mini.py"  # the whole suite is .ci/run's
        print("$", test, flush=True)
        subprocess.run(test, check=True, **shell)


if __name__ == "__main__":
    main()
