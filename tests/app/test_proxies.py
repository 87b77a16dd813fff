"""Proxies of every kind in the environment: Earshot starts, asks none of them for an address of
this machine, and downloads through those that it can use."""

import importlib.util
import os
import socketserver
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import httpx
import pytest

from app import proxies
from tests.app.conftest import Server

ROOT = Path(__file__).parents[2]
needs_socks = pytest.mark.skipif(
    not importlib.util.find_spec("socksio"), reason="socksio is not installed"
)


class Asked(socketserver.StreamRequestHandler):
    """Writes down what it is asked for, by HTTP or by SOCKS 5, and gives nothing."""

    def handle(self):
        first = self.rfile.read(1)
        if not first:  # nothing is asked: another program looks whether a port is in use
            return
        if first != b"\x05":
            line = (first + self.rfile.readline()).decode("latin-1")
            self.server.asked.append(line.split()[1] if " " in line else line)
            self.wfile.write(b"HTTP/1.1 502 Not today\r\nContent-Length: 0\r\n\r\n")
            return
        self.rfile.read(self.rfile.read(1)[0])
        self.wfile.write(b"\x05\x00")  # nobody need say who they are
        _, _, _, kind = self.rfile.read(4)
        length = self.rfile.read(1)[0] if kind == 3 else {1: 4, 4: 16}[kind]
        host = self.rfile.read(length)
        self.server.asked.append(host.decode() if kind == 3 else ".".join(map(str, host)))
        self.wfile.write(b"\x05\x05\x00\x01" + bytes(6))  # refused


