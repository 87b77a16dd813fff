"""The page in a real browser, with a microphone that plays a tone: record, ask, stop, reload,
crash. One server, with a parrot that takes its time.
"""

import re

import pytest

from tests.app.conftest import CHROMIUM, NAMES

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]


def send(page, text):
    page.fill("#composer textarea", text)
    page.press("#composer textarea", "Enter")


def record(page, seconds=1.5):
    page.click(".record")
    page.wait_for_timeout(1000 * seconds)
    page.click(".record")
    page.wait_for_selector(".attached li[data-digest]")


def choose(page, entry, item=".item:has(a[aria-current])"):
    """An entry of a conversation's menu."""
    page.hover(f"#list {item}")
    page.click(f"#list {item} .more")
    page.click(f".popup button:has-text('{entry}')")


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
    assert "Audio" not in clip.inner_text() and "Recording" in clip.inner_text()
    clip.locator(".play").click()
    page.wait_for_function("document.querySelector('#shown audio').currentTime > 0.3")
    expect(page.locator("#list a[aria-current]")).to_contain_text("What do you hear")
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
    page.click("#list a:has-text('the first one')")  # while the other is answered
    page.wait_for_selector("#shown .question:has-text('the first one')")
    page.wait_for_timeout(500)
    assert "word" not in page.inner_text("#newest")
    page.go_back()
    page.wait_for_selector('#newest [data-status="writing"]')
    page.wait_for_selector("#list .item a[aria-current]")
    id = page.url.split("?c=")[1]
    choose(page, "Delete")
    page.wait_for_selector(".turns.empty")
    gone = page.locator(f'#list [data-id="{id}"]')
    expect(gone).to_have_count(0)
    page.click("#toasts button:text('Undo')")
    expect(gone).to_have_count(1)
    page.wait_for_selector('#newest [data-status="stopped"]')


def test_what_holds_no_sound_is_refused_and_the_words_stay(page):
    page.fill("#composer textarea", "What is this?")
    letter = {"name": "letter.wav", "mimeType": "audio/wav", "buffer": b"Dear Sir or Madam. " * 40}
    page.set_input_files("#composer input[type=file]", letter)
    page.wait_for_selector("#composer .trouble:not([hidden])")
    expect(page.locator("#composer .trouble")).to_contain_text("letter.wav")
    expect(page.locator("#composer textarea")).to_have_value("What is this?")
