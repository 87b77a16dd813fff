"""This machine's microphone on the page: by someone who sits at it, by a stranger, and by a visitor
whom the owner lets in. Through PortAudio, from a virtual microphone.
"""

import re
import socket
import subprocess
import sys
import wave

import numpy as np
import pytest

from benchmarks.virtual import RATE
from model import audio
from model.machine import PACKAGED
from model.resample import Resampler
from model.spec import SAMPLE_RATE
from tests.app.conftest import CHROMIUM, ROOT, SECONDS, Server
from tests.app.test_browser import expect, newest

SHORT = PACKAGED.parent / "sample" / "vm-theperson.g722"  # two seconds of speech
OPEN = """
import sys
from app.page import serve
from app.wish import LAN, Wish
from model.engine import Parrot
data, port, password, *let_in = sys.argv[1:]
say = lambda text: print(text, flush=True)
serve(Parrot(), data, port=int(port), open_browser=False, microphone_for=let_in,
      wish=Wish(how=LAN, password=password), told=say)
"""

PASSWORD = "open sesame"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
]


@pytest.fixture(scope="module")
def server(virtual, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


@pytest.fixture
def say(virtual, tmp_path):
    heard = Resampler(SAMPLE_RATE, RATE).hear(audio.decode(SHORT).samples)
    path = tmp_path / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((heard * 32768).astype(np.int16).tobytes())
    return lambda: virtual.play(path)


def loud(page):
    page.wait_for_function("Number(document.querySelector('#hosting').dataset.level) > 0.05")


def test_who_sits_here_records_and_sees_it_live(page, say):
    expect(page.locator(".composer .host")).to_be_visible()
    expect(page.locator("#hosting")).to_be_hidden()
    page.click(".composer .host")
    banner = page.locator("#hosting")
    expect(banner).to_contain_text("Earshot’s machine is recording")
    say()
    loud(page)
    expect(banner.locator("time")).to_have_text(re.compile("0:0[2-9]"))
    banner.locator(".finish").click()
    expect(banner).to_be_hidden()
    clip = page.locator(".attached li[data-digest]")
    expect(clip).to_contain_text("Virtual microphone")
    page.click(".send")
    assert re.search(r"heard [2-9]\.\d s", newest(page, "done"))


def test_another_page_sees_that_it_records_and_a_reload_loses_nothing(page, say):
    page.click(".composer .host")
    say()
    loud(page)
    page.reload()
    expect(page.locator("#hosting")).to_be_visible()
    loud_before = page.locator("#hosting time")
    expect(loud_before).to_have_text(re.compile("0:0[2-9]"))
    page.click("#hosting .drop")
    expect(page.locator("#hosting")).to_be_hidden()
    expect(page.locator("#left")).to_be_hidden()


def test_a_question_ends_and_goes_out_by_itself(page, say):
    page.click("#foot .settings")
    page.click("#settings .host summary")
    expect(page.locator("#settings [name=device] option")).to_contain_text(
        ["As the system has it", "Virtual microphone"]
    )
    with page.expect_response("**/earshot/host/choose*"):
        page.select_option("#settings [name=mode_on_page]", "speak")
    page.keyboard.press("Escape")
    page.click(".composer .host")
    expect(page.locator("#hosting time")).to_have_text("Speak …")
    say()
    assert re.search(r"heard [2-9]\.\d s", newest(page, "done"))
    expect(page.locator("#hosting")).to_be_hidden()


def test_what_a_killed_server_was_recording_is_offered(page, server, say):
    page.evaluate("""fetch("earshot/host/choose?mode_on_page=toggle",
        {method: "POST", headers: {"x-earshot": "page"}})""")
    page.reload()
    page.click(".composer .host")
    say()
    loud(page)
    expect(page.locator("#hosting time")).to_have_text(re.compile("0:0[2-9]"))
    server.kill()
    server.start()
    page.goto(f"http://127.0.0.1:{server.port}/")
    expect(page.locator("#left")).to_contain_text(re.compile("A recording of 0:0[2-9] from"))
    page.click("#left .keep")
    expect(page.locator(".attached li[data-digest]")).to_contain_text("Virtual microphone")
    expect(page.locator("#left")).to_be_hidden()


def address():
    """Of this machine, as others see it; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return probe.getsockname()[0]


@pytest.fixture
def visit(chromium, virtual, tmp_path):
    """A page as a visitor from the network opens it."""
    here = address()
    if not here or here.startswith("127."):
        pytest.skip("this machine has no address for others")
    opened = []

    def visit(*let_in):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-c", OPEN, str(tmp_path / "data"), str(port), PASSWORD, *let_in]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        opened.append(process)
        told = next(line for line in process.stdout if "visitors: http" in line)
        page = chromium.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(told.split()[-1])
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        page.wait_for_selector(".turns.empty")
        return page

    yield visit
    for process in opened:
        process.kill()
        process.wait()


START = """fetch("earshot/host/start", {method: "POST", headers: {"x-earshot": "page"}})
.then(async answer => [answer.status, (await answer.json()).sentence])"""


def test_a_visitor_from_elsewhere_is_refused(visit):
    page = visit()
    status, sentence = page.evaluate(START)
    assert status == 403 and "visitors who sit at it" in sentence
    assert page.evaluate("fetch('earshot/host').then(a => a.json())") == {"allowed": False}
    assert page.evaluate("fetch('earshot/host/level').then(a => a.status)") == 403
    expect(page.locator(".composer .host")).to_be_hidden()


def test_a_visitor_whom_the_owner_lets_in_records(visit, say):
    page = visit(address())  # over plain http, where a browser refuses its own microphone
    assert page.evaluate("navigator.mediaDevices === undefined")
    page.click(".composer .host")
    say()
    loud(page)
    page.click("#hosting .finish")
    expect(page.locator(".attached li[data-digest]")).to_be_visible()
