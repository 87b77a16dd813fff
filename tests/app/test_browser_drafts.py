"""What is written, attached and recorded in a conversation stays in it until it is sent: whatever
is looked at meanwhile, after a reload, in another tab, without storage.
"""

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import choose, newest, record, send
from tests.app.test_browser_turns import sound, tool

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
FIELD = "#composer textarea"
UPLOADS = "**/earshot/clips?*"
COMMANDS = "**/component_server/"
LOADING, THERE = ".attached li.loading", ".attached li[data-digest]"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a parrot that speaks at once."""
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


@pytest.fixture
def uploads(page):
    """Every upload waits until the test lets it go."""
    held = []
    page.route(UPLOADS, lambda route: held.append(route))
    return held


def let_go(page, uploads, n=1):
    while len(uploads) < n:
        page.wait_for_timeout(50)
    while uploads:
        uploads.pop().continue_()


def first_command(page):
    """The next command that the page sends waits until the test lets it go."""
    held = []
    page.route(COMMANDS, lambda route: held.append(route), times=1)
    return held


def choose_file(page, *files):
    page.set_input_files("#composer input[type=file]", list(files))


def talk(page, words):
    """A conversation that begins with these words; the page then shows a new one."""
    send(page, words)
    newest(page, "done")
    new(page)


def new(page):
    page.click("#brand .new")
    page.wait_for_selector(".turns.empty")


def go(page, words):
    page.click(f"#list a:has-text('{words}')")
    expect(page.locator("#shown")).to_contain_text(words)


def draft(page, text, *names):
    """What the composer holds."""
    expect(page.locator(FIELD)).to_have_value(text)
    expect(page.locator(THERE)).to_have_count(len(names))
    shown = "[...document.querySelectorAll('.attached li')].map(one => one.dataset.name)"
    assert page.evaluate(shown) == list(names)


def test_uploads_and_words_stay_in_the_conversations_in_which_they_were_begun(page, uploads):
    talk(page, "blackbird")
    talk(page, "nightingale")
    for words in ("blackbird", "nightingale"):
        go(page, words)
        page.fill(FIELD, f"about the {words}")
        choose_file(page, sound(f"{words}.wav"))
        expect(page.locator(LOADING)).to_contain_text(f"{words}.wav")
    new(page)
    draft(page, "")
    let_go(page, uploads, 2)
    choose_file(page, sound("here.wav", hertz=300))
    let_go(page, uploads)
    expect(page.locator(THERE)).to_have_count(1)
    go(page, "blackbird")
    draft(page, "about the blackbird", "blackbird.wav")
    page.go_back()
    draft(page, "", "here.wav")
    go(page, "nightingale")
    draft(page, "about the nightingale", "nightingale.wav")
    page.reload()
    draft(page, "about the nightingale", "nightingale.wav")
    page.press(FIELD, "Enter")
    expect(page.locator("#newest")).to_contain_text("heard 3.0 s")
    draft(page, "")
    page.fill("#brand .find", "blackb")
    page.click("#list a:has(mark)")
    draft(page, "about the blackbird", "blackbird.wav")
    page.fill("#brand .find", "")
    new(page)
    draft(page, "", "here.wav")


def test_a_recording_is_attached_where_it_was_made(page, uploads):
    talk(page, "blackcap")
    talk(page, "whitethroat")
    go(page, "blackcap")
    page.click(".record")
    page.wait_for_function("document.querySelector('.recorded').innerText >= '0:01'")
    page.click(".record")
    expect(page.locator(LOADING)).to_have_count(1)
    go(page, "whitethroat")  # at once: it has not arrived
    let_go(page, uploads)
    page.click(".record")  # and one that is begun here, and ended elsewhere
    page.wait_for_function("document.querySelector('.recorded').innerText >= '0:01'")
    new(page)
    page.click(".record")
    expect(page.locator(".toast")).to_contain_text("in the conversation in which it was begun")
    let_go(page, uploads)
    draft(page, "")
    page.click(".toast button:text('Show it')")
    expect(page.locator("#shown")).to_contain_text("whitethroat")
    expect(page.locator(THERE)).to_have_count(1)
    go(page, "blackcap")
    expect(page.locator(THERE)).to_have_count(1)
    page.reload()
    expect(page.locator(THERE)).to_have_count(1)


def test_a_question_goes_out_elsewhere_while_a_recording_goes_on(page):
    talk(page, "wren")
    page.click(".record")
    page.wait_for_function("document.querySelector('.recorded').innerText >= '0:01'")
    go(page, "wren")
    send(page, "what is a wren")
    expect(page.locator("#newest")).to_contain_text("what is a wren")
    assert "heard" not in newest(page, "done")
    expect(page.locator("form.recording")).to_have_count(1)
    new(page)
    page.click(".record")
    expect(page.locator(THERE)).to_have_count(1)


def test_a_reload_in_mid_upload_keeps_what_has_arrived_and_says_what_has_not(page, uploads):
    page.fill(FIELD, "which is louder")
    choose_file(page, sound("one.wav"), sound("two.wav", hertz=300))
    expect(page.locator(LOADING)).to_have_count(2)
    while len(uploads) < 2:
        page.wait_for_timeout(50)
    next(route for route in uploads if "one.wav" in route.request.url).continue_()
    expect(page.locator(THERE)).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    draft(page, "which is louder", "one.wav")
    expect(page.locator(".composer .trouble")).to_contain_text("two.wav had not been sent whole")
    expect(page.locator(".composer .trouble")).not_to_contain_text("one.wav")


def test_what_a_closed_tab_has_left_is_there_in_the_next_and_that_of_an_open_one_is_not(page):
    talk(page, "goldcrest")
    go(page, "goldcrest")
    other = page.context.new_page()
    other.goto(page.url)
    for tab, words in ((page, "from the first tab"), (other, "from the second tab")):
        tab.fill(FIELD, words)
        choose_file(tab, sound(f"{words}.wav", hertz=len(words) * 20))
        draft(tab, words, f"{words}.wav")
    for tab, words in ((page, "from the first tab"), (other, "from the second tab")):
        tab.reload()
        draft(tab, words, f"{words}.wav")
    other.close()
    third = page.context.new_page()
    third.goto(page.url)
    draft(third, "from the second tab", "from the second tab.wav")
    third.press(FIELD, "Enter")
    newest(third, "done")
    draft(page, "from the first tab", "from the first tab.wav")
    third.reload()
    expect(third.locator("#newest")).to_contain_text("from the second tab")
    third.wait_for_timeout(500)
    draft(third, "")


def test_a_reload_that_comes_long_before_the_end_of_its_page_is_known_doubles_no_draft(page):
    page.fill(FIELD, "half a thought")
    expect(page.locator(FIELD)).to_have_value("half a thought")
    name = page.evaluate("sessionStorage.getItem('earshot-tab')")
    other = page.context.new_page()
    other.goto(page.url)
    held = """name => void navigator.locks.request(`earshot-tab-${name}`,
        () => new Promise(done => (window.free = done)))"""
    other.evaluate(held, name)  # waits for the page to go, and has its name then
    page.reload()
    other.wait_for_function("!!window.free")
    page.wait_for_timeout(2500)
    draft(page, "half a thought")
    kept = "Object.keys(localStorage).filter(name => name.startsWith('earshot-draft:'))"
    assert page.evaluate(kept) == [f"earshot-draft::{name}"]
    other.evaluate("free()")
    other.wait_for_timeout(1500)
    assert page.evaluate("sessionStorage.getItem('earshot-tab')") == name


def test_a_draft_as_an_earlier_version_of_the_page_kept_it(page):
    kept = '{"text":"half a thought","clips":[],"edits":0,"aside":null}'
    page.evaluate("kept => localStorage.setItem('earshot-draft:', kept)", kept)
    page.reload()
    draft(page, "half a thought")
    page.reload()
    draft(page, "half a thought")


def test_what_is_written_while_a_question_goes_out_stays(page):
    page.fill(FIELD, "the first")
    held = first_command(page)
    page.press(FIELD, "Enter")
    page.keyboard.type(" and more")
    page.dblclick(".send", force=True)
    let_go(page, held)
    newest(page, "done")
    draft(page, "and more")
    assert page.locator("article.question").count() == 1
    new(page)
    draft(page, "")


def test_pressing_send_twice_asks_once(page):
    page.fill(FIELD, "robin once")
    page.dblclick(".send")
    newest(page, "done")
    page.wait_for_timeout(500)
    assert page.locator("article.question").count() == 1
    assert page.locator("#list .item:has-text('robin once')").count() == 1


def test_who_went_elsewhere_while_a_question_goes_out_stays_there(page):
    talk(page, "dunnock")
    page.fill(FIELD, "a question on its way")
    held = first_command(page)
    page.press(FIELD, "Enter")
    while not held:
        page.wait_for_timeout(50)
    go(page, "dunnock")
    let_go(page, held)
    expect(page.locator("#list")).to_contain_text("a question on its way")
    expect(page.locator("#shown")).to_contain_text("dunnock")
    new(page)
    draft(page, "")


def test_an_upload_that_failed_is_tried_again_and_one_that_is_under_way_is_cancelled(page):
    page.route(UPLOADS, lambda route: route.abort())
    page.reload()  # a page that is open already may send its next request past a new route
    page.wait_for_selector(".turns.empty")
    choose_file(page, sound("again.wav"))
    expect(page.locator(".attached .unsent")).to_contain_text("again.wav")
    expect(page.locator(".send")).to_be_disabled()
    new(page)
    page.unroute(UPLOADS)
    page.click(".unsent button:text('Try again')")
    expect(page.locator(THERE)).to_have_count(1)
    page.route(UPLOADS, lambda route: route.fulfill(status=503, json={"sentence": "Too busy."}))
    choose_file(page, sound("busy.wav"))
    expect(page.locator(".attached .unsent")).to_contain_text("busy.wav")
    expect(page.locator(".composer .trouble")).to_contain_text("Too busy.")
    page.unroute(UPLOADS)
    held = []
    page.route(UPLOADS, lambda route: held.append(route))
    page.click(".unsent button:text('Try again')")
    page.click(f"{LOADING} .remove")
    draft(page, "", "again.wav")
    expect(page.locator(".send")).to_be_enabled()


def test_of_four_files_three_are_bad_and_each_has_a_line(page):
    def file(name, body):
        return {"name": name, "mimeType": "audio/wav", "buffer": body}

    picture = b"\x89PNG\r\n\x1a\n" + bytes(100)
    choose_file(
        page,
        file("letter.wav", b"Dear Sir or Madam. " * 40),
        sound("good.wav"),
        file("empty.mp3", b""),
        file("picture.ogg", picture),
    )
    expect(page.locator(THERE)).to_have_count(1)
    told = page.locator(".composer .trouble")
    expect(told).to_contain_text("letter.wav")
    expect(told).to_contain_text("empty.mp3")
    expect(told).to_contain_text("picture.ogg")
    lines = told.inner_text().split("\n")
    assert len(lines) == 3, lines
    (of_picture,) = (line for line in lines if "picture.ogg" in line)
    (of_empty,) = (line for line in lines if "empty.mp3" in line)
    assert "PNG image" in of_picture and "is empty" in of_empty
    draft(page, "", "good.wav")


def test_what_went_wrong_with_an_upload_is_said_where_it_was_begun(page, uploads):
    talk(page, "siskin")
    go(page, "siskin")
    choose_file(page, {"name": "no.wav", "mimeType": "audio/wav", "buffer": b"text " * 90})
    expect(page.locator(LOADING)).to_have_count(1)
    new(page)
    with page.expect_response(UPLOADS):
        let_go(page, uploads)
    page.wait_for_timeout(200)
    expect(page.locator(".composer .trouble")).to_be_hidden()
    go(page, "siskin")
    expect(page.locator(".composer .trouble")).to_contain_text("no.wav")


def test_a_draft_outlives_the_deletion_of_its_conversation_and_its_undoing(page):
    talk(page, "chiffchaff")
    go(page, "chiffchaff")
    page.fill(FIELD, "not sent yet")
    record(page, 1)
    choose(page, "Delete")
    page.wait_for_selector(".turns.empty")
    draft(page, "")
    page.click("#toasts button:text('Undo')")
    expect(page.locator("#shown")).to_contain_text("chiffchaff")
    expect(page.locator(THERE)).to_have_count(1)
    expect(page.locator(FIELD)).to_have_value("not sent yet")


def test_an_example_leaves_what_was_written(page):
    page.fill(FIELD, "my own words")
    choose_file(page, sound("own.wav"))
    draft(page, "my own words", "own.wav")
    page.locator(".example").first.click()
    newest(page, "done")
    draft(page, "")
    new(page)
    draft(page, "my own words", "own.wav")


def test_two_edited_questions_each_keep_their_words(page):
    send(page, "one")
    newest(page, "done")
    send(page, "two")
    expect(page.locator("#newest")).to_contain_text("two")
    newest(page, "done")
    page.fill(FIELD, "the next")
    for nth, words in enumerate(("one", "two")):
        page.locator("#shown article.question").nth(nth).hover()
        page.locator("#shown article.question .tool.edit").nth(nth).click()
        draft(page, words)
        page.fill(FIELD, f"{words}, edited")
    page.reload()
    draft(page, "two, edited")
    page.locator("#shown article.question").nth(0).hover()
    page.locator("#shown article.question .tool.edit").nth(0).click()
    draft(page, "one, edited")
    page.click(".editing button")
    draft(page, "the next")
    tool(page, "edit", "#shown")
    draft(page, "two, edited")
    page.press(FIELD, "Enter")
    expect(page.locator("#newest")).to_contain_text("two, edited")
    draft(page, "the next")


def test_without_storage_drafts_live_as_long_as_the_page_which_asks_before_it_goes(page):
    page.evaluate(
        """() => { Storage.prototype.setItem = () => {
        throw new DOMException("full", "QuotaExceededError"); }; }"""
    )
    talk(page, "redstart")
    page.fill(FIELD, "only here")
    go(page, "redstart")
    draft(page, "")
    new(page)
    draft(page, "only here")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
