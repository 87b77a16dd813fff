"""What comes in by the clipboard, by dropping, by an input method and by a phone's keyboard."""

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser import choose, newest, send
from tests.app.test_browser_turns import attach, sound, tool

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
FIELD = "#composer textarea"
THERE, TROUBLE = ".attached li[data-digest]", ".composer .trouble"
PASTE = """([texts, files, where]) => {
    const all = new DataTransfer(), target = document.querySelector(where);
    target.focus?.();
    for (const [type, text] of Object.entries(texts)) all.setData(type, text);
    for (const [name, type, bytes] of files)
      all.items.add(new File([Uint8Array.from(bytes)], name, { type }));
    const how = { clipboardData: all, bubbles: true, cancelable: true };
    const isAllowed = target.dispatchEvent(new ClipboardEvent("paste", how));
    if (isAllowed) document.execCommand("insertText", false, all.getData("text/plain"));
}"""  # as a browser does it: text is written unless the page forbids it
PICTURE = ("image.png", "image/png", [137, 80, 78, 71, 13, 10, 26, 10])
ROWS = "<tr><td>One</td><td>12</td></tr><tr><td>Two</td><td>7</td></tr>"
TABLE = f"<style>td {{ color: red }}</style><table>{ROWS}</table>"
RTF = (
    r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator X;}"
    r"\f0\b One\b0\tab 12\par caf\'e9 \u8364?\{x\}}"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


def paste(page, texts, *files, where=FIELD):
    page.evaluate(PASTE, [texts, files, where])


def tone(name, kind="audio/wav"):
    return (name, kind, list(sound(name, 1)["buffer"]))


@pytest.mark.parametrize(
    "texts, written",
    [
        ({"text/plain": "One\t12", "text/html": TABLE}, "One\t12"),
        ({"text/html": TABLE}, "One\t12\nTwo\t7"),
        (
            {"text/html": "<p>First &amp;</p><p>sec<b>ond</b><br>third</p>"},
            "First &\nsecond\nthird",
        ),
        ({"text/rtf": RTF}, "One\t12\ncafé €{x}"),
        ({"text/uri-list": "# a comment\r\nhttps://example.org/a\r\n"}, "https://example.org/a"),
    ],
)
@pytest.mark.parametrize("files", [(), (PICTURE,)])
def test_text_is_pasted_also_beside_its_own_picture(page, texts, written, files):
    paste(page, texts, *files)
    expect(page.locator(FIELD)).to_have_value(written)
    page.wait_for_timeout(200)
    expect(page.locator(TROUBLE)).to_be_hidden()
    expect(page.locator(".attached li")).to_have_count(0)


def test_a_sound_on_the_clipboard_is_attached_with_text_that_is_not_its_name(page):
    paste(page, {}, tone("one.wav"))
    expect(page.locator(THERE)).to_have_count(1)
    paste(page, {"text/plain": "file:///home/me/my%20two.flac"}, tone("my two.flac", ""))
    expect(page.locator(THERE)).to_have_count(2)
    expect(page.locator(FIELD)).to_have_value("")
    paste(page, {"text/plain": "What is this?"}, tone("three.wav"), PICTURE, where="body")
    expect(page.locator(THERE)).to_have_count(3)
    expect(page.locator(FIELD)).to_have_value("What is this?")
    expect(page.locator(TROUBLE)).to_be_hidden()
    paste(page, {}, PICTURE)
    expect(page.locator(TROUBLE)).to_contain_text("image.png is not sound but a PNG image")


def test_a_dropped_folder_gives_its_files_and_says_what_it_left_out(page, tmp_path):
    folder = tmp_path / "birds"
    (folder / "within" / "deeper").mkdir(parents=True)
    for at, hertz in (("2.wav", 300), ("10.wav", 400), ("within/deeper/song.wav", 500)):
        (folder / at).write_bytes(sound("x", 1, hertz)["buffer"])
    (folder / "cover.png").write_bytes(bytes(PICTURE[2]))
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "bad.wav").write_bytes(b"text " * 90)
    drop(page, folder)
    expect(page.locator(THERE)).to_have_count(3)
    names = "[...document.querySelectorAll('.attached li')].map(one => one.dataset.name)"
    assert page.evaluate(names) == ["2.wav", "10.wav", "song.wav"]
    expect(page.locator(TROUBLE)).to_contain_text("cover.png")
    expect(page.locator(TROUBLE)).to_contain_text("bad.wav")
    expect(page.locator(TROUBLE)).not_to_contain_text("DS_Store")
    page.reload()
    expect(page.locator(THERE)).to_have_count(3)


