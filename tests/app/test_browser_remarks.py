"""What the page says of a recording that was read, but not as may be expected."""

import pytest

from tests.app.conftest import CHROMIUM, SECONDS, Server
from tests.app.test_browser_turns import attach
from tests.model.recordings import ffmpeg, voice, wav

expect = pytest.importorskip("playwright.sync_api", reason="no playwright").expect
expect.set_options(timeout=SECONDS)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
THERE, REMARK = ".attached li[data-digest]", ".attached .remark"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


def test_what_is_missing_stands_beside_the_clip(page, tmp_path):
    path = wav(tmp_path / "cut.wav", [voice(1)])
    path.write_bytes(path.read_bytes()[:-48_000])
    attach(page, path)
    expect(page.locator(REMARK)).to_have_text(
        "cut.wav ends after 1.5 s; its header states 3.0 s. What is there was heard."
    )


def test_what_is_missing_is_said_in_the_language_of_the_page(page, tmp_path):
    page.context.add_cookies(
        [{"name": "earshot-language", "value": "de", "url": page.url.rstrip("/")}]
    )
    page.reload()
    path = wav(tmp_path / "cut.wav", [voice(1)])
    path.write_bytes(path.read_bytes()[:-48_000])
    attach(page, path)
    expect(page.locator(REMARK)).to_contain_text("laut Dateikopf wären es 3.0 s")


def test_another_track_can_be_heard_instead(page, tmp_path):
    one, two = (wav(tmp_path / f"{i}.wav", [voice(i)]) for i in (1, 2))
    attach(page, ffmpeg(tmp_path / "x.mka", "-i", one, "-i", two, "-map", 0, "-map", 1))
    digest = page.locator(THERE).get_attribute("data-digest")
    expect(page.locator(REMARK)).to_contain_text("x.mka has 2 sound tracks. Track 1 was heard")
    page.click(".attached .track")
    expect(page.locator(REMARK)).to_contain_text("Track 2 was heard")
    expect(page.locator(".attached .track")).to_have_text("Hear track 1")
    assert page.locator(THERE).get_attribute("data-digest") not in (None, digest)


def test_a_usual_recording_has_no_remark(page, tmp_path):
    attach(page, wav(tmp_path / "x.wav", [voice(1)]))
    expect(page.locator(REMARK)).to_have_count(0)
    expect(page.locator(".attached .track")).to_have_count(0)
