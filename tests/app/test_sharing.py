"""The page shared with a network and by a link: real ports, a real certificate, the door, and a
tunnel's stand-in (frp.py). Without a browser; see test_browser_sharing.py."""

import asyncio
import contextlib
import hashlib
import json
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from app import inviting, network, sharing, tunnel, visitors
from app.door import Door, Entrance, Gate
from app.guests import Guests
from app.i18n import LANGUAGES
from app.policy import Policy
from app.sharing import LETTERS, OFF, ON, NotShared, Shared, Sharing, made_password
from app.tunnel import NoTunnel
from app.wish import LAN, LINK, Wish
from tests.app import frp

PASSWORD = "open sesame"
SOON = 60  # seconds, on a busy machine


async def who(request):
    visitor = visitors.of(request)
    told = {"guest": visitor.is_guest, "here": visitor.sits_here, "url": str(request.url)}
    told["client"] = request.client.host
    return JSONResponse(told)


@pytest.fixture
def gate(tmp_path):
    return Gate(Guests(tmp_path / "guests"))


@pytest.fixture
def shares(gate, tmp_path, monkeypatch):
    """Sharing of a small app behind the real door, in a loop of its own."""
    monkeypatch.setattr(network, "addresses", lambda: ["192.0.2.7"])
    door = Middleware(Door, gate=gate, entrance=Entrance())
    app = Starlette(routes=[Route("/who", who)], middleware=[door])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    shares = Sharing(gate, tmp_path, 0, Wish(password=PASSWORD))
    asyncio.run_coroutine_threadsafe(shares.running(app).__aenter__(), loop).result()
    yield shares
    shares.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def asked(address, path="who", body=None, context=None, **headers):
    """(status, text, headers) of a request that follows nothing."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    told = {name.replace("_", "-"): value for name, value in headers.items()}
    data = urllib.parse.urlencode(body).encode() if body else None
    request = urllib.request.Request(f"{address}{path}", data, told)
    opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=SOON) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def entered(address, context=None):
    """The cookie of a guest who knows the password."""
    status, _, headers = asked(address, "earshot/login", {"password": PASSWORD}, context)
    assert status == 303
    return headers["set-cookie"]


def here(shared):
    """The same port by loopback."""
    url = urllib.parse.urlsplit(shared.address)
    return f"{url.scheme}://127.0.0.1:{url.port}/"


def until(condition):
    ends = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_the_network_comes_in_by_the_password(shares):
    shared = shares.begin(Wish(how=LAN, password=PASSWORD))
    assert shared.address.startswith("http://192.0.2.7:")
    address = here(shared)
    assert asked(address)[0] == 401
    cookie = entered(address)
    assert "Secure" not in cookie
    status, told, _ = asked(address, cookie=cookie.split(";")[0])
    assert status == 200 and json.loads(told)["guest"]
    assert shares.n_on == 1


def test_nobody_who_comes_by_it_is_the_owner(shares):
    address = here(shares.begin(Wish(how=LAN, password=PASSWORD)))
    for host in ("localhost", "127.0.0.1", "192.0.2.7"):
        assert asked(address, host=host)[0] == 401


def test_it_answers_to_its_own_names_only(shares):
    address = here(shares.begin(Wish(how=LAN, password=PASSWORD)))
    assert asked(address, host="127.0.0.1")[0] == 401
    assert asked(address, host="rebound.example")[0] == 400


def test_https_shows_the_certificate_whose_fingerprint_is_told(shares):
    shared = shares.begin(Wish(how=LAN, password=PASSWORD, https=True))
    address, url = here(shared), urllib.parse.urlsplit(shared.address)
    assert url.scheme == "https"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", url.port)) as plain:
        with context.wrap_socket(plain) as secure:
            shown = hashlib.sha256(secure.getpeercert(True)).hexdigest()
    assert shown == shared.fingerprint.replace(":", "").lower()
    cookie = entered(address, context)
    assert "Secure" in cookie
    told = json.loads(asked(address, context=context, cookie=cookie.split(";")[0])[1])
    assert told["url"].startswith("https://")


def test_after_the_end_guests_are_told_in_their_language(shares, gate):
    address = here(shares.begin(Wish(how=LAN, password=PASSWORD)))
    cookie = entered(address).split(";")[0]
    shares.end()
    assert (shares.state, shares.address, gate.is_open) == (OFF, "", False)
    assert asked(address, cookie=cookie)[0] == 410
    status, page, headers = asked(address, cookie=cookie, accept="text/html", accept_language="de")
    assert status == 410
    assert LANGUAGES["de"].say("sharing.over.title") in page and "{" + "title}" not in page
    assert "content-security-policy" in headers


def test_the_port_closes_once_they_were_told(shares, monkeypatch):
    monkeypatch.setattr(sharing, "GRACE", 0.1)
    address = here(shares.begin(Wish(how=LAN, password=PASSWORD)))
    shares.end()

    def is_closed():
        try:
            return asked(address) is None
        except OSError:
            return True

    until(is_closed)


def test_it_can_be_shared_again_while_they_are_being_told(shares):
    shares.begin(Wish(how=LAN, password=PASSWORD))
    with pytest.raises(NotShared, match="shared already"):
        shares.begin(Wish(how=LAN))
    shares.end()
    again = shares.begin(Wish(how=LAN))
    assert again.password != PASSWORD and shares.state == ON
    assert asked(here(again))[0] == 401


def test_it_ends_by_itself(shares):
    shared = shares.begin(Wish(how=LAN, password=PASSWORD, seconds=1))
    assert shared.until - time.time() <= 1
    until(lambda: shares.state == OFF)
    assert asked(here(shared))[0] == 410 and shares.trouble == ""


def test_a_link_leads_here_and_nowhere_else(shares, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    with contextlib.closing(frp.Frps()) as frps:
        server = f"127.0.0.1:{frps.port}"
        shared = shares.begin(Wish(how=LINK, server=server, password=PASSWORD))
        assert asked(shared.address)[0] == 401
        cookie = entered(shared.address).split(";")[0]
        told = json.loads(asked(shared.address, cookie=cookie)[1])
        assert told["guest"] and not told["here"]
        shares.end()
        assert asked(shared.address, cookie=cookie)[0] == 410
        assert frps.carried >= 4


def test_who_guesses_keeps_the_others_of_a_link_not_waiting(shares, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    with contextlib.closing(frp.Frps()) as frps:
        server = f"127.0.0.1:{frps.port}"
        address = shares.begin(Wish(how=LINK, server=server, password=PASSWORD)).address

        def enter(password, whom):
            form = {"password": password}
            return asked(address, "earshot/login", form, x_forwarded_for=whom)[0]

        guesses = [enter(f"guess {n}", "203.0.113.7") for n in range(8)]
        assert guesses[0] == 401 and guesses[-1] == 429
        assert enter(PASSWORD, "203.0.113.7") == 429
        assert enter(PASSWORD, "203.0.113.8") == 303


def test_nobody_can_claim_an_address_that_is_trusted(shares, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    with contextlib.closing(frp.Frps()) as frps:
        server = f"127.0.0.1:{frps.port}"
        address = shares.begin(Wish(how=LINK, server=server, password=PASSWORD)).address
        cookie = entered(address).split(";")[0]
        told = asked(address, cookie=cookie, x_forwarded_for="192.168.1.20")[1]
        assert json.loads(told)["client"] == "by the tunnel 192.168.1.20"


def test_https_goes_through_a_tunnel_of_ones_own(shares, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    with contextlib.closing(frp.Frps()) as frps:
        server = f"127.0.0.1:{frps.port}"
        shared = shares.begin(Wish(how=LINK, server=server, password=PASSWORD, https=True))
        trusting = ssl.create_default_context(cafile=tmp_path / "certificate" / "certificate.pem")
        assert shared.address.startswith("https://") and shared.fingerprint
        assert asked(shared.address, context=trusting)[0] == 401


def test_a_tunnel_that_breaks_is_the_end_and_is_said(shares, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    frps = frp.Frps()
    shares.begin(Wish(how=LINK, server=f"127.0.0.1:{frps.port}", password=PASSWORD))
    frps.close()
    until(lambda: shares.state == OFF)
    assert shares.trouble == sharing.BROKEN


def test_what_does_not_begin_leaves_nothing_open(shares, gate, monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))
    with contextlib.closing(frp.Frps()) as gone:
        server = f"127.0.0.1:{gone.port}"
    with pytest.raises(NoTunnel):
        shares.begin(Wish(how=LINK, server=server))
    assert shares.state == OFF and server in shares.trouble and not gate.is_open
    assert shares.begin(Wish(how=LAN)).how == LAN
    assert shares.trouble == ""


def test_without_a_network_it_is_a_sentence(shares, monkeypatch):
    monkeypatch.setattr(network, "addresses", list)
    with pytest.raises(NotShared, match="in no network"):
        shares.begin(Wish(how=LAN))


def test_where_the_password_cannot_be_kept_nothing_is_open(shares, gate, monkeypatch):
    def full(password):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gate, "share", full)
    with pytest.raises(OSError):
        shares.begin(Wish(how=LAN))
    assert (shares.state, shares.shared) == (OFF, None) and shares.trouble


@pytest.mark.parametrize(
    "host, names",
    [
        ("Box.example.org", ["box.local", "box", "box.example.org"]),
        ("box", ["box.local", "box"]),
        ("localhost", []),
        ("küche", []),  # no name that a certificate can hold
    ],
)
def test_names_are_those_of_this_machine(monkeypatch, host, names):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert network.names() == names


def test_a_port_that_is_taken_gives_way_to_another(shares):
    with socket.create_server(("0.0.0.0", 0)) as other:
        shares._port = other.getsockname()[1] - 1
        shared = shares.begin(Wish(how=LAN))
        assert urllib.parse.urlsplit(shared.address).port != shares._port + 1


def test_to_share_with_nobody_opens_nothing(shares):
    with pytest.raises(KeyError):
        shares.begin(Wish())
    assert shares.state == OFF


def test_a_made_password_can_be_read_out():
    made = {made_password() for _ in range(100)}
    assert len(made) == 100
    assert set("".join(made)) <= set(LETTERS + "-") and {len(one) for one in made} == {14}


# What is told


def commands(shares, policy=None):
    return {one.__name__: one for one in inviting.inviting(shares, policy or Policy())}


def test_the_page_begins_and_ends_it(shares, monkeypatch):
    page, german = commands(shares), LANGUAGES["de"]
    assert page["sharing_now"]({}, german) == {
        "state": OFF, "trouble": "", "shared": None, "on": 0
    }  # fmt: skip
    page["begin_sharing"]({"how": LAN, "hours": "2", "https": False}, german)
    until(lambda: shares.state == ON)
    now = page["sharing_now"]({}, german)
    assert now["shared"]["until"] == pytest.approx(time.time() + 7200, abs=60)
    assert PASSWORD not in json.dumps(now)  # only on demand
    assert page["shared_password"]({}, german) == {"password": PASSWORD}
    assert page["invitation"]({}, german)["qr"].startswith("data:image/svg+xml")
    page["end_sharing"]({}, german)
    assert shares.state == OFF and page["shared_password"]({}, german) == {"password": ""}
    with pytest.raises(ValueError, match="sharing is one of"):
        page["begin_sharing"]({"how": "everybody"}, german)


def test_it_is_said_whose_server_can_read_along(shares):
    english = LANGUAGES["en"]
    for told, wish in {
        inviting.GRADIOS: Wish(),
        "example.org:7000": Wish(server="example.org:7000"),
        "": Wish(server="example.org:7000", https=True),  # from end to end
    }.items():
        shares.wish = wish
        assert commands(shares)["invitation"]({}, english)["through"] == told


def test_what_went_wrong_is_said_in_the_language(shares, monkeypatch):
    monkeypatch.setattr(network, "addresses", list)
    page, german = commands(shares), LANGUAGES["de"]
    page["begin_sharing"]({"how": LAN}, german)
    until(lambda: page["sharing_now"]({}, german)["trouble"])
    assert page["sharing_now"]({}, german)["trouble"].startswith("Dieser Rechner ist in keinem")


def test_the_rules_are_those_of_the_policy():
    english = LANGUAGES["en"]
    usual = " ".join(inviting.rules(Policy(), english))
    assert "10 minutes each, 60 in all" in usual and "60 questions an hour" in usual
    assert "change the model" not in usual
    open_, closed = Policy(model=True, owner_first=False), Policy(upload=False, microphone=False)
    assert "change the model" in " ".join(inviting.rules(open_, english))
    assert "go first" not in " ".join(inviting.rules(open_, english))
    assert "neither attach" in " ".join(inviting.rules(closed, english))
    assert "cannot record" in " ".join(inviting.rules(Policy(microphone=False), english))
    assert "cannot attach" in " ".join(inviting.rules(Policy(upload=False), english))


def test_the_terminal_is_told_all_of_it():
    shared = Shared(LAN, "http://192.0.2.7:7861/", PASSWORD, 0.0)
    told = inviting.as_text(shared, Policy(), LANGUAGES["en"])
    assert "http://192.0.2.7:7861/" in told and PASSWORD in told and "▀" in told
    assert "no microphone" in told  # over http
    assert PASSWORD not in repr(shared)