def test_of_a_large_folder_a_bounded_number_is_taken_and_of_an_empty_one_none(page, tmp_path):
    page.route("**/earshot/clips?*", lambda route: None)  # none arrives: they are counted
    many, empty = tmp_path / "many", tmp_path / "empty"
    many.mkdir()
    empty.mkdir()
    for i in range(130):  # a browser tells a hundred at a time
        (many / f"{i}.wav").write_bytes(b"RIFF")
    drop(page, empty)
    expect(page.locator(TROUBLE)).to_contain_text("There is no recording")
    drop(page, many)
    expect(page.locator(".attached li.loading")).to_have_count(50)
    expect(page.locator(TROUBLE)).to_contain_text("at most 50 files")


def drop(page, path):
    """As a person does it, with a file manager."""
    box = page.locator("#composer form").bounding_box()
    browser = page.context.new_cdp_session(page)
    at = {"x": box["x"] + 30, "y": box["y"] + 10}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


COMPOSING = """([where, how]) => {
    const field = document.querySelector(where), all = { bubbles: true, cancelable: true };
    const enter = more =>
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ...all, ...more }));
    const composition = what =>
      field.dispatchEvent(new CompositionEvent(`composition${what}`, all));
    field.focus();
    composition("start");
    if (how === "while it composes") enter({ isComposing: true });
    composition("end");
    if (how === "as Safari tells it") enter({ keyCode: 229 });
    if (how === "right after it") enter({});
}"""
WAYS = ["while it composes", "as Safari tells it", "right after it"]


@pytest.mark.parametrize("how", WAYS)
def test_enter_that_an_input_method_takes_does_nothing_else(page, how):
    send(page, "blackbird")
    newest(page, "done")
    attach(page, sound("tone.wav"))
    page.fill(FIELD, "にほん")
    page.evaluate(COMPOSING, [FIELD, how])
    page.click(".attached .rename")
    page.fill(".attached input.rename", "にほん")
    page.evaluate(COMPOSING, [".attached input.rename", how])
    expect(page.locator(".attached input.rename")).to_be_visible()
    page.press(".attached input.rename", "Escape")
    choose(page, "Rename")
    page.fill("#list input.rename", "にほん")
    page.evaluate(COMPOSING, ["#list input.rename", how])
    expect(page.locator("#list input.rename")).to_be_visible()
    page.press("#list input.rename", "Escape")
    page.click("#brand .new")
    page.wait_for_selector(".turns.empty")
    page.fill("#brand .find", "blackbird")
    page.wait_for_selector("#list mark")
    page.evaluate(COMPOSING, ["#brand .find", how])
    page.wait_for_timeout(300)
    expect(page.locator(".turns.empty")).to_be_visible()
    page.press("#brand .find", "Enter")  # and now it is meant
    expect(page.locator("#shown")).to_contain_text("blackbird")
    page.fill("#brand .find", "")
    expect(page.locator("article.question")).to_have_count(1)
    expect(page.locator(FIELD)).to_have_value("にほん")
    tool(page, "edit", "#shown")
    page.evaluate(COMPOSING, [FIELD, how])
    page.wait_for_timeout(300)
    expect(page.locator("article.question")).to_have_count(1)
    expect(page.locator(".editing")).to_be_visible()
    page.press(FIELD, "Enter")
    expect(page.locator("#shown .versions")).to_contain_text("2 / 2")


def test_a_dialog_stays_open_while_an_input_method_takes_enter(page):
    send(page, "wren")
    newest(page, "done")
    choose(page, "Tags")
    field = page.locator("#tagging input")
    field.fill("ことり")
    keys = page.context.new_cdp_session(page)
    enter = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 229}
    keys.send("Input.dispatchKeyEvent", {"type": "keyDown", **enter})
    page.wait_for_timeout(300)
    expect(page.locator("#tagging")).to_be_visible()
    field.press("Enter")
    expect(page.locator("#tagging")).to_be_hidden()
    expect(page.locator("#list .tags")).to_contain_text("ことり")


def test_on_a_phone_enter_makes_a_line_and_the_button_sends(chromium, server):
    about = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    context = chromium.new_context(**about)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector(".turns.empty")
    page.tap(FIELD)
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    expect(page.locator(FIELD)).to_have_value("one\ntwo")
    page.tap(".send")
    expect(page.locator("#shown .question")).to_contain_text("one")
    page.fill(FIELD, "with a keyboard")
    newest(page, "done")
    page.keyboard.press("Control+Enter")
    expect(page.locator("article.question")).to_have_count(2)
    context.close()
