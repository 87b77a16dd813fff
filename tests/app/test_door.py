"""Who comes in, as whom, and what they find: the whole app but Gradio, asked over HTTP."""

import time

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app import login, visitors, web
from app.door import Entered, Entrance, Gate
from app.password import FREE, Patience
from app.places import Places
from app.policy import Policy
from model.engine import Parrot

PASSWORD = "three quiet owls"
NAMED = "demo.example"


@pytest.fixture
def places(store):
    places = Places(Parrot(pause=0.01), store, Policy(most_guests=3))
    yield places
    places.close()


@pytest.fixture
def gate(places):
    gate = Gate(places.guests, places.policy)
    gate.share(PASSWORD)
    return gate


@pytest.fixture
def app(places, gate):
    async def who(request):
        visitor = visitors.of(request)
        return JSONResponse({"id": visitor.id, "sits": visitor.sits_here, "name": visitor.name})

    async def shared(request):
        return JSONResponse({"shared": True})

    routes = [Route("/earshot/who", who, methods=["GET", "POST"]), Route("/s/{id}", shared)]
    routes = [*routes, Route("/", who), *web.routes(places)]
    return Starlette(routes=routes, middleware=web.middleware(gate))


def browser(app, *, tunnel=True, address="127.0.0.1", is_https=False):
    """One of its own, with its own cookies; at the tunnel's port, or at the plain one."""
    entrance = Entrance(may_be_owner=False, is_https=is_https, hosts=())
    here = Entered(app, entrance) if tunnel else app
    host = f"{'https' if is_https else 'http'}://{NAMED if tunnel else '127.0.0.1'}"
    return TestClient(here, base_url=host, client=(address, 5000), follow_redirects=False)


def enters(client, password=PASSWORD, name="", **headers):
    told = {"password": password, "name": name}
    return client.post(login.ADDRESS, data=told, headers=headers)


def who(client):
    return client.get("/earshot/who").json()


def test_the_owner_comes_in_by_the_plain_port_and_needs_no_password(app):
    assert who(browser(app, tunnel=False)) == {"id": "", "sits": True, "name": ""}


def test_nobody_who_comes_through_the_tunnel_is_the_owner(app):
    guest = browser(app)
    guest.base_url = "http://localhost:7860"  # as if the tunnel said so
    assert guest.get("/earshot/who").status_code == 401


def test_a_guest_comes_in_by_the_password_alone(app):
    guest = browser(app)
    assert guest.get("/").status_code == 401 and 'name="password"' in guest.get("/").text
    assert enters(guest, "owls").status_code == 401 and guest.get("/").status_code == 401
    entered = enters(guest, f" {PASSWORD} ", "Ada  L.")
    assert (entered.status_code, entered.headers["location"]) == (303, "../")
    told = who(guest)
    assert len(told["id"]) == 32 and (told["sits"], told["name"]) == (False, "Ada L.")
    assert who(browser(app, tunnel=False))["id"] == ""


def test_the_cookie_is_out_of_reach_and_only_its_hash_is_stored(app, tmp_path):
    guest = browser(app, is_https=True)
    cookie = enters(guest).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
        assert part in cookie.split("; "), cookie
    token = cookie.split(";")[0].split("=", 1)[1]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("guest*/**/*") if file.is_file())
    assert len(token) >= 40 and token.encode() not in kept
    assert PASSWORD.encode() not in kept
    assert "Secure" not in enters(browser(app)).headers["set-cookie"]


def test_each_login_has_a_new_token_and_the_old_one_opens_nothing(app):
    guest = browser(app)
    enters(guest)
    before, id = guest.cookies[login.COOKIE], who(guest)["id"]
    enters(guest)
    assert guest.cookies[login.COOKIE] != before and who(guest)["id"] == id
    thief = browser(app)
    thief.cookies.set(login.COOKIE, before)
    assert thief.get("/earshot/who").status_code == 401


