"""Two guests and the owner, each in a browser of their own: nobody sees anything of another's, the
page hides what guests may not do, and what they left can be deleted."""

import re
from types import SimpleNamespace

import pytest

from tests.app.conftest import CHROMIUM, NAMES, SECONDS, Server
from tests.app.test_browser import choose, expect, newest, send

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason=f"no Chromium: none of {', '.join(NAMES)} is in PATH"),
]
PASSWORD = "seven quiet owls"
POLICY = "upload = false\nsampling = false\nmessages_an_hour = 3\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Shared with the network."""
    data = tmp_path_factory.mktemp("data")
    (data / "guests.toml").write_text(POLICY)
    server = Server(data, "--model", "parrot", "--share", "lan", "--password", PASSWORD)
    yield server
    server.close()


@pytest.fixture(scope="module")
def address(server):
    """Where guests come in."""
    for line in server.process.stdout:
        if found := re.search(r"https?://(?!127\.)\S+:(\d+)/", line):
            return f"http://127.0.0.1:{found[1]}/"


@pytest.fixture
def came(chromium, address):
    """Another browser, at the login page."""
    contexts = []

    def come(**how):
        contexts.append(chromium.new_context(**how))
        contexts[-1].set_default_timeout(SECONDS)
        page = contexts[-1].new_page()
        page.goto(address)
        return page

    yield come
    for context in contexts:
        context.close()


def get(page, path):
    """One of the addresses, as this browser."""
    return page.request.get(page.url.split("?")[0] + path)


def enter(page, name, password=PASSWORD):
    page.fill("[name=password]", password)
    page.fill("[name=name]", name)
    page.click("button")


def asked(page, example, text):
    """A conversation about an example, answered: what could be asked for from elsewhere."""
    page.click(f'.example[data-example="{example}"]')
    newest(page, "done")
    send(page, text)
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text)
    newest(page, "done")
    digest = page.get_attribute("#shown figure.clip", "data-digest")
    return SimpleNamespace(id=page.url.split("?c=")[1], digest=digest, text=text)


def test_guests_see_nothing_of_the_owners_or_of_each_other(page, server, came):
    mine = asked(page, "speech", "a secret of the owner")
    ada = came(locale="de-DE", viewport={"width": 390, "height": 800})
    expect(ada.locator("h1")).to_have_text("Herein")
    assert ada.evaluate("document.documentElement.scrollWidth") <= 390
    enter(ada, "Ada", "ten blackbirds")
    expect(ada.locator("[role=alert]")).to_contain_text("Das ist nicht das Passwort")
    enter(ada, "Ada")
    ada.wait_for_selector(".turns.empty")
    adas = asked(ada, "announcement", "a secret of Ada")
    eve = came()
    enter(eve, "Eve")
    eve.wait_for_selector(".turns.empty")
    before = get(eve, "earshot/alive").json()["changed"]
    eves = asked(eve, "conference", "a secret of Eve")
    assert get(eve, "earshot/alive").json()["changed"] > before

    of = {page: mine, ada: adas, eve: eves}
    for browser, own in of.items():
        changed = get(browser, "earshot/alive").json()["changed"]
        for one in of.values():
            status = 200 if one is own else 404
            for path in (
                f"earshot/clips/{one.digest}",
                f"earshot/peaks/{one.digest}",
                f"earshot/spectrum/{one.digest}",
                f"earshot/export/{one.id}?form=json",
            ):
                assert get(browser, path).status == status, (path, own.text)
        assert get(browser, "earshot/alive").json()["changed"] == changed
    for browser in (eve, page):
        browser.fill(".find", "secret")
        expect(browser.locator("#list mark")).to_have_count(1)
        expect(browser.locator("#list .item")).to_have_count(1)
        browser.fill(".find", "Ada")
        expect(browser.locator("#list .none")).to_be_visible()
        browser.fill(".find", "")
    eve.goto(eve.url.split("?")[0] + f"?c={adas.id}")
    expect(eve.locator(".turns .note")).to_contain_text("not stored here")
    stranger = came()
    for path in ("config", f"earshot/clips/{adas.digest}", "gradio_api/file=/etc/passwd", "info"):
        assert get(stranger, path).status == 401, path


