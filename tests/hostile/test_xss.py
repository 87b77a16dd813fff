"""No text runs anything, wherever it is shown: tried in a real browser."""

from contextlib import nullcontext

import pytest

from benchmarks import xss
from tests.app.conftest import CHROMIUM, NAMES, Server
from tests.hostile.xss import PAYLOADS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


def test_the_texts_are_many_and_do_run_where_nothing_stops_them(browser):
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200
    assert xss.live(browser) > 60


def test_nothing_runs_wherever_it_is_shown(browser, tmp_path):
    servers = []

    def serving(data):
        servers.append(Server(data, "--model", "parrot"))
        return nullcontext(f"http://127.0.0.1:{servers[0].port}/")

    try:
        seen = xss.tried(browser, tmp_path, serving)
    finally:
        for server in servers:
            server.close()
    assert (seen.run, seen.stopped, seen.loaded, seen.armed) == (set(), set(), set(), set())
    assert seen.views > 18
