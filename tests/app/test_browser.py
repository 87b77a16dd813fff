"""The page in a real browser, with a microphone that plays a tone: record, ask, stop, reload,
crash. One server, with a parrot that takes its time.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import wave
from math import pi, sin
from pathlib import Path
from struct import pack

import pytest

ROOT = Path(__file__).parent.parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 20_000  # ms: patience on a busy machine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """What the microphone hears: 440 Hz, steady."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        samples = (int(10_000 * sin(2 * pi * 440 * i / 48_000)) for i in range(48_000))
        file.writeframes(b"".join(pack("<h", sample) for sample in samples) * 20)
    return path


@pytest.fixture(scope="module")
def chromium(tone):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags += [f"--use-file-for-fake-audio-capture={tone}", "--no-sandbox", "--disable-gpu"]
        flags += ["--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Server:
    """`python launch.py --model parrot`, which can be killed and started again."""

    def __init__(self, data):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data = data
        self.start()

    def start(self):
        command = [sys.executable, "launch.py", "--model", "parrot", "--pause", "0.1"]
        command += ["--data", str(self.data), "--port", str(self.port), "--no-browser"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:  # until it says where it is
            if str(self.port) in line:
                return
        raise AssertionError("the server ended before it was ready")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"))
    yield server
    server.close()


@pytest.fixture
def page(chromium, server):
    context = chromium.new_context(permissions=["microphone"])
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    asked, broken = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector(".turns.empty")
    yield page
    context.close()
    here = (f"http://127.0.0.1:{server.port}/", "data:", f"blob:http://127.0.0.1:{server.port}/")
    assert [url for url in asked if not url.startswith(here)] == []
    assert broken == []


def send(page, text):
    page.fill("textarea", text)
    page.press("textarea", "Enter")


def record(page, seconds=1.5):
    page.click(".record")
    page.wait_for_timeout(1000 * seconds)
    page.click(".record")
    page.wait_for_selector(".attached li[data-digest]")


def newest(page, status):
    page.wait_for_selector(f'#newest [data-status="{status}"]')
    return page.inner_text("#newest")


LONG = " ".join(f"word{i}" for i in range(600))  # a minute of parroting


def test_a_recording_gets_a_streamed_answer_and_both_survive_a_reload(page, server):
    record(page)
    send(page, "What do you hear in this recording of a steady tone?")
    page.wait_for_function("document.querySelector('#newest .words')?.innerText.includes('heard')")
    assert 'data-status="writing"' in page.inner_html("#newest")  # it streams
    said = newest(page, "done")
    assert re.search(r"heard [12]\.\d s", said) and said.endswith("steady tone?")

    address = page.url
    assert "?c=" in address
    page.reload()
    assert newest(page, "done") == said
    assert page.url == address
    clip = page.locator("#shown figure.clip")
    assert "Audio 1" in clip.inner_text() and "Recording" in clip.inner_text()
    clip.locator(".play").click()
    page.wait_for_function("document.querySelector('#shown audio').currentTime > 0.3")
    assert "What do you hear" in page.inner_text("#list a[aria-current]")
    sounds = [path for path in (server.data / "clips").rglob("*.flac")]
    assert loudness_at_both_ends(sounds[0]) == pytest.approx((1, 1), abs=0.1)


def loudness_at_both_ends(path):
    """Of the second half of a recording against its first, and of both against what was played:
    a browser that suppresses noise or controls gain lets a steady tone fade."""
    import numpy as np

    from model.audio import decode

    samples = decode(path).samples
    first, second = (np.sqrt(np.mean(half**2)) for half in np.array_split(samples[800:], 2))
    return second / first, first * np.sqrt(2) / (10_000 / 32_768)


def test_stop_keeps_what_was_said(page):
    send(page, LONG)
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word5')")
    page.click(".stop")
    said = newest(page, "stopped")
    assert "word5" in said and "word500" not in said and "Stopped." in said
    page.reload()
    assert newest(page, "stopped") == said
    send(page, "and now?")  # the engine is free again
    assert "and now?" in newest(page, "done")


def test_an_answer_goes_on_while_the_page_reloads(page):
    send(page, LONG[:250])
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word3')")
    page.reload()
    page.wait_for_selector('#newest [data-status="writing"]')
    assert newest(page, "done").endswith(LONG[:250].split()[-1])


def test_a_killed_server_has_kept_what_was_said(page, server):
    record(page)
    send(page, LONG)
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word9')")
    server.kill()
    server.start()  # the page notices, and loads itself again
    said = newest(page, "interrupted")
    assert "word5" in said and "Earshot was closed" in said
    assert page.locator("#shown figure.clip").count() == 1
    page.click("#shown .play")
    page.wait_for_function("document.querySelector('#shown audio').currentTime > 0.3")
    send(page, "Go on.")
    assert "Go on." in newest(page, "done")


def test_conversations_are_chosen_left_and_deleted(page):
    send(page, "the first one")
    newest(page, "done")
    page.click("#brand .new")
    page.wait_for_selector(".turns.empty")
    send(page, LONG)
    page.wait_for_selector('#newest [data-status="writing"]')
    page.click("#list a:text('the first one')")  # while the other is answered
    page.wait_for_selector("#shown .question:has-text('the first one')")
    page.wait_for_timeout(500)
    assert "word" not in page.inner_text("#newest")
    page.go_back()
    page.wait_for_selector('#newest [data-status="writing"]')
    before = page.locator("#list .item").count()
    forget = page.locator("#list .item:has(a[aria-current]) .forget")
    forget.click()
    forget.click()  # the second press means it
    page.wait_for_selector(".turns.empty")
    assert page.locator("#list .item").count() == before - 1


def test_what_holds_no_sound_is_refused_and_the_words_stay(page):
    page.fill("textarea", "What is this?")
    letter = {"name": "letter.wav", "mimeType": "audio/wav", "buffer": b"Dear Sir or Madam. " * 40}
    page.set_input_files("input[type=file]", letter)
    page.wait_for_selector(".trouble:not([hidden])")
    assert "letter.wav" in page.inner_text(".trouble")
    assert page.input_value("textarea") == "What is this?"
