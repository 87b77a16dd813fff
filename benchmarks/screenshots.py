"""`python -m benchmarks.screenshots [--model NAME] [--to FOLDER]`: the README's pictures.

Taken in this machine's Chromium, which needs a Chinese font for one of them. What is answered in
them is the model's own.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import chat, examples
from model.paths import as_path
from sessions.store import Store

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 180_000  # ms for an answer on a busy machine
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
EARLIER = (  # days ago, what was asked, tags, pinned
    (3, "Interview with the lighthouse keeper", ("interview",), True),
    (0, "How many birds are there?", ("birds",), False),
    (0, "Which note does the bell strike?", (), False),
    (1, "Birdsong at dawn, 5 April", ("birds",), False),
    (1, "谁在说话？", (), False),
    (1, "Was that a door or a knock?", (), False),
    (9, "Voice memo about the harbour", ("interview",), False),
    (9, "ما اسم هذه الآلة؟", (), False),
    (40, "Tempo of the second take", (), False),
)
SHOTS = {  # file: the browser, the cookie of the look, and what is done before the picture
    "page.png": ({"viewport": WIDE}, "light", "talk"),
    "page-dark.png": ({"viewport": WIDE}, "dark", "search"),
    "page-phone.png": ({"viewport": PHONE, "has_touch": True}, "light", "empty"),
    "page-chinese.png": ({"viewport": WIDE, "locale": "zh-CN"}, "light", "empty"),
}


def seed(folder: Path) -> None:
    """Earlier conversations: questions, about the recordings that come with Earshot."""
    with Store(folder) as store:
        for number, (days, asked, tags, pinned) in enumerate(reversed(EARLIER)):
            path = examples.EXAMPLES[number % len(examples.EXAMPLES)].path
            id = store.start().id
            store.ask(id, (chat.take_in(store, path, path.name), asked))
            store.tag(id, tags)
            store.pin(id, pinned)
            with store._writing() as db:  # as if it had been so long ago
                when = time.time() - days * 86_400 - 3_600
                db.execute("update conversations set updated = ? where id = ?", [when, id])


@contextmanager
def served(folder: Path, model: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "launch.py", "--model", model, "--data", str(folder)]
    command += ["--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        next(line for line in process.stdout if str(port) in line)  # until it says where it is
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def talk(page) -> None:
    asked = page.locator("#list .item a", has_text="What does the person say?")
    (asked if asked.count() else page.locator('.example[data-example="speech"]')).click()
    page.wait_for_selector('#newest [data-status="done"]', timeout=PATIENCE)
    page.evaluate("document.activeElement.blur()")


def search(page) -> None:
    talk(page)
    page.fill(".find", "bird")
    page.wait_for_selector("#list mark")


def empty(page) -> None:
    page.evaluate("document.activeElement.blur()")


def take(driver, address: str, to: Path) -> None:
    chromium = next(filter(None, map(shutil.which, NAMES)))
    browser = driver.chromium.launch(
        executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
    )
    for name, (about, look, what) in SHOTS.items():
        context = browser.new_context(**about, reduced_motion="reduce")
        context.add_cookies([{"name": "earshot-look", "value": look, "url": address}])
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#list .item", state="attached", timeout=PATIENCE)
        {"talk": talk, "search": search, "empty": empty}[what](page)
        page.wait_for_timeout(800)
        page.screenshot(path=to / name)
        context.close()
    browser.close()


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--model", default="earshot-mini")
    cli.add_argument("--to", type=as_path, default=ROOT / "assets")
    words = cli.parse_args()
    from playwright.sync_api import sync_playwright

    words.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        seed(Path(folder))
        with served(Path(folder), words.model) as address, sync_playwright() as driver:
            take(driver, address, words.to)
    print("\n".join(str(words.to / name) for name in SHOTS))


if __name__ == "__main__":
    main()
