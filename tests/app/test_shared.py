"""Whoever has a link sees what it shows, and nothing else; without one, nothing."""

import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import chat, links, shared, visitors, web
from app.door import Entered, Entrance, Gate
from app.examples import EXAMPLES
from app.i18n import LANGUAGES
from app.places import Place
from app.visitors import Visitor
from sessions.store import Store


class Talks:
    """What a place has besides its store, as far as it matters here."""

    def __init__(self, store):
        self.recall = chat.Recall(store)


class Rooms:
    """The owner's place, and one guest's."""

    def __init__(self, folder):
        self.owner, self.guest = (
            Place(id, store, Talks(store))
            for id, store in (("", Store(folder)), ("g", Store(folder / "guests" / "g")))
        )

    async def at(self, request):
        return self.guest if visitors.of(request).is_guest else self.owner


class Come:
    """Stands for the door: whoever comes is this visitor, or a stranger."""

    def __init__(self, app, who):
        self._app, self._who = app, who

    async def __call__(self, scope, receive, send):
        who = {visitors.KEY: self._who} if self._who else {}
        await self._app(scope | who, receive, send)


@pytest.fixture
def rooms(tmp_path):
    rooms = Rooms(tmp_path)
    yield rooms
    rooms.guest.store.close(), rooms.owner.store.close()


@pytest.fixture
def come(rooms):
    app = Starlette(routes=shared.routes(rooms, shared.Wrong(most=5)))

    def come(who=None):
        return TestClient(web.AtHome(Come(app, who)), headers={"accept-language": "en"})

    return come


@pytest.fixture
def store(rooms):
    return rooms.owner.store


def heard(store, example, question, answer):
    clip = chat.take_in(store, example.path, example.path.name)
    id = store.start().id
    store.ask(id, (clip, question))
    store.finish(store.begin(id).id, answer, "done")
    return id, clip


@pytest.fixture
def talk(store):
    id, clip = heard(store, EXAMPLES[0], "What does <b>she</b> say?", "A word <|0.50|> or two")
    answer = store.turns(id)[-1]
    store.rate(answer.id, False, "a private note")
    return id, clip


@pytest.fixture
def secret(store, talk):
    return store.shares.secret(store.shares.make(talk[0], may_continue=True).id)


def test_the_page_shows_the_conversation_and_tells_nobody_of_it(come, secret):
    given = come().get(f"/s/{secret}")
    assert given.status_code == 200
    assert "What does &lt;b&gt;she&lt;/b&gt; say?" in given.text and "0.50 s" in given.text
    assert "a private note" not in given.text and 'class="continue"' in given.text
    headers = given.headers
    assert headers["cache-control"] == "no-store" and "noindex" in headers["x-robots-tag"]
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["frame-ancestors"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]+'", rules["script-src"])
    assert "unsafe" not in policy


