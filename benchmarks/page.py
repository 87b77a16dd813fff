"""How quick the page is, beyond what answers: python -m benchmarks.page

With the Parrot, in headless Chromium, on a server of its own: from Send to the first character that
is seen, from Stop to the engine's silence, and from a warm opening to a page that can be used.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
TIMES = 15  # measurements, of which the median counts
READING = 1.5  # seconds between an answer and the next question
PAUSE = 0.05  # seconds that the Parrot takes for a word: the engine's own time
LONG = " ".join(f"word{i}" for i in range(400))
FIRST = """text => new Promise(done => {
    const begun = performance.now();
    const seen = new MutationObserver(() => {
        if (!document.querySelector('#newest .words')?.innerText.includes(text)) return;
        seen.disconnect();
        done(performance.now() - begun);
    });
    seen.observe(document.querySelector('#newest'), { childList: true, subtree: true });
    document.querySelector('.composer .send').click();
})"""


@contextmanager
def server(folder: str):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["launch.py", "--model", "parrot", "--pause", str(PAUSE), "--data", folder]
    command = [sys.executable, *words, "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        next(line for line in process.stdout if str(port) in line)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(60)


def usable(page, address: str) -> float:
    """Seconds until one can write."""
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".composer textarea:focus")
    return time.perf_counter() - begun


def first_character(page, i: int) -> float:
    """Milliseconds from Send to what is seen, less the Parrot's own."""
    page.fill(".composer textarea", f"echo{i} {LONG}")
    return page.evaluate(FIRST, f"echo{i}") - 1000 * PAUSE


def silence(page, folder: str) -> float:
    """Milliseconds from Stop until the stored answer has ended."""
    from sessions.store import Store

    conversation = page.url.split("?c=")[1]
    with Store(folder) as store:
        begun = time.perf_counter()
        page.evaluate("document.querySelector('.composer .stop').click()")
        while store.turns(conversation, limit=1)[0].status == "writing":
            time.sleep(0.005)
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    cli = argparse.ArgumentParser(description="How quick the page is.")
    cli.add_argument("--times", type=int, default=TIMES, help="default: %(default)s")
    cli.add_argument("--chromium", help="the browser's program; default: the first in PATH")
    words = cli.parse_args()
    from playwright.sync_api import sync_playwright

    from tests.app.conftest import CHROMIUM

    with tempfile.TemporaryDirectory() as folder, server(folder) as address, sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=words.chromium or CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        opened = [usable(page, address) for _ in range(words.times + 1)][1:]  # the first is cold
        waits, stops = [], []
        for i in range(words.times):
            waits.append(first_character(page, i))
            stops.append(silence(page, folder))
            page.wait_for_selector('#newest [data-status="stopped"]')
            page.wait_for_timeout(1000 * READING)
        browser.close()
    found = {"usable s": opened, "first character ms": waits, "stop ms": stops}
    for name, values in found.items():
        print(f"{name:20} median {statistics.median(values):8.2f}  worst {max(values):8.2f}")
    print(json.dumps({name: round(statistics.median(v), 3) for name, v in found.items()}))


if __name__ == "__main__":
    main()
