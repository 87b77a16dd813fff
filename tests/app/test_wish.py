"""How the page is to be shared, in words."""

import pytest

import launch
from app.wish import LAN, LINK, NONE, PASSWORD, Server, Wish, seconds_of


@pytest.mark.parametrize("words", ["here", "here:", "here:0", "here:99999", "a b:1", "http://h:1"])
def test_a_server_is_a_host_and_a_port(words):
    with pytest.raises(ValueError, match="HOST:PORT"):
        Server.of(words)
    assert Server.of("[::1]:7000") == Server("::1", 7000)
    assert str(Server.of("[::1]:7000")) == "[::1]:7000"


@pytest.mark.parametrize(
    "words, seconds", [("90m", 5400), ("2h", 7200), ("1.5 h", 5400), ("1D", 86400)]
)
def test_how_long(words, seconds):
    assert seconds_of(words) == seconds


@pytest.mark.parametrize("words", ["2", "two hours", "h", "-2h", "2h30m"])
def test_how_long_is_a_number_with_its_unit(words):
    with pytest.raises(ValueError, match="90m, 2h or 1d"):
        seconds_of(words)


@pytest.mark.parametrize(
    "wish, said",
    [
        ({"how": "everybody"}, "sharing is one of"),
        ({"password": "1234567"}, "at least 8 characters"),
        ({"seconds": 0}, "up to a year"),
        ({"seconds": 1e9}, "up to a year"),
        ({"server": "example.org"}, "HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(wish, said):
    with pytest.raises(ValueError, match=said):
        Wish(**wish)


def test_a_password_is_in_no_log():
    assert "open sesame" not in repr(Wish(how=LAN, password="open sesame"))
    assert Wish().how == NONE and Wish(how=LINK)


# On the command line


@pytest.mark.parametrize(
    "words, how",
    [
        ([], NONE),
        (["--share"], LINK),
        (["--share", "lan"], LAN),
        (["--share", "--share-for", "2h"], LINK),
        (["--share-server", "example.org:7000"], LINK),
        (["--share", "none", "--share-server", "example.org:7000"], NONE),
    ],
)
def test_it_says_how(words, how):
    assert launch.parse(words).wish.how == how


def test_the_password_comes_from_the_environment_too(monkeypatch):
    assert launch.parse(["--share"]).wish.password == ""
    monkeypatch.setenv(PASSWORD, "open sesame")
    assert launch.parse(["--share"]).wish.password == "open sesame"
    assert launch.parse(["--share", "--password", "another one"]).wish.password == "another one"


@pytest.mark.parametrize(
    "words, said",
    [
        (["--share", "world"], "invalid choice: 'world'"),
        (["--share", "--share-for", "soon"], "90m, 2h or 1d"),
        (["--share", "--password", "1234"], "at least 8 characters"),
        (["--share-server", "example.org"], "HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_rule(capsys, words, said):
    with pytest.raises(SystemExit):
        launch.parse(words)
    assert said in capsys.readouterr().err