def test_a_token_that_somebody_else_chose_is_not_taken_over(app):
    guest = browser(app)
    guest.cookies.set(login.COOKIE, "chosen-by-an-attacker", domain=NAMED)
    enters(guest)
    assert "chosen-by-an-attacker" not in [cookie.value for cookie in guest.cookies.jar][-1:]
    attacker = browser(app)
    attacker.cookies.set(login.COOKIE, "chosen-by-an-attacker")
    assert attacker.get("/earshot/who").status_code == 401


def test_sessions_outlive_the_process_but_not_the_password(app, gate, places, store):
    guest = browser(app)
    enters(guest)
    id, cookies = who(guest)["id"], dict(guest.cookies)
    places.close()
    again = Places(Parrot(), store)
    later = Gate(again.guests, again.policy)
    later.share(PASSWORD)
    assert later.find(cookies[login.COOKIE]).id == id
    later.share("another one")
    assert later.find(cookies[login.COOKIE]) is None
    visitor, _ = again.guests.enter(later.password.mark, "", cookies[login.COOKIE], 9)
    assert visitor.id == id, "who gives the new one finds what they left"
    again.close()


@pytest.mark.parametrize(
    "path",
    ["/earshot/alive", "/config", "/gradio_api/queue/data", "/file=/etc/passwd", "/theme.css"],
)
def test_strangers_see_nothing_but_the_login_page_and_what_was_shared(app, path):
    stranger = browser(app)
    refused = stranger.get(path)
    assert refused.status_code == 401 and "password" in refused.json()["sentence"]
    assert stranger.get("/s/abc").json() == {"shared": True}
    assert stranger.post("/earshot/who").status_code == 401


def test_when_sharing_has_ended_nobody_is_left_in(app, gate):
    guest = browser(app)
    enters(guest)
    gate.end()
    for path in ("/", "/earshot/who", "/s/abc"):
        assert guest.get(path).status_code == 403
    assert enters(guest).status_code == 403
    passed_on = browser(app, tunnel=False)
    headers = {"x-forwarded-for": "203.0.113.9"}
    assert passed_on.get("/earshot/who", headers=headers).status_code == 403
    assert who(browser(app, tunnel=False))["sits"]


def test_before_any_sharing_it_is_as_it_always_was(places):
    async def who(request):
        return JSONResponse({"sits": visitors.of(request).sits_here})

    routes = [Route("/earshot/who", who)]
    alone = Starlette(routes=routes, middleware=web.middleware(Gate()))
    here = browser(alone, tunnel=False)
    assert here.get("/earshot/who").json() == {"sits": True}
    headers = {"x-forwarded-for": "203.0.113.9"}
    assert here.get("/earshot/who", headers=headers).json() == {"sits": False}
    assert here.get("/earshot/who", headers={"host": "evil.example"}).status_code == 400
    assert (
        browser(alone, tunnel=False, address="192.168.1.7").get("/earshot/who").status_code == 403
    )
    assert browser(alone).get("/earshot/who").status_code == 403


def test_wrong_passwords_cost_time_and_right_ones_do_too_meanwhile(app):
    guest = browser(app)
    for _ in range(FREE + 1):
        assert enters(guest, "wrong").status_code == 401
    refused = enters(guest)
    assert refused.status_code == 429 and "Too many wrong passwords" in refused.text
    time.sleep(1.1)
    assert enters(guest).status_code == 303


def test_patience_doubles_is_bounded_and_forgives():
    now = [0.0]
    patience = Patience(lambda: now[0])

    def waits(address):
        try:
            patience.ask(address)
            return 0
        except Exception as refused:
            return int(str(refused).split("again in ")[1].split()[0])

    for _ in range(FREE + 1):
        assert waits("a") == 0
    assert waits("b") == 0, "each address has its own"
    for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
        now[0] += 0.0
        assert waits("a") in (seconds, seconds + 1)
        now[0] += seconds + 0.001
        assert waits("a") == 0
    patience.forgive("a")
    assert waits("a") == 0
    for i in range(60):
        waits(f"other {i}")
    assert waits("a new one") in (1, 2), "all together are slowed down too"
    now[0] += 3600
    assert waits("a new one") == 0


