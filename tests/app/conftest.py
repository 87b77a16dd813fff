"""A store, a real browser with a microphone of its own, and a server that can be killed."""

import os
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

from sessions.store import Store
from tests.app.forked import Forked

ROOT = Path(__file__).parent.parent.parent
NAMES = (  # the first takes half as much of a processor
    *("chromium-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable"),
)
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
PROXIES = {
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
}  # read where libraries are imported
SECONDS = 1000 * int(os.environ.get("EARSHOT_PATIENCE", 30))  # ms: more on a busy machine


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


@pytest.fixture(scope="module")
def microphone(tmp_path_factory):
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
def chromium(microphone):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=SECONDS)
    with playwright.sync_playwright() as driver:
        flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags += [
            f"--use-file-for-fake-audio-capture={microphone}",
            "--no-sandbox",
            "--disable-gpu",
        ]
        flags += ["--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Server:
    """`python launch.py`, or another program, which can be killed and started again."""

    def __init__(self, data, *words, program=("launch.py",)):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data, self.words = data, (*program, *words)
        self.start()

    def start(self):
        where = ["--data", str(self.data), "--port", str(self.port), "--no-browser"]
        program, *words = *self.words, *where
        if program == "launch.py" and not PROXIES & set(os.environ):
            self.process = Forked(program, words)
        else:
            command = [sys.executable, program, *words]
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
    """With a parrot that takes its time, unless a test file says otherwise."""
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot", "--pause", "0.1")
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


@pytest.fixture(scope="session")
def virtual(tmp_path_factory):
    """A microphone of this machine, and what it hears; see benchmarks/virtual.py."""
    from benchmarks.virtual import VirtualMicrophone, lacking

    if reason := lacking():
        assert os.environ.get("EARSHOT_NO_SKIP") != "microphone", reason
        pytest.skip(reason)
    virtual = VirtualMicrophone(tmp_path_factory.mktemp("sound"))
    before = {name: os.environ.get(name) for name in virtual.environment}
    os.environ.update(virtual.environment)
    yield virtual
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value
    virtual.close()
