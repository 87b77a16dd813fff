"""The packaged model in a real browser: someone speaks, it is written down, and it stays."""

import wave

import pytest

from model import audio
from model.machine import PACKAGED
from tests.app.conftest import CHROMIUM, Server
from tests.app.test_browser import newest, record, send

SPOKEN = PACKAGED.parent / "sample" / "queue-youarenext.g722"  # "Your call is now first in line …"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.mini,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
    pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets"),
]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory):
    """What the microphone hears: a person."""
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    audio.export(audio.decode(SPOKEN), path)
    with wave.open(str(path)) as sound:
        assert sound.getframerate() == 16_000
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"))
    yield server
    server.close()


def test_what_is_spoken_is_written_down_and_outlives_a_crash(page, server):
    record(page, seconds=5)
    send(page, "What does the person say?")
    page.wait_for_selector('#newest [data-status="done"]', timeout=60_000)
    said = newest(page, "done")
    assert {"call", "now", "next", "available"} & set(said.lower().replace(".", "").split())

    server.kill()
    with page.expect_event("load"):  # the page notices, and loads itself again
        server.start()
    assert newest(page, "done") == said
    assert page.locator("#shown figure.clip").count() == 1
