"""What will not be heard is said in the composer before anything is sent; what was not read, below
the answer; and the conversation goes on after a question that is too long. With Earshot-mini."""

import pytest

from model.machine import PACKAGED
from sessions.clips import Clips
from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser_turns import attach, send, sound

pytestmark = [
    pytest.mark.browser,
    pytest.mark.mini,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
    pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"))
    yield server
    server.close()


def test_what_will_not_be_heard_stands_beside_the_recording_before_it_is_sent(page):
    from playwright.sync_api import expect

    attach(page, sound("long.wav", seconds=900))
    note = page.locator(".attached li .note.unheard")
    expect(note).to_contain_text("Will not be heard, for lack of room: ")
    expect(note).to_contain_text("–15:00.")
    limits = page.locator("#composer .limits")
    expect(limits).to_contain_text("Earshot-mini hears about ")
    expect(limits).to_contain_text("questions in: English.")
    page.click(".attached .remove")
    expect(limits).to_be_hidden()
    attach(page, sound("short.wav"))
    expect(limits).to_be_visible()
    expect(note).to_have_count(0)
    page.click(".attached .remove")


def test_one_question_that_is_too_long_leaves_the_conversation_usable(page, server):
    from playwright.sync_api import expect

    attach(page, sound("tone.wav"))
    send(page, "What kind of sound is it?")
    page.wait_for_selector('#newest [data-status="done"]', timeout=4 * SECONDS)
    send(page, "word " * 12_000)
    failed = page.locator("#newest .note.failed")
    expect(failed).to_contain_text("of the 8192 positions the model", timeout=4 * SECONDS)
    expect(failed).to_contain_text("shorten it by")
    send(page, "Is it speech?")
    page.wait_for_selector('#newest [data-status="done"]', timeout=4 * SECONDS)
    expect(page.locator("#newest .note.unheard")).to_have_text(
        "Not read, for lack of room: one earlier turn."
    )
    clip = page.locator("#shown figure.clip").first.get_attribute("data-digest")
    server.kill()
    Clips(server.data / "clips").remove(clip)
    with page.expect_event("load"):
        server.start()
    expect(page.locator("figure.clip .note.lost")).to_have_text(
        "This recording is no longer stored."
    )
    send(page, "And now?")
    page.wait_for_selector('#newest [data-status="done"]', timeout=4 * SECONDS)
    expect(page.locator("#newest .note.unheard")).to_contain_text("no longer stored: tone.wav.")
