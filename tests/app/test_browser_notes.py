"""What was heard of a recording, and tasks about it, in a real browser."""

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import newest, send
from tests.app.test_browser_turns import attach, sound

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), program=("-m", "tests.app.noting"))
    yield server
    server.close()


def test_what_was_heard_is_folded_below_the_recording_and_a_task_asks_about_it(page):
    attach(page, sound("tone.wav", 4))
    send(page, "what is it?")
    newest(page, "done")
    clip = page.locator("#shown figure.clip")
    fold = clip.locator("details.heard")
    expect(fold.locator("summary")).to_have_text("What was heard")
    expect(fold.locator(".line").first).to_be_hidden()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(fold.locator(".line")).to_have_text(["0:00 Good morning.", "0:01 Heron <b>calls</b>"])
    expect(fold).to_contain_text("One word is uncertain.")
    doubtful = fold.locator(".doubtful")
    expect(doubtful).to_have_text("Heron")
    expect(doubtful).to_have_attribute("title", "This word is uncertain")
    style = "one => (s => s.textDecorationLine + s.textDecorationStyle)(getComputedStyle(one))"
    assert doubtful.evaluate(style) == "underlinedotted"
    assert fold.locator(".line span[data-start]").first.evaluate(style).startswith("none")
    expect(fold.locator("dl")).to_contain_text("dBFS")

    page.keyboard.press("Tab")  # the first sentence's time
    page.keyboard.press("Enter")
    expect(clip).to_have_attribute("data-to", "0.9")
    doubtful.click()
    expect(clip).to_have_attribute("data-from", "1.2")
    page.wait_for_function("document.querySelector('#shown audio').currentTime >= 1.69")

    clip.locator(".tool.task").click()
    page.click(".popup button:has-text('Emotion')")
    expect(page.locator("#shown .question")).to_have_count(2)
    expect(page.locator("#newest")).to_contain_text("[emotion]")
    assert "[emotion] In what mood is the speaker?" in newest(page, "done")
    expect(fold.first).to_have_attribute("open", "")  # it stays open while the page is drawn again
    page.click("#newest .tool.again")
    expect(page.locator("#newest .versions")).to_contain_text("2 / 2")
    assert "[emotion] In what mood" in newest(page, "done")
    expect(page.locator("#composer textarea")).to_have_value("")
