"""Texts that would run a script, wherever the page shows a text: python -m benchmarks.xss

Over 200 of them as titles, names of clips, questions, answers, tags, notes and names of models, in
an imported file; then looked at in headless Chromium: each conversation, the list, what a search
finds, what was deleted, the links, the shared views, and an exported HTML file. Counted are those
that ran, those that only the page's policy stopped, those that loaded something from elsewhere, and
elements that would run something when pressed. That they do run where nothing stops them is tried
first: `live`.
"""

import argparse
import io
import json
import re
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.hostile.xss import AT_ONCE, ELSEWHERE, PAYLOADS, document

PATIENCE = 120_000  # ms, on a busy machine
SETTLE = 300  # ms in which something that was shown may run
WATCH = """
window.alert = window.confirm = window.prompt = () => report("run", 0);
window.xss = n => report("run", n);
document.addEventListener("securitypolicyviolation", event =>
  /script|object|frame|base|form/.test(event.effectiveDirective) &&
    report("stopped", `${event.effectiveDirective} ${event.sample || event.blockedURI}`));
"""
ARMED = r"""() => [...document.querySelectorAll("*")].flatMap(one => [...one.attributes]
  .filter(({ name, value }) => (/^on/i.test(name) && /xss\(/.test(value)) ||
    (/^(href|xlink:href|src|action|formaction|data|srcdoc|to|from|values)$/i.test(name) &&
      /^((javascript|vbscript):|data:(text|image\/svg))/i.test(value.replace(/[\x00-\x20]/g, ""))))
  .map(({ name, value }) => `${one.tagName} ${name}=${value}`))"""
CARELESS = """payloads => { for (const payload of payloads) {
  const frame = document.createElement("iframe");
  frame.srcdoc = payload;
  document.body.append(frame);
} }"""


@dataclass
class Seen:
    """What happened in the browser."""

    run: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    armed: set[str] = field(default_factory=set)
    views: int = 0

    def watch(self, context) -> None:
        context.expose_function("report", lambda kind, what: getattr(self, kind).add(str(what)))
        context.add_init_script(WATCH)
        context.route(re.compile(re.escape(ELSEWHERE)), self._elsewhere)

    def _elsewhere(self, route) -> None:
        self.loaded.add(route.request.url)
        route.abort()

    def look(self, page) -> None:
        """At what a page shows now."""
        page.wait_for_timeout(SETTLE)
        self.armed |= set(page.evaluate(ARMED))
        self.views += 1


def context_of(browser, seen: Seen):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    seen.watch(context)
    return context


def live(browser) -> int:
    """How many payloads do something where nothing stops them."""
    seen = Seen()
    with closing(context_of(browser, seen)) as context:
        page = context.new_page()
        page.goto("about:blank")
        for i in range(0, len(PAYLOADS), 40):
            page.evaluate(CARELESS, PAYLOADS[i : i + 40])
        page.wait_for_timeout(10 * SETTLE)
    asked = {re.search(rf"{re.escape(ELSEWHERE)}/(\d*)", url)[1] for url in seen.loaded}
    return len(seen.run | asked)


def fill(folder: Path) -> tuple[list[str], list[str], Path]:
    """A data folder full of them. The conversations with many each, the secrets of links to them,
    and an HTML file of all."""
    from app import chat, webpage
    from app.examples import EXAMPLES
    from app.i18n import LANGUAGES
    from sessions import transfer
    from sessions.store import Store

    with Store(folder / "data") as store:
        clip = chat.take_in(store, EXAMPLES[1].path, "cat.ogg")
        text = document(clip.digest, clip.seconds)
        kept, deleted = (
            [one.id for one in transfer.take(store, text.encode(), chat.check).conversations]
            for _ in range(2)
        )
        some = -(-len(PAYLOADS) // AT_ONCE)
        links = [store.shares.make(id, may_continue=True) for id in kept]
        file = io.BytesIO()
        looks = webpage.looks(LANGUAGES["en"], chat.Recall(store).clip)
        transfer.export(store, kept, file, "html", looks=looks)
        for id in deleted:
            store.delete(id)
        secrets = [store.shares.secret(link.id) for link in links]
    path = folder / "exported.html"
    path.write_bytes(file.getvalue())
    return kept[:some], secrets[:some], path


def tried(browser, folder: Path, serving) -> Seen:
    """All of it looked at. `serving` gives the address of a server on a data folder."""
    conversations, secrets, file = fill(folder)
    seen = Seen()
    with serving(str(folder / "data")) as address, closing(context_of(browser, seen)) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#list .item")
        listed(page, seen)
        sheets(page, seen)
        for id in conversations:
            page.goto(f"{address}?c={id}")
            page.wait_for_selector(f'#shown [data-conversation="{id}"] article')
            page.wait_for_selector("#newest article")
            page.wait_for_selector("#list .item")
            seen.look(page)
        for secret in secrets:
            page.goto(f"{address}s/{secret}")
            page.wait_for_selector("figure.live")
            seen.look(page)
        page.goto(file.as_uri())
        page.wait_for_selector("figure.live")
        seen.look(page)
    return seen


def listed(page, seen: Seen) -> None:
    """The list to its end, and what a search finds."""
    to_the_end(page)
    seen.look(page)
    page.fill("#brand .find", "xss")
    page.wait_for_selector("#list .item mark")
    to_the_end(page)
    seen.look(page)
    page.fill("#brand .find", "")


def to_the_end(page) -> None:
    while page.locator("#list .older").count():
        n = page.locator("#list .item").count()
        page.evaluate("document.querySelector('#list .older')?.scrollIntoView()")
        more = f"document.querySelectorAll('#list .item').length > {n}"
        page.wait_for_function(f"{more} || !document.querySelector('#list .older')")


def sheets(page, seen: Seen) -> None:
    """What was deleted, the links, and a conversation's tags."""
    page.click("#foot .settings")
    page.click("#settings .binned")
    page.wait_for_selector("#bin li")
    seen.look(page)
    page.keyboard.press("Escape")
    page.click("#foot .settings")
    page.click("#settings .links")
    page.wait_for_selector("#links li")
    seen.look(page)
    page.keyboard.press("Escape")
    page.hover("#list .item >> nth=0")
    page.click("#list .item .more >> nth=0")
    page.click(".popup [role=menuitem] >> nth=2")
    page.wait_for_selector("#tagging[open]")
    seen.look(page)


def main() -> None:
    cli = argparse.ArgumentParser(description="Texts that would run a script, shown everywhere.")
    cli.add_argument("--chromium", help="the browser's program; default: the first in PATH")
    words = cli.parse_args()
    from playwright.sync_api import sync_playwright

    from benchmarks.page import server
    from tests.app.conftest import CHROMIUM

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=words.chromium or CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        alive = live(browser)
        seen = tried(browser, Path(folder), server)
        browser.close()
    found = asdict(seen)
    for kind in ("run", "stopped", "loaded", "armed"):
        for what in sorted(found[kind])[:20]:
            print(f"{kind}: {what}")
    figures = {kind: len(found[kind]) for kind in ("run", "stopped", "loaded", "armed")}
    print(json.dumps({"payloads": len(PAYLOADS), "live": alive, "views": seen.views} | figures))


if __name__ == "__main__":
    main()
