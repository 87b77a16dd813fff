"""Turns and clips in a real browser: edited, given anew, gone on with, cut, moved, played; and one
whole day of use from recording to a restart.
"""

import io
import re
import wave
from math import pi, sin
from struct import pack

import pytest

from sessions.store import Store
from tests.app.conftest import CHROMIUM, SECONDS
from tests.app.test_browser import LONG, choose, newest, record, send

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]


def sound(name, seconds=3, hertz=440):
    """A file to be chosen: a tone, as the browser hands it over."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        samples = (int(9000 * sin(2 * pi * hertz * i / 16_000)) for i in range(16_000 * seconds))
        out.writeframes(b"".join(pack("<h", sample) for sample in samples))
    return {"name": name, "mimeType": "audio/wav", "buffer": file.getvalue()}


def attach(page, *files):
    page.set_input_files("#composer input[type=file]", list(files))
    expect(page.locator(".attached li[data-digest]")).to_have_count(len(files))


def named(page, *names):
    shown = "[...document.querySelectorAll('.attached li')].map(one => one.dataset.name)"
    page.wait_for_function(f"names => JSON.stringify({shown}) == JSON.stringify(names)", arg=names)


def tool(page, name, place="#newest"):
    page.hover(f"{place} article >> nth=-1")
    page.click(f"{place} .tool.{name} >> nth=-1")


def stopped(page, text=LONG):
    send(page, text)
    page.wait_for_function("document.querySelector('#newest').innerText.includes('word3')")
    page.click(".stop")
    return newest(page, "stopped")


def test_versions_of_questions_and_answers_are_switched_by_arrows(page):
    send(page, "first words")
    newest(page, "done")
    tool(page, "again")
    expect(page.locator("#newest .versions")).to_contain_text("2 / 2")
    newest(page, "done")
    tool(page, "edit", "#shown")
    expect(page.locator("#composer textarea")).to_have_value("first words")
    send(page, "other words")
    expect(page.locator("#shown .versions")).to_contain_text("2 / 2")
    assert "other words" in newest(page, "done")
    page.focus("#shown .tool.before")
    page.keyboard.press("Enter")
    expect(page.locator("#shown .versions")).to_contain_text("1 / 2")
    expect(page.locator("#newest")).to_contain_text("first words")
    expect(page.locator("#shown .tool.after")).to_be_focused()  # by keyboard one can go on
    tool(page, "undo")
    page.wait_for_selector(".turns.empty")
    page.click("#toasts button:text('Bring back')")
    expect(page.locator("#newest")).to_contain_text("first words")


def test_an_answer_that_was_stopped_goes_on_and_is_marked(page):
    words = " ".join(f"word{i}" for i in range(150))
    said = stopped(page, words)
    tool(page, "go_on")
    whole = newest(page, "done")
    assert whole.startswith(said.split("\n")[0]) and whole.endswith("word149")
    tool(page, "bad")
    page.fill("#rating textarea", "It only repeats.")
    page.click("#rating .save")
    expect(page.locator("#newest .note.rated")).to_have_text("It only repeats.")
    expect(page.locator("#newest .tool.bad")).to_have_attribute("aria-pressed", "true")


def test_clips_are_moved_named_and_cut_before_they_are_sent(page, server):
    attach(page, sound("low.wav", 3, 200), sound("high.wav", 2, 2000))
    expect(page.locator(".attached b")).to_have_text(["Audio 1", "Audio 2"])
    page.focus(".attached li:first-child .move")
    page.keyboard.press("ArrowRight")
    named(page, "high.wav", "low.wav")
    page.click(".attached li:last-child .handles .rename")
    page.fill(".attached input.rename", "A low tone")
    page.keyboard.press("Enter")
    page.click(".attached li:last-child .handles .trim")
    page.locator(".trimming .from").fill("500")
    page.click(".trimming .keep")
    part = page.locator(".attached li:last-child")
    expect(part).to_have_attribute("data-name", "A low tone, 0:01–0:03")
    assert float(part.get_attribute("data-seconds")) == pytest.approx(1.5, abs=0.01)
    page.reload()  # the draft is still there, clips and all
    expect(page.locator(".attached li[data-digest]")).to_have_count(2)
    page.click(".send")
    assert "[heard 2.0 s] [heard 1.5 s]" in newest(page, "done")
    expect(page.locator("#shown figcaption b")).to_have_text(["Audio 1", "Audio 2"])
    page.hover("#shown article")
    page.click("#shown .tool.reuse >> nth=0")
    named(page, "high.wav")


PAINTED = """canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width,
    canvas.height).data.filter((_, i) => i % 4 == 3)).size"""


def test_a_chip_plays_exactly_its_stretch_and_shows_it(page):
    attach(page, sound("tone.wav", 4))
    send(page, "It is from <|1.00|> to <|1.60|> there.")
    newest(page, "done")
    page.click("#newest .mark >> nth=0")
    clip = page.locator("#shown figure.clip")
    expect(clip).to_have_attribute("data-to", "1.6")
    page.wait_for_function("document.querySelector('#shown audio').currentTime >= 1.59")
    page.wait_for_function("document.querySelector('#shown audio').paused")
    assert clip.locator("audio").evaluate("audio => audio.currentTime") == pytest.approx(1.6, 0.05)
    assert clip.locator(".wave canvas").evaluate(PAINTED) > 1
    clip.locator(".spectrum").click()
    page.wait_for_function("document.querySelector('.mel canvas').width == 400", timeout=60_000)
    left = clip.locator(".mel i").evaluate("line => parseFloat(line.style.left)")
    assert left == pytest.approx(40, abs=3)
    clip.locator(".mel").click(position={"x": 5, "y": 20})
    assert clip.locator("audio").evaluate("audio => audio.currentTime") < 0.3


def test_a_task_fills_the_composer_and_a_recording_alone_is_a_question(page):
    page.click(".composer .tasks")
    page.click(".popup button:has-text('Emotion')")
    expect(page.locator("#composer textarea")).to_have_value("In what mood is the speaker?")
    page.fill("#composer textarea", "")
    attach(page, sound("tone.wav", 2))
    expect(page.locator("#bar .room")).to_have_attribute("title", re.compile("1%|1 %"))
    page.click(".send")
    assert newest(page, "done").startswith("[heard 2.0 s]")
    page.click("#bar .room")
    expect(page.locator("#room li")).to_contain_text("tone.wav")


def test_a_long_conversation_shows_its_end_and_loads_what_was_earlier(page, server):
    with Store(server.data) as store:
        id = store.start().id
        for i in range(1000):
            store.ask(id, (f"question {i}",))
            store.finish(store.begin(id).id, f"answer {i}", "done")
        old = store.turns(id)[200].id
    page.goto(f"http://127.0.0.1:{server.port}/?c={id}")
    expect(page.locator("#newest")).to_contain_text("answer 999")
    assert page.locator("article").count() == 60
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -100_000)
    expect(page.locator("#earlier article").first).to_be_attached()
    assert page.locator("article").count() in range(120, 241)
    page.fill("#brand .find", "question 100")
    page.click(f"#list a[data-turn='{old}']")
    expect(page.locator(f"article[data-turn='{old}']")).to_be_in_viewport()


def test_two_tabs_on_one_conversation_agree(page, server):
    send(page, "from the first tab")
    newest(page, "done")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#newest")).to_contain_text("from the first tab")
    send(other, "from the second tab")
    expect(page.locator("#shown")).to_contain_text("from the second tab")
    expect(page.locator('#newest [data-status="done"]')).to_contain_text("from the second tab")


def test_a_refused_microphone_is_a_sentence_and_the_words_stay(page):
    page.fill("#composer textarea", "What is this?")
    page.evaluate("""() => { navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("no", "NotAllowedError")); }""")
    page.click(".record")
    expect(page.locator("#composer .trouble")).to_contain_text("not allowed")
    expect(page.locator("#composer textarea")).to_have_value("What is this?")


def test_a_recording_that_did_not_arrive_is_kept_until_it_does(page):
    page.route("**/earshot/clips?*", lambda route: route.abort())
    page.click(".record")
    page.wait_for_timeout(1200)
    page.click(".record")
    expect(page.locator(".attached .unsent")).to_be_visible()
    assert page.is_disabled(".send")
    page.unroute("**/earshot/clips?*")
    page.click(".unsent button:text('Try again')")
    expect(page.locator(".attached li[data-digest]")).to_have_count(1)


def test_drafts_belong_to_their_conversations(page):
    send(page, "the one")
    newest(page, "done")
    page.fill("#composer textarea", "half a thought")
    page.click("#brand .new")
    page.wait_for_selector(".turns.empty")
    expect(page.locator("#composer textarea")).to_have_value("")
    page.fill("#composer textarea", "another")
    page.go_back()
    expect(page.locator("#composer textarea")).to_have_value("half a thought")
    page.reload()
    expect(page.locator("#composer textarea")).to_have_value("half a thought")


def test_a_day_of_use(page, server, tmp_path):
    """Record, stream, stop, edit, switch, search, export, import, reload, restart."""
    record(page)
    said = stopped(page, f"nightingale {LONG}")
    assert re.search(r"heard \d\.\d s", said)
    tool(page, "edit", "#shown")
    expect(page.locator(".attached li[data-digest]")).to_have_count(1)
    send(page, "Was that a blackbird?")
    assert "Was that a blackbird?" in newest(page, "done")
    page.hover("#shown article")
    page.click("#shown .tool.before")
    expect(page.locator("#shown .versions")).to_contain_text("1 / 2")
    expect(page.locator("#newest")).to_contain_text("Stopped.")

    page.fill("#brand .find", "blackb")
    page.click("#list a:has(mark)")  # it stands on the other line
    expect(page.locator("#newest")).to_contain_text("Was that a blackbird?")
    page.fill("#brand .find", "")
    id = page.url.split("?c=")[1]
    item = f".item[data-id='{id}']"
    expect(page.locator(f"#list {item}")).to_have_count(1)
    page.hover(f"#list {item}")
    page.click(f"#list {item} .more")
    page.click(".popup button:has-text('Export')")
    with page.expect_download() as exported:
        page.click(".popup button >> nth=0")  # one HTML file, with its sound
    exported.value.save_as(tmp_path / "talk.html")
    choose(page, "Delete", item)
    page.wait_for_selector(".turns.empty")
    page.set_input_files("#foot .imported", tmp_path / "talk.html")
    expect(page.locator("#newest")).to_contain_text("Was that a blackbird?")
    expect(page.locator("#shown .versions")).to_contain_text("2 / 2")

    page.reload()
    expect(page.locator("#newest")).to_contain_text("Was that a blackbird?")
    server.kill()
    with page.expect_event("load"):  # the page notices, and loads itself again
        server.start()
    expect(page.locator("#newest")).to_contain_text("Was that a blackbird?")
    page.click("#shown .play")
    page.wait_for_function("document.querySelector('#shown audio').currentTime > 0.3")
    send(page, "and now?")
    expect(page.locator('#newest [data-status="done"]')).to_contain_text("and now?")
