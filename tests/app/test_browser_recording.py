"""The page's own recording: how long it can be, what keeps it, and that the screen stays on."""

import re
from time import monotonic

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import record

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
THERE, TROUBLE, GOING = ".attached li[data-digest]", ".composer .trouble", "form.recording"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


def seconds(page):
    return float(page.get_attribute(THERE, "data-seconds"))


def goes_on(page, time):
    page.wait_for_function("t => document.querySelector('.recorded').innerText >= t", arg=time)


def test_it_says_how_long_it_can_be_which_is_what_earshot_takes(page):
    expect(page.locator(".record")).to_have_attribute("title", "Record, for up to 3:00:00")
    page.click(".record")
    expect(page.locator(".recorded")).to_contain_text(re.compile("0:0[1-9] / 3:00:00"))
    page.click(".record")
    expect(page.locator(THERE)).to_have_count(1)
    expect(page.locator(TROUBLE)).to_be_hidden()


def test_it_says_when_it_ended_by_itself_and_is_attached(page):
    page.evaluate("document.documentElement.dataset.longest = 3")  # as a guest's page has it
    page.click(".record")
    expect(page.locator(".recorded")).to_contain_text("/ 0:03")
    expect(page.locator(THERE)).to_have_count(1)
    expect(page.locator(TROUBLE)).to_contain_text("ended by itself at")
    expect(page.locator(TROUBLE)).to_contain_text("after 0:03")
    expect(page.locator(GOING)).to_have_count(0)
    assert 1.9 < seconds(page) <= 3  # no longer than what is taken
    page.wait_for_timeout(11_000)
    expect(page.locator(TROUBLE)).to_contain_text("ended by itself at")  # until one has read it


LOCKS = """() => {
    window.locks = [];
    navigator.wakeLock.request = async kind => {
      const lock = { kind, isHeld: true, release: async () => (lock.isHeld = false) };
      locks.push(lock);
      return lock;
    };
}"""
SHOWN = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_screen_stays_on_while_it_records(page):
    page.evaluate(LOCKS)
    page.click(".record")
    goes_on(page, "0:01")
    held = "locks.map(one => [one.kind, one.isHeld])"
    assert page.evaluate(held) == [["screen", True]]
    page.evaluate(SHOWN, True)
    assert len(page.evaluate(held)) == 1
    page.evaluate(SHOWN, False)  # the browser ended the lock when the page was hidden
    page.wait_for_function("locks.length === 2")
    page.click(".record")
    expect(page.locator(THERE)).to_have_count(1)
    page.evaluate(SHOWN, False)
    assert page.evaluate(held)[1:] == [["screen", False]]


@pytest.mark.parametrize("how", ["absent", "refused"])
def test_a_browser_that_keeps_no_screen_on_records_all_the_same(page, how):
    gone = "Object.defineProperty(navigator, 'wakeLock', { value: undefined })"
    refused = "navigator.wakeLock.request = () => Promise.reject(new Error('low battery'))"
    page.evaluate(f"() => {{ {gone if how == 'absent' else refused}; }}")
    record(page, 1)
    expect(page.locator(TROUBLE)).to_be_hidden()


FEED = """async minutes => {
    const block = new Float32Array(1024).fill(0.25);
    const n = Math.round(minutes * 60 * tap.context.sampleRate / 1024);
    for (let i = 0; i < n; i++) {
      block[0] = i / n;
      tap.port.onmessage({ data: block });
      if (i % 500 === 0) await new Promise(done => setTimeout(done, 5));
    }
}"""
TAPPED = """() => {
    const Own = AudioWorkletNode;
    window.AudioWorkletNode = class extends Own {
      constructor(...all) { super(...all); window.tap = this; }
    };
}"""


def test_a_long_recording_is_not_held_in_the_pages_memory(page):
    page.evaluate(TAPPED)
    began = monotonic()
    page.click(".record")
    goes_on(page, "0:01")
    memory = page.context.new_cdp_session(page)

    def held():
        memory.send("HeapProfiler.collectGarbage")
        heap = memory.send("Runtime.getHeapUsage")
        return (heap["usedSize"] + heap["backingStorageSize"]) / 1e6

    before = held()
    page.evaluate(FEED, 10)  # ten minutes: 53 MB and more
    page.wait_for_timeout(2000)
    assert held() - before < 15
    page.click(".record")
    expect(page.locator(THERE)).to_have_count(1)
    assert 600 < seconds(page) < 600 + monotonic() - began  # what was fed, and what was recorded
    page.reload()
    expect(page.locator(THERE)).to_have_count(1)
    page.wait_for_timeout(1000)
    expect(page.locator(THERE)).to_have_count(1)  # nothing of it is left to be recovered


def test_a_full_browser_goes_on_recording_and_says_that_the_page_must_stay(page):
    page.evaluate(TAPPED)
    page.click(".record")
    goes_on(page, "0:02")
    page.evaluate(
        """() => { IDBObjectStore.prototype.put = () => {
        throw new DOMException("full", "QuotaExceededError"); }; }"""
    )
    goes_on(page, "0:04")
    expect(page.locator(TROUBLE)).to_contain_text("no room to keep a copy")
    expect(page.locator(".recorded")).to_contain_text("/ 1:00:0")
    page.click(".record")
    expect(page.locator(THERE)).to_have_count(1)
    assert seconds(page) >= 3.8  # what was kept and what was not, one after the other


def test_two_presses_begin_one_recording(page):
    page.evaluate(
        """() => { const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.asked = 0;
        navigator.mediaDevices.getUserMedia = async wish => (asked++, await new Promise(
          done => setTimeout(done, 500)), own(wish)); }"""
    )
    page.keyboard.press("Alt+KeyR")
    page.keyboard.press("Alt+KeyR")
    expect(page.locator(GOING)).to_have_count(1)
    assert page.evaluate("asked") == 1
    page.keyboard.press("Alt+KeyR")
    expect(page.locator(THERE)).to_have_count(1)
    page.wait_for_timeout(500)
    expect(page.locator(GOING)).to_have_count(0)


def test_a_server_that_is_started_anew_in_mid_recording_gets_it(page, server):
    page.fill("#composer textarea", "what was that")
    page.click(".record")
    goes_on(page, "0:01")
    server.kill()
    expect(page.locator("#offline")).to_be_visible()
    page.click(".record")
    expect(page.locator(".attached .unsent")).to_have_count(1)
    server.start()
    expect(page.locator("#offline")).to_be_hidden()
    page.click(".unsent button:text('Try again')")
    expect(page.locator(THERE)).to_have_count(1)
    expect(page.locator("#composer textarea")).to_have_value("what was that")