@pytest.mark.parametrize(
    "method, headers, status",
    [
        ("post", {"sec-fetch-site": "same-origin"}, 200),
        ("post", {"sec-fetch-site": "cross-site"}, 403),
        ("post", {"sec-fetch-site": "same-site"}, 403),  # another port of this machine
        ("post", {"origin": "https://evil.example"}, 403),
        ("post", {"origin": "null"}, 403),
        ("post", {"origin": "http://127.0.0.1"}, 200),
        ("post", {}, 200),
        ("get", {"origin": "https://evil.example"}, 403),  # a script's, over plain http
        ("get", {"origin": "http://localhost:3000"}, 403),
        ("get", {"origin": "http://127.0.0.1"}, 200),
        ("get", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        (
            "get",
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            200,
        ),
        (
            "get",
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            403,
        ),
        ("delete", {}, 404),
    ],
)
def test_other_sites_may_lead_here_and_do_nothing_more(app, method, headers, status):
    here = browser(app, tunnel=False)
    assert getattr(here, method)("/earshot/who", headers=headers).status_code == status


def test_gradio_is_asked_only_what_the_page_asks(app):
    here = browser(app, tunnel=False)
    for path in ("/gradio_api/file=x", "/gradio_api/upload_progress", "/proxy=x", "/monitoring"):
        assert here.get(path).json() == {"sentence": "There is nothing here."}
    for path in ("/gradio_api/upload", "/gradio_api/run/look", "/gradio_api/call/look", "/login"):
        assert here.post(path).json() == {"sentence": "There is nothing here."}


def test_a_session_of_gradios_belongs_to_who_used_it_first(app):
    owner, guest, other = browser(app, tunnel=False), browser(app), browser(app)
    enters(guest), enters(other)
    asked = {"session_hash": "abc", "data": []}
    for address in ("component_server", "queue/join", "cancel"):
        assert guest.post(f"/gradio_api/{address}", json=asked).status_code == 404  # no Gradio here
    for intruder in (owner, other):
        assert intruder.post("/gradio_api/queue/join", json=asked).status_code == 403
        assert intruder.get("/gradio_api/queue/data?session_hash=abc").status_code == 403
        assert intruder.get("/gradio_api/heartbeat/abc").status_code == 403
        assert intruder.post("/gradio_api/cancel", json=asked).status_code == 403
    assert owner.post("/gradio_api/cancel", json={"session_hash": ["x"]}).status_code == 403
    much = {"content": b"x" * 4_000_001, "headers": {"content-type": "application/json"}}
    assert guest.post("/gradio_api/queue/join", **much).status_code == 413


def test_the_login_page_is_strict_and_in_the_persons_language(app):
    told = browser(app).get("/", headers={"accept-language": "de"})
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert 'lang="de"' in told.text and "Passwort" in told.text
    assert told.headers["referrer-policy"] == "same-origin"
    assert "<script" not in told.text and told.headers["cache-control"] == "no-store"


def test_no_more_guests_than_the_owner_wants(app):
    for _ in range(3):
        assert enters(browser(app)).status_code == 303
    refused = enters(browser(app))
    assert refused.status_code == 429 and "3 guests" in refused.text


def test_what_is_no_form_is_a_wrong_password(app):
    guest = browser(app)
    for body in (b"", b"x" * 5000, b"\xff=\xfe", b"password", b"&" * 100):
        assert guest.post(login.ADDRESS, content=body).status_code in (401, 429)
        time.sleep(0)


def test_who_is_sent_away_while_asking_is_told(app, places, monkeypatch):
    guest = browser(app)
    enters(guest)
    id = who(guest)["id"]
    find = places.guests.find
    monkeypatch.setattr(places.guests, "find", lambda *told: (find(*told), places.forget(id))[0])
    refused = guest.get("/earshot/alive")
    assert refused.status_code == 401 and "visit is over" in refused.json()["sentence"]
