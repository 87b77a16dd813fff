"""Nothing serious in the way of people who cannot see, or not well: axe-core's audit in a real
browser. axe-core comes from npm when the tests run; without npm or a network they are skipped."""

import shutil
import subprocess
import tarfile

import pytest

from tests.app.conftest import CHROMIUM, Server
from tests.app.test_browser import expect, newest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium in PATH"),
    pytest.mark.skipif(not shutil.which("npm"), reason="no npm to fetch axe-core with"),
]
VERSION = "4.10.3"


@pytest.fixture(scope="module")
def axe(request):
    folder = request.config.cache.mkdir("axe-core")
    script = folder / f"axe-{VERSION}.js"
    if not script.exists():
        command = [shutil.which("npm"), "pack", f"axe-core@{VERSION}", "--silent"]
        try:
            fetched = subprocess.run(command, cwd=folder, capture_output=True, timeout=90)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not answer")
        if fetched.returncode:
            pytest.skip("axe-core could not be fetched")
        with tarfile.open(folder / f"axe-core-{VERSION}.tgz") as package:
            script.write_bytes(package.extractfile("package/axe.min.js").read())
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("data"), "--model", "parrot")
    yield server
    server.close()


def findings(page, axe):
    if not page.evaluate("!!window.axe"):
        page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (one["id"], node["target"], node["failureSummary"])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_serious_finding_anywhere(page, axe, look):
    page.emulate_media(color_scheme=look, reduced_motion="reduce")
    assert findings(page, axe) == []
    page.click('.example[data-example="speech"]')
    newest(page, "done")
    expect(page.locator("#list a[aria-current]")).to_be_visible()
    page.click("#brand .new")
    page.click('.example[data-example="speech"]')
    newest(page, "done")
    assert findings(page, axe) == []
    page.fill(".find", "hear")
    page.wait_for_selector("#list mark")
    page.hover("#list .item")
    page.click("#list .more")
    assert findings(page, axe) == []
    page.keyboard.press("Escape")
    sheets = {"#foot .settings": "#settings", "#foot .help": "#keys", "#bar .about": "#model"}
    sheets |= {"#foot .share": "#sharing"}
    for opener, sheet in sheets.items():
        page.click(opener)
        expect(page.locator(sheet)).to_be_visible()
        if sheet == "#model":
            page.click("#model summary")
            expect(page.locator("#model .findings .has").first).to_be_visible()
        assert findings(page, axe) == []
        page.keyboard.press("Escape")
    page.fill(".find", "")
    page.click("#newest .tool.share")
    page.click("#share .save")
    expect(page.locator("#share .made")).to_be_visible()
    assert findings(page, axe) == []
    link = page.input_value("#share .made input")
    page.click("#share .all")
    expect(page.locator("#links li").first).to_be_visible()
    assert findings(page, axe) == []
    page.keyboard.press("Escape")
    page.click("#bar .tune")
    page.click("#tune summary")
    assert findings(page, axe) == []
    page.goto(link)
    expect(page.locator("figure.live")).to_be_visible()
    assert findings(page, axe) == []
