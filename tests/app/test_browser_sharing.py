"""The page shared, in real browsers: an owner at the machine, and a guest with a phone who comes by
the port for visitors. The tunnel is a stand-in (frp.py)."""

import contextlib
import os
import re
from urllib.parse import urlsplit

import pytest

from app import network, tunnel, wish
from tests.app import frp
from tests.app.conftest import CHROMIUM, SECONDS, Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]
PASSWORD = "open sesame"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PATIENCE = 3 * SECONDS  # two pages, a server and a tunnel on one machine


@contextlib.contextmanager
def environment(**values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    yield
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Not shared yet; its links lead through a server of ours."""
    folder = tmp_path_factory.mktemp("frp")
    with contextlib.closing(frp.Frps()) as frps:
        with environment(**{tunnel.PROGRAM: str(frp.program(folder))}):
            words = ("--share", "none", "--share-server", f"127.0.0.1:{frps.port}")
            server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot", *words)
        server.frps = frps
        yield server
        server.close()


@pytest.fixture
def guest(chromium):
    context = chromium.new_context(**PHONE)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def enter(guest, address, password):
    guest.goto(address)
    guest.fill("[name=password]", password)
    guest.fill("[name=name]", "Ada")
    guest.tap("button")
    guest.wait_for_selector(".turns.empty")


def say(page, words):
    page.fill(".composer textarea", words)
    page.click(".composer .send")


def test_an_owner_shares_a_guest_comes_and_it_ends(page, guest):
    from playwright.sync_api import expect

    privacy = page.locator("#settings .private")
    expect(privacy).to_have_text(re.compile("^Everything stays on this machine"))
    say(page, "mine alone")
    expect(page.locator("#newest")).to_contain_text("mine alone", timeout=PATIENCE)
    page.click("#foot .share")
    expect(page.locator("#sharing .rules")).to_contain_text("10 minutes each")
    page.click("#sharing .begin.link")
    expect(page.locator("#sharing .on")).to_be_visible(timeout=PATIENCE)
    expect(privacy).to_have_text(re.compile("^Earshot is shared at the moment"))
    expect(page.locator("#sharing .qr")).to_be_visible()
    expect(page.locator("#sharing .password code")).to_be_empty()
    page.click("#sharing .reveal")
    expect(page.locator("#sharing .password code")).to_have_text(re.compile(r"^\w{4}(-\w{4}){2}$"))
    address = page.locator("#sharing .where a").get_attribute("href")
    password = page.locator("#sharing .password code").text_content()

    guest.goto(address)
    guest.fill("[name=password]", "a wrong one")
    guest.tap("button")
    expect(guest.locator("[role=alert]")).to_be_visible(timeout=PATIENCE)
    enter(guest, address, password)
    expect(guest.locator("#foot .share")).to_be_hidden()
    assert guest.evaluate("document.documentElement.scrollWidth") <= 390
    say(guest, "a guest asks")
    expect(guest.locator("#newest")).to_contain_text("a guest asks", timeout=PATIENCE)
    assert "mine alone" not in guest.content()
    told = guest.locator("#settings .private")
    expect(told).to_have_text(re.compile("is kept on the owner’s machine"), timeout=PATIENCE)
    expect(page.locator("#sharing .guests")).to_have_text("One visitor is on.", timeout=PATIENCE)
    expect(page.locator("#bar .chip")).to_have_text("Shared · 1 on")

    page.keyboard.press("Escape")
    page.click("#bar .chip")
    page.click("#sharing .end")
    expect(page.locator("#sharing .off")).to_be_visible(timeout=PATIENCE)
    expect(guest.locator("h1")).to_have_text("This is not shared any more", timeout=PATIENCE)
    expect(page.locator("#bar .chip")).to_be_hidden()
    expect(privacy).to_have_text(re.compile("^Everything stays on this machine"))
    page.keyboard.press("Escape")
    say(page, "still here")
    expect(page.locator("#newest")).to_contain_text("still here", timeout=PATIENCE)


def test_it_ends_when_the_owner_says_and_a_broken_tunnel_is_told(page, server):
    from playwright.sync_api import expect

    page.click("#foot .share")
    expect(page.locator("#sharing select")).to_have_value("0")
    page.select_option("#sharing select", "2")
    page.click("#sharing .begin.link")
    expect(page.locator("#sharing .until")).to_contain_text("It ends at", timeout=PATIENCE)
    server.frps.close()
    expect(page.locator("#sharing .trouble")).to_contain_text("Share again", timeout=PATIENCE)
    expect(page.locator("#sharing .off")).to_be_visible()
    page.click("#sharing .begin.link")
    expect(page.locator("#sharing .trouble")).to_contain_text("refuses", timeout=PATIENCE)


@pytest.mark.parametrize("https", [False, True])
def test_over_https_a_phone_on_the_network_may_record(chromium, tmp_path, https):
    if not (names := network.names()):
        pytest.skip("this machine has no name that others could call it by")
    name = names[0]
    words = ("--model", "parrot", "--share", "lan", *(["--https"] if https else []))
    with environment(**{wish.PASSWORD: PASSWORD}):
        server = Server(tmp_path, *words)
    told = next(line for line in server.process.stdout if "Address" in line)
    url = urlsplit(told.split()[-1])
    flags = [f"--host-resolver-rules=MAP {name} 127.0.0.1", "--no-sandbox", "--disable-gpu"]
    flags += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    phone = chromium.browser_type.launch(executable_path=CHROMIUM, args=flags)
    try:
        context = phone.new_context(**PHONE, ignore_https_errors=True, permissions=["microphone"])
        context.set_default_timeout(PATIENCE)
        guest = context.new_page()
        enter(guest, f"{url.scheme}://{name}:{url.port}/", PASSWORD)
        assert guest.evaluate("!!navigator.mediaDevices") is https
        cookie = next(one for one in context.cookies() if one["name"] == "earshot-guest")
        assert cookie["secure"] is https and cookie["httpOnly"]
        if https:
            heard = "navigator.mediaDevices.getUserMedia({ audio: true }).then(() => true)"
            assert guest.evaluate(heard)
    finally:
        phone.close()
        server.close()
