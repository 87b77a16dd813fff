"""A conversation's HTML file: read and heard in a browser without a network, and taken in again."""

import io
import zlib

import pytest

from app import chat, webpage
from app.examples import EXAMPLES
from app.i18n import LANGUAGES
from app.png import png
from model.audio import decode
from model.listening.notes import LANGUAGE, Label, Note, Word, as_json
from model.picture import overview
from sessions import bundle, transfer
from sessions.records import FAILED, WindowNotes
from sessions.store import Store
from tests.app.conftest import CHROMIUM, NAMES, SECONDS


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A store, and a conversation in it with all there can be: other lines, verdicts, notes."""
    with Store(tmp_path_factory.mktemp("talk")) as store:
        voice, cat = (chat.take_in(store, one.path, one.path.name) for one in EXAMPLES[:2])
        id = store.start().id
        store.ask(id, (voice, "What is <b>said</b>? </script> 狗"))
        first = store.begin(id, model="earshot-mini")
        store.finish(first.id, "**Two** words <|0.50|> from here <|1.20|>, then <|2.00|>", "done")
        store.ask(id, (cat, voice, "And these two?"))
        store.finish(store.begin(id).id, "No.", FAILED, "It was too long.")
        store.ask(id, (cat, "These, edited"), after=first.id)
        last = store.begin(id)
        store.finish(last.id, "A cat\n\n- <i>one</i>\n- [there](https://example.com)", "done")
        store.rate(last.id, False, "It was a lion.")
        heard = Note(
            start=0.0,
            end=voice.seconds,
            reader="mini",
            text="Thank you",
            words=(Word(0.2, 0.6, "Thank", 0.9), Word(0.7, 1.0, "you", 0.2)),
            labels=(Label(LANGUAGE, "en", 0.9),),
        )
        store.notes.keep([WindowNotes(voice.digest, 0.0, voice.seconds, "mini", as_json([heard]))])
        store.rename(id, "Cats & <lions>"), store.tag(id, ["zoo"]), store.pin(id)
        yield store, id


@pytest.fixture(scope="module")
def file(talk, tmp_path_factory):
    store, id = talk
    written = io.BytesIO()
    looks = webpage.looks(LANGUAGES["de"], chat.Recall(store).clip)
    transfer.export(store, [id], written, "html", looks=looks)
    path = tmp_path_factory.mktemp("file") / "talk.html"
    path.write_bytes(written.getvalue())
    return path


def test_the_file_comes_back_equal(talk, file, tmp_path):
    store, id = talk
    with Store(tmp_path) as other:
        taken = transfer.take(other, file, chat.check)
        (copy,) = taken.conversations
        assert taken.missing == ()
        assert bundle.document([other.whole(copy.id)]) == bundle.document([store.whole(id)])
        assert set(other.clips.digests()) == set(store.clips.digests())
        for digest in store.clips.digests():
            assert other.clips.path(digest).read_bytes() == store.clips.path(digest).read_bytes()


def test_a_picture_is_as_wide_as_its_sound_and_whole():
    shades = overview(decode(EXAMPLES[0].path))
    assert shades.shape[0] == 80 and 100 < shades.shape[1] <= 1000 and shades.max() == 255
    rows = [bytes([0, 255]), bytes([7, 9])]
    made = png(rows)
    assert made[16:24] == b"\0\0\0\2\0\0\0\2"
    packed = made[made.index(b"IDAT") + 4 : made.index(b"IEND") - 8]
    assert zlib.decompress(packed) == b"\0" + rows[0] + b"\0" + rows[1]


def test_a_sound_that_cannot_be_read_has_no_picture_and_stops_no_file(talk, tmp_path):
    store, _ = talk
    with Store(tmp_path) as broken:
        broken.keep("f" * 32, 1.0, b"fLaC nonsense")
        id = broken.start().id
        broken.ask(id, (broken.clip("f" * 32, "x.wav"), "?"))
        out = io.BytesIO()
        looks = webpage.looks(LANGUAGES["en"], chat.Recall(broken).clip)
        transfer.export(broken, [id], out, "html", looks=looks)
    assert b'data-wave=""' in out.getvalue() and b"image/png" not in out.getvalue()


def until(page, condition):
    """Waits in the page: Playwright's own way is forbidden by its policy."""
    look = f"const look = () => ({condition}) ? done() : requestAnimationFrame(look); look();"
    page.evaluate(f"() => new Promise(done => {{ {look} }})")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH")
def test_the_file_is_read_and_heard_without_a_network(chromium, file):
    expect = pytest.importorskip("playwright.sync_api").expect
    context = chromium.new_context(offline=True, color_scheme="dark")
    context.set_default_timeout(SECONDS)
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    expect(page.locator("h1")).to_have_text("Cats & <lions>")
    expect(page.locator("article").first).to_contain_text("What is <b>said</b>? </script> 狗")
    expect(page.locator("figure.live")).to_have_count(2)
    page.click("figure.live .play >> nth=0")
    until(page, "document.querySelector('audio').currentTime > 0.2")
    page.click("button.mark:has-text('2.00 s')")
    until(page, "document.querySelector('audio').currentTime >= 2")
    page.click("button.mark:has-text('0.50 s')")
    until(page, "document.querySelector('audio').paused")
    assert abs(page.evaluate("document.querySelector('audio').currentTime") - 1.2) < 0.1
    fold = page.locator("details.heard")
    expect(fold).to_have_count(1)  # the sound comes once, and what was heard of it
    fold.locator("summary").click()
    expect(fold.locator(".doubtful")).to_have_text("you")
    expect(fold).to_contain_text("Englisch")
    fold.locator("span:text-is('Thank')").click()
    until(page, "document.querySelector('audio').paused")
    assert abs(page.evaluate("document.querySelector('audio').currentTime") - 0.6) < 0.1
    page.click("summary >> nth=0")
    until(page, "document.querySelector('details img').naturalWidth > 100")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert said == []
    context.close()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH")
def test_the_file_is_read_and_heard_without_its_script(chromium, file):
    expect = pytest.importorskip("playwright.sync_api").expect
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.locator("audio").first).to_be_visible()
    expect(page.locator("audio").first).to_have_attribute("controls", "")
    expect(page.locator("main")).to_contain_text("It was a lion.")
    context.close()