@pytest.fixture
def proxy():
    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads = True
        asked: list[str] = []

    with Proxy(("127.0.0.1", 0), Asked) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Sets variables; all others that speak of proxies are gone."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == proxies.LEFT_OUT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")

    def environment(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return environment


def prepared(**variables):
    """(the environment as it becomes, what is told)."""
    return variables, proxies.prepare(variables, lambda: {})


KINDS = {
    "http": {"HTTP_PROXY": "http://{}", "https_proxy": "{}", "no_proxy": "example.org"},
    "https": {"HTTP_PROXY": "https://{}", "ALL_PROXY": "https://{}"},
    "socks5": {"ALL_PROXY": "socks5h://{}", "HTTP_PROXY": "socks5://{}"},
    "socks": {"ALL_PROXY": "socks://{}/"},
    "socks4": {"ALL_PROXY": "socks4://{}"},
    "malformed": {"HTTP_PROXY": "http://[::1", "ALL_PROXY": "http://h:port"},
    "exceptions": {"HTTP_PROXY": "http://{}", "NO_PROXY": "[::1],fe80::/10,a:b:c"},
}


def of_kind(kind, proxy):
    host, port = proxy.server_address
    return {name: value.format(f"{host}:{port}") for name, value in KINDS[kind].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_and_asks_no_proxy_for_this_machine(tmp_path, proxy, environment, kind):
    environment(**of_kind(kind, proxy))
    server = Server(tmp_path, "--model", "parrot")
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{server.port}/", timeout=60) as answer:
            assert b"Earshot" in answer.read()
    finally:
        server.close()
    assert proxy.asked == []


@pytest.mark.parametrize("kind", ["http", pytest.param("socks5", marks=needs_socks)])
def test_where_no_link_can_be_had_the_page_stays_open(tmp_path, proxy, environment, kind):
    environment(**of_kind(kind, proxy), HF_HOME=str(tmp_path / "hub"))
    server = Server(tmp_path / "data", "--model", "parrot", "--share")
    try:
        told = next(line for line in server.process.stdout if "could not be fetched" in line)
        assert "--share lan" in told and server.process.poll() is None
    finally:
        server.close()
    assert proxy.asked and not {"localhost", "127.0.0.1"} & {
        host.rpartition("//")[2] for host in proxy.asked
    }


def run(*words):
    done = subprocess.run(
        [sys.executable, "launch.py", *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("kind", ["socks4", "malformed"])
def test_a_question_is_answered_and_what_was_left_out_is_told(proxy, environment, kind):
    environment(**of_kind(kind, proxy))
    done = run("ask", "--model", "parrot", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "ALL_PROXY cannot be used and is left out" in done.stderr


def test_doctor_tells_what_is_left_out_and_no_password(tmp_path, environment):
    environment(https_proxy="socks4://me:secret@example.org:1", NO_PROXY="[::1]")
    told = " ".join(run("doctor", "--data", tmp_path).stdout.split())
    assert "The proxy in https_proxy cannot be used" in told
    assert "To do: Give https_proxy such an address, or unset it." in told and "secret" not in told


@pytest.mark.parametrize("kind", ["http", pytest.param("socks5", marks=needs_socks)])
def test_a_download_goes_through_the_proxy(tmp_path, proxy, environment, kind):
    environment(**of_kind(kind, proxy), HF_ENDPOINT="https://hub.invalid")
    done = run("download", "qwen-audio-chat", "--data", tmp_path)
    assert done.returncode == 1 and "could not be fetched" in done.stderr
    assert {host.removesuffix(":443") for host in proxy.asked} == {"hub.invalid"}


def test_nothing_is_downloaded_past_a_proxy_that_cannot_be_used(tmp_path, proxy, environment):
    environment(**of_kind("socks4", proxy), HF_ENDPOINT="http://127.0.0.1:9")
    done = run("download", "qwen-audio-chat", "--data", tmp_path)
    assert done.returncode == 1 and "Nothing is downloaded without the proxy." in done.stderr


def test_another_proxy_that_can_be_used_is_enough_for_a_download():
    variables, _ = prepared(ALL_PROXY="socks4://h:1", HTTPS_PROXY="http://h:1")
    proxies.check_download(variables)
    variables, _ = prepared(ALL_PROXY="http://h:1", HTTP_PROXY="nonsense://h:1")
    proxies.check_download(variables)
    variables, _ = prepared(ALL_PROXY="http://h:1", HTTPS_PROXY="nonsense://h:1")
    with pytest.raises(proxies.NoProxy, match="HTTPS_PROXY"):
        proxies.check_download(variables)


@pytest.mark.parametrize(
    "address, becomes",
    [
        ("http://h:3128", "http://h:3128"),
        (" HTTP://h:3128\n", "http://h:3128"),
        ("h:3128", "http://h:3128"),
        ("http://me:p%40ss@h:1/", "http://me:p%40ss@h:1/"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        pytest.param("socks5://h:1080", "socks5://h:1080", marks=needs_socks),
        pytest.param("socks5h://h:1080", "socks5h://h:1080", marks=needs_socks),
        pytest.param("socks://h:1080/", "socks5://h:1080/", marks=needs_socks),
        *((address, None) for address in ("socks4://h:1", "socks4a://h:1", "ftp://h:1")),
        *((address, None) for address in ("http://", ":::", "http://h:port", "http://h:99999")),
        *((address, None) for address in ("http://[::1", "http://a b:1", "direct://", "//h:1")),
        *((address, None) for address in ("http://xn--*:1", "http://h\x01:1")),
    ],
)
def test_an_address_is_made_usable_or_left_out(address, becomes, environment):
    variables, told = prepared(https_proxy=address)
    assert variables.get("https_proxy") == becomes
    assert bool(told) == (becomes is None)
    environment(**variables)
    httpx.Client().close()


@pytest.mark.parametrize(
    "exceptions, becomes",
    [
        ("", "localhost,127.0.0.1,::1"),
        (
            "example.org, .local ,10.0.0.0/8",
            "example.org,.local,10.0.0.0/8,localhost,127.0.0.1,::1",
        ),
        ("localhost", "localhost,127.0.0.1,::1"),
        ("[::1],fe80::/10,a:b:c", "::1,localhost,127.0.0.1"),
        ("*", "*"),
        ("*,example.org", "*"),
    ],
)
def test_this_machine_is_always_an_exception(exceptions, becomes, environment):
    variables, _ = prepared(HTTP_PROXY="http://h:1", no_proxy=exceptions)
    assert variables["no_proxy"] == variables["NO_PROXY"] == becomes
    environment(**variables)
    httpx.Client().close()
    assert urllib.request.proxy_bypass("127.0.0.1:7860")


def test_exceptions_that_nothing_understands_are_told():
    _, told = prepared(HTTP_PROXY="http://h:1", NO_PROXY="fe80::/10,example.org")
    assert told == ["NO_PROXY: fe80::/10 cannot be understood and is left out."]


def test_without_proxies_nothing_changes():
    assert prepared(PATH="/bin") == ({"PATH": "/bin"}, [])


def test_the_systems_own_proxies_are_not_forgotten():
    variables = {}
    assert proxies.prepare(variables, lambda: {"https": "http://h:1", "ftp": "http://h:2"}) == []
    exceptions = "localhost,127.0.0.1,::1"
    assert variables.pop("no_proxy") == variables.pop("NO_PROXY") == exceptions
    assert variables == {"https_proxy": "http://h:1"}
