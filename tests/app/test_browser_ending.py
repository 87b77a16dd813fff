"""A server that is closed, in a real browser: the page says so, says when it is gone, and opens by
itself when it is back, with what was said."""

import signal

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import LONG, send

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
PATIENT = """
import signal, sys
from app import page
from model.engine import Parrot
signal.signal(signal.SIGTERM, signal.default_int_handler)
page.PATIENCE = 30.0  # the page looks every few seconds, on a busy machine more rarely
data, port = sys.argv[sys.argv.index("--data") + 1], sys.argv[sys.argv.index("--port") + 1]
say = lambda address: print(address, flush=True)
page.serve(Parrot(pause=0.2), data, port=int(port), open_browser=False, ready=say)
"""


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, program=("-c", PATIENT))
    yield server
    server.close()


def test_a_closed_server_says_so_and_comes_back(page, server):
    send(page, LONG * 3)
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word9')")
    server.process.send_signal(signal.SIGTERM)
    banner = page.locator("#offline")
    expect(banner).to_contain_text("Earshot is being closed", timeout=2 * SECONDS)
    page.fill("#composer textarea", "and now?")
    page.click(".stop")
    server.process.wait(120)
    expect(banner).to_contain_text("Earshot does not answer", timeout=2 * SECONDS)
    server.start()
    expect(banner).to_be_hidden(timeout=2 * SECONDS)
    expect(page.locator("#newest")).to_contain_text("word9", timeout=2 * SECONDS)
    expect(page.locator("#composer textarea")).to_have_value("and now?")
