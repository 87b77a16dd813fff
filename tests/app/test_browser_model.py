"""The model is changed on the page, with Earshot-mini, a copy of it and one that is damaged."""

import json

import pytest

from model.machine import PACKAGED
from tests.app.conftest import CHROMIUM, Server
from tests.app.test_access import axe, findings  # noqa: F401 a fixture
from tests.app.test_browser import expect, newest, send

pytestmark = [
    pytest.mark.browser,
    pytest.mark.mini,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
    pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets"),
]
LONG = 180_000  # ms for a model to come, on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    for name, left_out in (("second-mini", ()), ("damaged-mini", ("tokenizer.json",))):
        folder = data / "models" / name
        folder.mkdir(parents=True)
        for file in PACKAGED.iterdir():
            if file.name not in ("config.json", *left_out):
                (folder / file.name).symlink_to(file)
        config = json.loads((PACKAGED / "config.json").read_text()) | {"title": name}
        (folder / "config.json").write_text(json.dumps(config))
    server = Server(data)
    yield server
    server.close()


def answering(page):
    return page.locator("#bar .about span")


def row(page, name):
    return page.locator("#model .models li", has_text=name)


def test_another_model_goes_on_with_the_conversation_and_one_that_is_damaged_does_not(page):
    other = page.context.new_page()
    other.goto(page.url)
    expect(answering(page)).to_have_text("Earshot-mini")
    send(page, "What do you hear?")
    page.wait_for_selector('#newest [data-status="done"]', timeout=LONG)
    expect(page.locator("#newest .by")).to_have_attribute("data-by", "Earshot-mini")
    page.fill("#composer textarea", "And what else?")

    page.click("#bar .about")
    expect(page.locator("#model .loaded")).to_contain_text("8,192 positions")
    expect(row(page, "Earshot-mini").locator(".used")).to_be_visible()
    row(page, "second-mini").locator(".use").click()
    expect(page.locator("#model .wait")).to_contain_text("is kept")
    expect(row(page, "second-mini").locator(".used")).to_be_visible(timeout=LONG)
    expect(page.locator("#model .loaded")).to_contain_text("second-mini answers here")
    row(page, "damaged-mini").locator(".use").click()
    why = page.locator("#model .wait.trouble")
    expect(why).to_contain_text("damaged-mini could not be loaded, so second-mini", timeout=LONG)
    expect(why).to_contain_text("tokenizer")
    page.keyboard.press("Escape")

    expect(answering(page)).to_have_text("second-mini")
    expect(answering(other)).to_have_text("second-mini")
    expect(page.locator("#composer textarea")).to_have_value("And what else?")
    page.press("#composer textarea", "Enter")
    expect(page.locator('#newest [data-by="second-mini"]')).to_be_visible(timeout=LONG)
    assert page.locator("#shown .by").first.get_attribute("data-by") == "Earshot-mini"


def test_the_first_time_the_page_says_what_this_machine_can_hold(page, axe):  # noqa: F811
    welcome = page.locator(".welcome")
    expect(welcome).to_contain_text("Qwen-Audio-Chat hears speech, sounds and music")
    assert findings(page, axe) == []
    welcome.locator(".more").click()
    expect(page.locator("#model .offer .why")).to_contain_text("Qwen-Audio-Chat")
    page.keyboard.press("Escape")
    welcome.locator(".away").click()
    expect(welcome).to_have_count(0)
    page.reload()
    expect(answering(page)).not_to_be_empty()
    send(page, "Hello?")
    assert newest(page, "done") is not None
    page.click("#brand .new")
    expect(page.locator(".turns.empty .ask").first).to_be_visible()
    expect(welcome).to_have_count(0)
