"""What goes wrong around the page, in a real browser: a sentence, a way on, nothing lost."""

import resource
import sqlite3

import pytest

from sessions.store import Store
from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import LONG, newest, send
from tests.app.test_browser_turns import attach, sound

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
SMALL = 4096  # bytes that a file of the server may have, while its disk is full


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With an engine that fails when it is told to."""
    server = Server(tmp_path_factory.mktemp("data"), program=("-m", "tests.app.faulty"))
    yield server
    server.close()


@pytest.fixture
def disk(server):
    """The server's: `disk(full=True)` lets it write no more."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("no limit can be set for another process here")

    def limit(full):
        most = SMALL if full else resource.RLIM_INFINITY
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    yield limit
    limit(full=False)


def trouble(page, words):
    expect(page.locator(".composer .trouble")).to_contain_text(words)


def field(page, words):
    expect(page.locator("#composer textarea")).to_have_value(words)


def answered(page, words):
    expect(page.locator('#newest [data-status="done"]')).to_contain_text(words)


def test_a_full_disk_takes_no_question_and_loses_none(page, disk):
    attach(page, sound("tone.wav"))
    send(page, "the first one")
    newest(page, "done")
    disk(full=True)
    send(page, "the second one")
    trouble(page, "The disk refused to store this")
    field(page, "the second one")
    page.set_input_files("#composer input[type=file]", sound("tone.wav"))
    trouble(page, "The disk refused to store this")
    page.click("#foot .export")
    page.click(".popup button:has-text('All conversations')")
    trouble(page, "The disk refused to store this")
    expect(page.locator(".toast")).to_have_count(0)
    disk(full=False)
    page.click(".send")
    answered(page, "the second one")
    expect(page.locator("#shown")).to_contain_text("the first one")


def test_an_answer_that_a_full_disk_ends_is_shown_and_stored_later(page, disk):
    send(page, LONG)
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word9')")
    disk(full=True)
    said = newest(page, "failed")
    assert "word9" in said and "The disk refused to store this" in said
    disk(full=False)
    send(page, "and now?")
    answered(page, "and now?")
    page.reload()
    expect(page.locator("#shown")).to_contain_text("The disk refused to store this")
    expect(page.locator("#shown")).to_contain_text("word9")


def test_a_locked_database_is_told_and_the_question_waits(page, server):
    send(page, "the first one")
    newest(page, "done")
    other = sqlite3.connect(server.data / "earshot.db", isolation_level=None)
    other.execute("begin immediate")
    send(page, "while it is locked")
    trouble(page, "in use by another program")
    field(page, "while it is locked")
    other.execute("rollback")
    page.click(".send")
    answered(page, "while it is locked")


@pytest.mark.parametrize("fault", ["memory", "gpu", "driver", "processor", "bug"])
def test_an_engine_that_fails_has_said_what_it_said(page, fault):
    send(page, f"some words and then {fault}")
    said = newest(page, "failed")
    told = "went wrong inside Earshot" if fault == "bug" else "memory is full"
    assert "some words and then" in said and told in said
    send(page, "and now?")
    answered(page, "and now?")


def test_an_answer_that_ended_while_the_network_was_away_is_shown_when_it_is_back(page, server):
    send(page, LONG[:700])
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word9')")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    with Store(server.data) as store:
        while store.turns(page.url.split("?c=")[1])[-1].status == "writing":
            page.wait_for_timeout(200)
    page.context.set_offline(False)
    assert newest(page, "done").endswith(LONG[:700].split()[-1])
    expect(page.locator("#offline")).to_be_hidden()


@pytest.mark.parametrize("how", ["reloaded", "closed", "in another tab"])
def test_what_was_being_recorded_when_the_page_went_is_still_there(page, how):
    page.click(".record")
    page.wait_for_function("document.querySelector('.recorded').innerText >= '0:03'")
    page.on("dialog", lambda dialog: dialog.accept())
    if how == "reloaded":
        page.reload()
        after = page
    else:
        after = page.context.new_page()
        after.goto(page.url)
        if how == "closed":
            address, context = page.url, page.context
            for one in context.pages:
                one.close()
            after = context.new_page()
            after.goto(address)
    kept = after.locator(".attached li[data-digest]")
    if how == "in another tab":  # it goes on there: it is not this tab's
        after.wait_for_selector(".turns.empty")
        after.wait_for_timeout(1500)
        expect(kept).to_have_count(0)
        return
    expect(kept).to_have_count(1)
    assert float(kept.get_attribute("data-seconds")) >= 2
    after.reload()  # it is part of the draft now, once
    expect(kept).to_have_count(1)
    after.wait_for_timeout(1500)
    expect(kept).to_have_count(1)


def test_a_microphone_that_is_pulled_out_leaves_what_it_heard(page):
    page.evaluate(
        """() => { const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async wish => window.stream = await asked(wish); }"""
    )
    page.click(".record")
    page.wait_for_function("document.querySelector('.recorded').innerText >= '0:02'")
    page.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator(".attached li[data-digest]")).to_have_count(1)
    trouble(page, "The microphone went away")


def test_a_large_file_tells_how_far_it_is(page):
    page.evaluate(
        """() => { window.told = [];
        new MutationObserver(() => {
          const item = document.querySelector(".attached .loading");
          if (item) told.push(item.textContent);
        }).observe(document.querySelector(".attached"), { childList: true, subtree: true }); }"""
    )
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    about = {
        "offline": False,
        "latency": 0,
        "downloadThroughput": -1,
        "uploadThroughput": 2_000_000,
    }
    slow.send("Network.emulateNetworkConditions", about)
    attach(page, sound("long.wav", 300))
    told = page.evaluate("told")
    shares = [int(line.split(": ")[1].rstrip("%")) for line in told if "Sending long.wav" in line]
    assert shares == sorted(shares) and any(0 < share < 100 for share in shares), told


VOICE = """() => {
    window.heard = [];
    const voice = { name: "A voice", lang: "en" };
    const does = (name, value) => Object.defineProperty(speechSynthesis, name, { value });
    does("getVoices", () => [voice]);
    does("speak", said => heard.push([said.text, said.lang]));
    does("cancel", () => heard.push("quiet"));
}"""


def test_an_answer_is_read_aloud_in_its_language_until_one_has_heard_enough(page):
    send(page, "Der Vogel ist eine Amsel, und das ist nicht zu überhören.")
    newest(page, "done")
    aloud = page.locator("#newest .tool.aloud")
    if not page.evaluate("speechSynthesis.getVoices().length"):
        page.hover("#newest article")
        aloud.click()
        expect(page.locator("#toasts")).to_contain_text("no voice to read with")
    page.evaluate(VOICE)
    page.hover("#newest article")
    aloud.click()
    expect(aloud).to_have_attribute("aria-label", "Stop reading")
    aloud.click()
    expect(aloud).to_have_attribute("aria-label", "Read aloud")
    (text, language), quiet = page.evaluate("heard")
    assert text.startswith("Der Vogel") and (language, quiet) == ("de", "quiet")
