"""One conversation shared from the page: another browser opens its link, and nothing else; then it
is revoked."""

from urllib.parse import urlsplit

import pytest

from tests.app.conftest import CHROMIUM, NAMES, SECONDS, Server
from tests.app.test_browser import choose, expect, newest, send
from tests.app.test_webpage import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]
PASSWORD = "nine blackbirds"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a parrot that answers at once, shared with the network."""
    words = ("--model", "parrot", "--share", "lan", "--password", PASSWORD)
    server = Server(tmp_path_factory.mktemp("data"), *words)
    yield server
    server.close()


@pytest.fixture
def guest(chromium):
    context = chromium.new_context()
    context.set_default_timeout(SECONDS)
    yield context.new_page()
    context.close()


def shared(page):
    """The link that the open sheet makes."""
    page.click("#share .save")
    expect(page.locator("#share .made input")).to_be_visible()
    return page.input_value("#share .made input")


def test_a_link_opens_elsewhere_shows_nothing_else_and_is_revoked(page, guest):
    send(page, "a secret of another conversation")
    newest(page, "done")
    private = page.url.split("?c=")[1]
    page.click("#brand .new")
    page.wait_for_selector(".turns.empty")
    page.click('.example[data-example="speech"]')
    newest(page, "done")
    digest = page.get_attribute("#shown figure.clip", "data-digest")
    choose(page, "Share")
    expect(page.locator("#share .state")).to_contain_text("while Earshot runs and is shared")
    page.check("#share [name=may_continue]")
    link = shared(page)
    home = "{0.scheme}://{0.netloc}/".format(urlsplit(link))
    assert urlsplit(link).port != urlsplit(page.url).port, "the port for those from elsewhere"

    assert guest.goto(link).status == 200
    expect(guest.locator("article.user")).to_contain_text("What does the person say")
    guest.click(".play")
    until(guest, "document.querySelector('audio').currentTime > 0.2")
    guest.click("summary")
    until(guest, "document.querySelector('details img').naturalWidth > 100")
    for address in (
        f"earshot/clips/{digest}",
        f"earshot/export/{private}",
        "config",
        "gradio_api/info",
    ):
        assert guest.request.get(home + address).status == 401, address
    assert guest.request.get(link[:-1] + "x").status == 404
    guest.click("button.continue")
    expect(guest.locator("a.login")).to_be_visible()

    guest.goto(home)
    guest.fill("input[type=password]", PASSWORD)
    guest.keyboard.press("Enter")
    guest.wait_for_selector(".turns.empty")
    expect(guest.locator("#list .item")).to_have_count(0)
    assert guest.request.get(f"{home}earshot/export/{private}").status == 404
    guest.goto(link)
    guest.click("button.continue")
    guest.wait_for_url("**/?c=*")
    expect(guest.locator("#shown .question")).to_contain_text("What does the person say")
    expect(guest.locator("#list .item")).to_have_count(1)

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#share .copies")
    page.wait_for_function("link => navigator.clipboard.readText().then(t => t === link)", arg=link)
    page.click("#share .all")
    row = page.locator("#links li")
    expect(row).to_contain_text("opened 2 times")
    row.locator(".revoke").click()
    expect(row).to_contain_text("closed")
    assert guest.goto(link).status == 404
    expect(guest.locator("h1")).to_have_text("There is nothing here")
    assert guest.request.get(f"{link}/clips/{digest}").status == 404


def test_one_answer_is_shared_from_its_row(page, guest):
    send(page, "first question")
    newest(page, "done")
    send(page, "second question")
    expect(page.locator('#newest [data-status="done"]')).to_contain_text("second")
    page.click("#newest .tool.share")
    expect(page.locator("#share [value=answer]")).to_be_checked()
    guest.goto(shared(page))
    page.evaluate("document.querySelector('#share .close').click()")
    expect(guest.locator("article")).to_have_count(2)
    expect(guest.locator("main")).to_contain_text("second question")
    expect(guest.locator("main")).not_to_contain_text("first question")
    expect(guest.locator("button.continue")).to_have_count(0)