def test_a_guests_page_hides_what_guests_may_not_do_and_the_server_refuses_it(came):
    guest = came(permissions=["microphone"])
    enter(guest, "Bob")
    guest.wait_for_selector(".turns.empty")
    expect(guest.locator(".composer .record")).to_be_visible()
    for hidden in (".composer .attach", "#foot .import", "#foot .share", ".composer .host"):
        expect(guest.locator(hidden)).to_be_hidden()
    guest.click("#bar .about")
    expect(guest.locator("#model .loaded")).not_to_be_empty()
    expect(guest.locator("#model .refused")).to_be_hidden()
    for hidden in ("#model .models", "#model details"):
        expect(guest.locator(hidden)).to_be_hidden()
    guest.keyboard.press("Escape")
    guest.click("#bar .tune")
    expect(guest.locator("#tune [name=system]")).to_be_visible()
    expect(guest.locator("#tune summary")).to_be_hidden()
    guest.keyboard.press("Escape")
    guest.click("#foot .settings")
    expect(guest.locator("#settings .visit p").first).to_contain_text("0 of 60 minutes")
    for hidden in ("#settings .guests", "#settings .model button", "#settings .host"):
        expect(guest.locator(hidden)).to_be_hidden()
    guest.keyboard.press("Escape")
    home = guest.url.split("?")[0]
    refused = guest.request.post(
        f"{home}earshot/clips?name=a.wav", data=b"RIFF", headers={"x-earshot": "page"}
    )
    assert refused.status == 422 and "may not attach files" in refused.json()["sentence"]
    for n in range(3):
        send(guest, f"question {n}")
        guest.wait_for_function("n => document.body.innerText.includes(`question ${n}`)", arg=n)
        newest(guest, "done")
    send(guest, "one too many")
    expect(guest.locator(".composer .trouble")).to_contain_text("3 messages an hour")
    expect(guest.locator(".composer textarea")).to_have_value("one too many")


def test_the_owner_deletes_what_a_guest_left_and_a_guest_does_it_alone(page, server, came):
    cleo, dan, fay = came(), came(), came()
    for guest, name in ((cleo, "Cleo"), (dan, "Dan"), (fay, "Fay")):
        enter(guest, name)
        guest.wait_for_selector(".turns.empty")
        send(guest, f"hello from {name}")
        newest(guest, "done")
    choose(dan, "Delete")
    page.click("#foot .settings")
    page.click("#settings .guests")
    row = page.locator("#guests li", has_text="Cleo")
    expect(row).to_contain_text("minutes of sound")
    n = page.locator("#guests li").count()
    row.locator("button").click()
    expect(row.locator("button")).to_have_text("Press again to delete")
    row.locator("button").click()
    expect(page.locator("#guests li")).to_have_count(n - 1)
    expect(row).to_have_count(0)
    cleo.reload()
    expect(cleo.locator("[name=password]")).to_be_visible()

    dan.click("#foot .settings")
    dan.click("#settings .go")
    dan.click("#settings .go")
    expect(dan.locator("[name=password]")).to_be_visible()
    page.keyboard.press("Escape")
    page.click("#foot .settings")
    page.click("#settings .guests")
    expect(page.locator("#guests li", has_text="Dan")).to_have_count(0)
    page.click("#guests .wipe")
    page.click("#guests .wipe")
    expect(page.locator("#guests .none")).to_be_visible()
    assert [one.name for one in (server.data / "guests").iterdir() if one.is_dir()] == []
    page.keyboard.press("Escape")
    send(page, "the owner goes on")
    assert "goes on" in newest(page, "done")
