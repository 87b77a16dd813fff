"""Around the conversation, in a real browser: the list, its menus, files out and in, settings,
shortcuts, and what is seen while the server is away."""

import pytest

from tests.app.conftest import CHROMIUM, NAMES, Server
from tests.app.test_browser import choose, expect, newest, send

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a parrot that answers at once."""
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


def test_what_was_said_is_found_as_one_types_and_opened_there(page):
    send(page, "The nightingale sings in the garden " + "and on " * 100)
    newest(page, "done")
    send(page, "Something else")
    expect(page.locator("#newest")).to_contain_text("Something else")
    page.click("#brand .new")
    page.keyboard.press("Control+k")
    page.keyboard.type("nighting")
    hit = page.locator("#list .item", has_text="nightingale").first
    expect(hit.locator("mark").first).to_have_text("nighting")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#shown .question").first).to_contain_text("nightingale")
    page.fill(".find", "no such thing")
    expect(page.locator("#list .none")).to_contain_text("no such thing")
    page.keyboard.press("Escape")
    expect(page.locator("#list .item").first).to_be_visible()


def test_a_conversation_is_named_pinned_and_tagged_from_its_menu(page):
    send(page, "a question that is to be renamed")
    newest(page, "done")
    here = page.locator("#list .item:has(a[aria-current])")
    here.locator(".more").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".popup [role=menuitem]").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(here.locator(".more")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the first is Rename
    page.keyboard.type("Blackbirds")
    page.keyboard.press("Enter")
    expect(page.locator("#bar .title")).to_have_text("Blackbirds")
    expect(here.locator("b")).to_have_text("Blackbirds")
    choose(page, "Pin")
    expect(page.locator("#list h2").first).to_have_text("Pinned")
    choose(page, "Tags")
    page.fill("#tagging input", "birds, dawn")
    page.keyboard.press("Enter")
    expect(page.locator("#list .tags button")).to_have_text(["birds", "dawn"])
    page.click("#list .tags button:text('dawn')")
    expect(page.locator("#list .item")).to_have_count(1)
    page.click("#list .tags button:text('dawn')")


def test_a_conversation_goes_out_as_a_file_and_comes_back(page, tmp_path):
    page.click('.example[data-example="speech"]')
    newest(page, "done")
    page.hover("#list .item:has(a[aria-current])")
    page.click("#list .item:has(a[aria-current]) .more")
    page.click(".popup button:has-text('Export')")
    with page.expect_download() as download:
        page.click(".popup button:has-text('One HTML file')")
    assert download.value.suggested_filename == "What does the person say.html"
    download.value.save_as(tmp_path / "voice.html")
    choose(page, "Delete")
    page.wait_for_selector(".turns.empty")
    page.set_input_files("#foot .imported", tmp_path / "voice.html")
    expect(page.locator("#toasts")).to_contain_text("One conversation imported")
    newest(page, "done")
    page.click("#shown .play")
    page.wait_for_function("document.querySelector('#shown audio').currentTime > 0.2")
    page.set_input_files(
        "#foot .imported", {"name": "x.zip", "mimeType": "application/zip", "buffer": b"no"}
    )
    expect(page.locator("#composer .trouble")).to_contain_text("no export of Earshot")


def test_what_a_search_finds_goes_out_in_one_file_and_comes_back(page, tmp_path):
    for words in ("a bittern booms", "another bittern"):
        page.click("#brand .new")
        page.wait_for_selector(".turns.empty")
        send(page, words)
        expect(page.locator('#newest [data-status="done"]')).to_contain_text(words)
    page.fill(".find", "bittern")
    expect(page.locator("#list .item mark").first).to_be_visible()
    page.click("#foot .export")
    with page.expect_download() as download:
        page.click(".popup button:has-text('found for “bittern”')")
    download.value.save_as(tmp_path / "bitterns.zip")
    page.set_input_files("#foot .imported", tmp_path / "bitterns.zip")
    expect(page.locator("#toasts")).to_contain_text("2 conversations imported")
    expect(page.locator("#list .item:has(mark)")).to_have_count(4)
    page.fill(".find", "")


def test_a_deleted_conversation_is_found_again_until_it_is_deleted_for_good(page):
    for words in ("a corncrake", "a nightjar"):
        page.click("#brand .new")
        page.wait_for_selector(".turns.empty")
        send(page, words)
        expect(page.locator('#newest [data-status="done"]')).to_contain_text(words)
        choose(page, "Delete")
        page.wait_for_selector(".turns.empty")
    page.reload()  # no Undo any more
    page.click("#foot .settings")
    page.select_option("#settings [name=kept]", "7")
    page.click("#settings .binned")
    crake, jar = (page.locator("#bin li", has_text=name) for name in ("corncrake", "nightjar"))
    expect(crake).to_contain_text("for 7 days more")
    jar.locator(".remove").click()
    expect(jar).to_have_count(0)
    crake.locator(".restore").click()
    expect(page.locator("#newest")).to_contain_text("a corncrake")
    expect(page.locator("#list .item", has_text="a corncrake")).to_be_visible()
    expect(page.locator("#list .item", has_text="a nightjar")).to_have_count(0)


def test_language_and_look_are_chosen_and_remembered_and_the_draft_stays(page):
    page.fill("#composer textarea", "not sent yet")
    page.wait_for_timeout(400)
    page.click("#foot .settings")
    page.select_option("#settings [name=language]", "zh")
    expect(page.locator("#brand .new")).to_have_text("新对话")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("#composer textarea")).to_have_value("not sent yet")
    page.click("#foot .settings")
    page.click("#settings label:has(input[value=dark])")
    page.reload()
    expect(page.locator("#brand .new")).to_have_text("新对话")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(24, 26, 25)"


def test_settings_of_a_conversation_shape_its_answers(page):
    page.click("#bar .tune")
    page.fill("#tune textarea", "Be brief.")
    page.click("#tune summary")
    page.fill("#tune [name=max_tokens]", "3")
    page.click("#tune .save")
    expect(page.locator("#tune")).to_be_hidden()
    page.wait_for_url("**/?c=*")
    send(page, "one two three four five six")
    assert "one two three\n" in newest(page, "length")


def test_everything_is_within_reach_of_the_keyboard(page):
    page.click("h1")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+r")
    expect(page.locator(".composer.recording")).to_be_visible()
    page.wait_for_timeout(1200)
    page.keyboard.press("Alt+r")
    page.wait_for_selector(".attached li[data-digest]")
    page.keyboard.press("Alt+p")
    page.wait_for_selector(".attached figure.playing")
    page.focus("#composer textarea")
    page.keyboard.press("Enter")  # a recording alone is a question
    assert "heard" in newest(page, "done")
    page.keyboard.press("Alt+n")
    page.wait_for_selector(".turns.empty")
    expect(page.locator("#composer textarea")).to_be_focused()


def test_while_the_server_is_away_the_page_says_so_and_keeps_the_draft(page, server):
    page.wait_for_function("navigator.serviceWorker.controller")
    page.fill("#composer textarea", "still here?")
    page.wait_for_timeout(400)
    server.kill()
    expect(page.locator("#offline")).to_be_visible(timeout=15_000)
    send(page, "still here?")
    expect(page.locator("#composer .trouble")).to_contain_text("does not answer")
    page.reload()  # into nothing
    expect(page.locator("h1")).to_have_text("Earshot is not running")
    server.start()
    page.wait_for_selector("#brand .new", timeout=30_000)
    expect(page.locator("#composer textarea")).to_have_value("still here?")


def test_a_phone_has_the_list_behind_a_button(page):
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("#brand .new")).to_be_hidden()
    page.click("#bar .menu")
    expect(page.locator("#brand .new")).to_be_visible()
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(wide)
    page.click("#brand .new")
    expect(page.locator("#brand .new")).to_be_hidden()


def test_an_answer_is_announced_in_sentences_not_in_words(page):
    page.evaluate(
        """() => { window.heard = [];
        new MutationObserver(() => heard.push(document.querySelector("#announcer").innerText))
          .observe(document.querySelector("#announcer"), { childList: true }); }"""
    )
    send(page, " ".join(f"This is sentence number {i}." for i in range(80)))
    newest(page, "done")
    page.wait_for_function("heard.at(-1)?.includes('number 79.')")
    assert len(page.evaluate("heard")) < 6
    assert page.evaluate("heard[0]").strip() == "Listening" or page.evaluate("heard.length") == 1
