"""Who may use this machine's microphone from the page."""

import pytest
from starlette.requests import Request

from app import hearing, host, visitors
from app.door import ENTRANCE, Entrance
from app.hearing import Senseless, Settings
from app.host import Host
from app.owner import is_owner
from app.places import Place
from app.talks import Talks
from app.visitors import Visitor
from model.engine import Parrot


def visitor(address, named="localhost:7860", **headers):
    told = {"host": named, **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]
    scope = {"type": "http", "client": (address, 5000), "headers": raw}
    sits_here = is_owner(Request(scope))
    return Request(scope | {visitors.KEY: Visitor(sits_here=sits_here)})


@pytest.mark.parametrize(
    "request_, may",
    [
        (visitor("127.0.0.1"), True),
        (visitor("::1", "[::1]:7860"), True),
        (visitor("192.168.1.7", "192.168.1.2:7860"), False),
        (visitor("127.0.0.1", x_forwarded_for="203.0.113.9"), False),  # through a proxy
        (visitor("127.0.0.1", forwarded="for=203.0.113.9"), False),
        (visitor("127.0.0.1", "earshot.example"), False),  # through a tunnel
        (visitor("testclient"), False),
    ],
)
def test_the_microphone_is_for_who_sits_here(store, request_, may):
    assert Host(Place("", store, Talks(Parrot(), store))).may(request_) is may


def test_and_for_whom_the_owner_lets_in(store):
    other = visitor("192.168.1.7", "192.168.1.2:7860")
    place = Place("", store, Talks(Parrot(), store))
    assert Host(place, ["192.168.1.7"]).may(other)
    assert not Host(place, ["192.168.1.8"]).may(other)
    assert Host(place, [host.ANYONE]).may(other)
    through = visitor("127.0.0.1", "demo.example")
    through.scope[ENTRANCE] = Entrance(may_be_owner=False)
    assert not Host(place, ["127.0.0.1"]).may(through), "a tunnel ends at this address"


def test_settings_are_kept_and_nonsense_is_refused(store):
    here = Host(Place("", store, Talks(Parrot(), store)))
    here.choose({"mode": "hold", "silence": "1.5", "unknown": "x"})
    assert hearing.load(store.folder) == Settings(mode="hold", silence=1.5)
    with pytest.raises(Senseless, match="silence lies between"):
        here.choose({"silence": "99"})
    with pytest.raises(Senseless, match="mode is one of"):
        here.choose({"mode": "sing"})
    (store.folder / hearing.FILE).write_text('{"mode": 7}')
    assert hearing.load(store.folder) == Settings()