def test_its_sounds_come_by_the_link_in_parts_too_and_no_others_do(come, store, secret, talk):
    _, clip = talk
    _, other = heard(store, EXAMPLES[1], "Somebody else's?", "Yes")
    whole = come().get(f"/s/{secret}/clips/{clip.digest}")
    assert whole.content == store.clips.path(clip.digest).read_bytes()
    part = come().get(f"/s/{secret}/clips/{clip.digest}", headers={"range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert len(come().get(f"/s/{secret}/peaks/{clip.digest}").content) == 400
    picture = come().get(f"/s/{secret}/spectrum/{clip.digest}")
    assert picture.content.startswith(b"\x89PNG") and picture.headers["content-type"] == "image/png"
    for what in ("clips", "peaks", "spectrum"):
        for digest in (other.digest, "f" * 32, "..%2f..%2fearshot.db", "x"):
            assert come().get(f"/s/{secret}/{what}/{digest}").status_code == 404, (what, digest)


def test_revoked_expired_and_unknown_links_get_the_same_page(come, store, talk, monkeypatch):
    revoked, brief = store.shares.make(talk[0]), store.shares.make(talk[0], seconds=60)
    secrets = [store.shares.secret(one.id) for one in (revoked, brief)]
    assert [come().get(f"/s/{secret}").status_code for secret in secrets] == [200, 200]
    store.shares.revoke(revoked.id)
    monkeypatch.setattr("sessions.shares.time.time", lambda: brief.created + 61)
    tries = [come().get(f"/s/{secret}") for secret in (*secrets, "x" * 28)]
    tries.append(come().get(f"/s/{secrets[0]}/clips/{talk[1].digest}"))
    tries.append(come().post(f"/s/{secrets[0]}/continue", headers={"x-earshot": "page"}))
    assert {given.status_code for given in tries} == {404}
    assert len({given.text for given in tries}) == 1
    assert "leads nowhere" in tries[0].text and talk[1].digest not in tries[0].text
    german = come().get("/s/nothing/at/all", headers={"accept-language": "de"})
    assert german.status_code == 404 and "nirgendwohin" in german.text


def test_wrong_links_are_bounded_and_right_ones_open_all_the_same(come, store, secret, talk):
    browser = come()
    assert browser.get(f"/s/{secret}").status_code == 200
    tries = [browser.get(f"/s/{i:028}").status_code for i in range(8)]
    assert tries == [404] * 5 + [429] * 3
    assert browser.get(f"/s/{secret}").status_code == 200
    unknown = store.shares.secret(store.shares.make(talk[0]).id)
    assert browser.get(f"/s/{unknown}").status_code == 429, "not looked at, right or wrong"
    assert "try again in a minute" in browser.get("/s/wrong").text


def test_visits_of_others_are_counted(come, store, secret, talk):
    come().get(f"/s/{secret}"), come(Visitor("g")).get(f"/s/{secret}")
    come(visitors.OWNER).get(f"/s/{secret}"), come().head(f"/s/{secret}")
    come().get(f"/s/{secret}/clips/{talk[1].digest}")
    (link,) = store.shares.all()
    assert link.visits == 2


def test_a_guest_goes_on_in_a_copy_and_a_stranger_is_asked_for_the_password(come, rooms, secret):
    address, page = f"/s/{secret}/continue", {"x-earshot": "page"}
    stranger = come().post(address, headers=page)
    assert (stranger.status_code, stranger.json()) == (401, {"login": True})
    guest = come(Visitor("g"))
    assert guest.post(address).status_code == 403, "another site's page cannot send the header"
    id = guest.post(address, headers=page).json()["conversation"]
    copy = rooms.guest.store.turns(id)
    assert copy[1].text == "A word <|0.50|> or two" and copy[1].note == ""
    assert rooms.guest.store.clip(copy[0].clips[0].digest)
    assert len(rooms.owner.store.conversations()) == 1


def test_a_link_for_reading_makes_no_copy(come, store, talk):
    secret = store.shares.secret(store.shares.make(talk[0]).id)
    assert 'class="continue"' not in come().get(f"/s/{secret}").text
    refused = come(Visitor("g")).post(f"/s/{secret}/continue", headers={"x-earshot": "page"})
    assert refused.status_code == 403 and "for reading only" in refused.json()["sentence"]


def test_a_stranger_comes_by_the_link_to_nothing_else(rooms, secret):
    gate, there = Gate(), [Route("/earshot/clips/{digest}", lambda request: 1 / 0)]
    app = Starlette(routes=[*shared.routes(rooms), *there], middleware=web.middleware(gate))
    app = Entered(app, Entrance(may_be_owner=False, hosts=("box",)))
    elsewhere = TestClient(app, base_url="http://box:7860", client=("192.168.1.9", 5000))
    gate.share("a long password")
    assert elsewhere.get(f"/s/{secret}").status_code == 200
    assert elsewhere.get("/earshot/clips/" + "f" * 32).status_code == 401
    assert elsewhere.get(f"/s/{secret}/../../earshot/clips/x").status_code == 401
    gate.end()
    assert elsewhere.get(f"/s/{secret}").status_code == 403


# The page's commands


def commands(place, address=""):
    made = links.linking(place, lambda: address)
    english = LANGUAGES["en"]
    return {work.__name__: lambda work=work, **asked: work(asked, english) for work in made}


def test_links_are_made_listed_and_revoked(rooms, store, talk, come):
    does = commands(rooms.owner, "https://far.example/")
    id, answer = talk[0], store.turns(talk[0])[-1].id
    made = does["share"](conversation=id, answer=0, lasts="week", may_continue=False)
    assert made["address"] == "https://far.example/" and made["open"] and made["expires"]
    one = does["share"](conversation=id, answer=answer, lasts="ever", may_continue=True)
    assert one["alone"] and one["expires"] is None
    come().get(f"/{made['path']}")
    listed = does["shared"]()["links"]
    assert [link["id"] for link in listed] == [one["id"], made["id"]]
    assert [link["visits"] for link in listed] == [0, 1] and listed[1]["path"] == made["path"]
    does["revoke"](link=made["id"])
    assert come().get(f"/{made['path']}").status_code == 404
    assert [link["open"] for link in does["shared"]()["links"]] == [True, False]
    does["unlist"](link=made["id"])
    assert len(does["shared"]()["links"]) == 1


def test_a_guest_makes_no_links(rooms):
    id, _ = heard(rooms.guest.store, EXAMPLES[1], "Mine?", "Yes")
    does = commands(rooms.guest)
    assert does["shared"]() == {"links": [], "address": "", "may": False}
    with pytest.raises(chat.Refused, match="made by the owner"):
        does["share"](conversation=id, answer=0, lasts="day", may_continue=False)
