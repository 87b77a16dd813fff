"""A page carried through a tunnel: by the real frps and frpc where they are in PATH, else by a
stand-in (frp.py); and what is said where there is none."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app import tunnel
from app.tunnel import NoTunnel
from app.wish import Server
from tests.app import frp


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the page " * 10_000)

    def log_message(self, *_):
        pass


@pytest.fixture
def page():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def frps():
    with contextlib.closing(frp.Frps()) as server:
        yield server


@pytest.fixture
def frpc(monkeypatch, tmp_path):
    monkeypatch.setenv(tunnel.PROGRAM, str(frp.program(tmp_path)))


@pytest.fixture
def gradios(monkeypatch, tmp_path):
    """Gradio's program is here, as far as it can tell; an open one is not."""
    from gradio import tunneling

    monkeypatch.setattr(tunneling, "BINARY_PATH", str(frp.program(tmp_path, "gradios")))
    monkeypatch.setattr(tunneling, "CHECKSUMS", {})
    monkeypatch.setenv(tunnel.PROGRAM, "no-such-program")


def fetched(address):
    return urllib.request.urlopen(address, timeout=20).read()


def test_an_open_program_carries_a_page(page, frps, frpc):
    dug = tunnel.dig(page, f"127.0.0.1:{frps.port}")
    assert dug.address.startswith("http://127.0.0.1:") and dug.is_open
    assert fetched(dug.address) == b"the page " * 10_000 == fetched(dug.address)
    assert frps.carried == 2
    dug.close()
    assert not dug.is_open
    with pytest.raises(OSError):
        fetched(dug.address)


def test_gradios_program_carries_a_page(page, gradios):
    with contextlib.closing(frp.Frps(says="http://127.0.0.1:{port}")) as frps:
        dug = tunnel.dig(page, f"127.0.0.1:{frps.port}")
        assert fetched(dug.address) == b"the page " * 10_000
        dug.close()


def test_the_real_programs_carry_a_page(page, monkeypatch, tmp_path):
    if not (shutil.which("frps") and shutil.which("frpc")):
        pytest.skip("frps and frpc are not in PATH")
    monkeypatch.setenv(tunnel.TOKEN, "a secret of theirs")
    with contextlib.closing(frp.Frps()) as free:
        port = free.port
    config = tmp_path / "frps.toml"
    config.write_text(
        f'bindAddr = "127.0.0.1"\nproxyBindAddr = "127.0.0.1"\nbindPort = {port}\n'
        'auth.token = "a secret of theirs"\n'
    )
    server = subprocess.Popen([shutil.which("frps"), "-c", config])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), contextlib.closing(frp.reach(port)):
                break
            time.sleep(0.1)
        dug = tunnel.dig(page, f"127.0.0.1:{port}")
        assert fetched(dug.address) == b"the page " * 10_000
        dug.close()
    finally:
        server.terminate()
        server.wait()


def test_the_servers_password_is_in_no_file_and_no_list_of_processes(page, frpc, monkeypatch):
    monkeypatch.setenv(tunnel.TOKEN, "a secret of theirs")
    config = tunnel._config("x", page, Server("h", 1), tunnel._Status())
    assert "a secret of theirs" not in config
    with contextlib.closing(frp.Frps(token="a secret of theirs")) as frps:
        tunnel.dig(page, f"127.0.0.1:{frps.port}").close()
        monkeypatch.setenv(tunnel.TOKEN, "another")
        with pytest.raises(NoTunnel, match="refuses: token in login doesn't match"):
            tunnel.dig(page, f"127.0.0.1:{frps.port}")


def test_a_server_that_is_not_there_is_a_sentence(page, frpc):
    with contextlib.closing(frp.Frps()) as gone:
        port = gone.port
    with pytest.raises(NoTunnel, match=f"The share server 127.0.0.1:{port} refuses: "):
        tunnel.dig(page, f"127.0.0.1:{port}")


def test_a_program_that_ends_is_a_sentence(page, monkeypatch, tmp_path):
    program = tmp_path / "frpc"
    program.write_text("#!/bin/sh\necho wrong processor >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv(tunnel.PROGRAM, str(program))
    with pytest.raises(NoTunnel, match="The tunnel's program ended: wrong processor."):
        tunnel.dig(page, "127.0.0.1:7000")


def test_a_silent_server_is_not_waited_for_forever(page, monkeypatch, tmp_path):
    program = tmp_path / "frpc"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv(tunnel.PROGRAM, str(program))
    monkeypatch.setattr(tunnel, "PATIENCE", 1)
    with pytest.raises(NoTunnel, match="did not answer in 1 seconds"):
        tunnel.dig(page, "127.0.0.1:7000")


def test_without_the_program_it_is_said_which_and_where_to_put_it(page, monkeypatch, tmp_path):
    from gradio import tunneling

    monkeypatch.setattr(tunneling, "BINARY_PATH", str(tmp_path / "frpc_here"))
    monkeypatch.setattr(tunneling, "BINARY_FOLDER", tmp_path)
    monkeypatch.setattr(tunneling, "BINARY_URL", "http://127.0.0.1:9/frpc_here")
    monkeypatch.setenv(tunnel.PROGRAM, "no-such-program")
    with pytest.raises(NoTunnel) as refused:
        tunnel.dig(page)
    assert str(tmp_path / "frpc_here") in str(refused.value)
    assert "http://127.0.0.1:9/frpc_here" in str(refused.value)
    assert "--share lan" in str(refused.value)
    with pytest.raises(NoTunnel, match="There is no frpc for the share server 127.0.0.1:7000: put"):
        tunnel.dig(page, "127.0.0.1:7000")


def test_another_program_in_its_place_is_not_run(page, gradios, monkeypatch):
    from gradio import tunneling

    monkeypatch.setattr(tunneling, "CHECKSUMS", {tunneling.BINARY_URL: "0" * 64})
    with pytest.raises(NoTunnel, match="is not the program that Gradio published"):
        tunnel.dig(page, "127.0.0.1:7000")


def test_without_the_internet_gradios_server_is_a_sentence(page, gradios, monkeypatch):
    from gradio import networking

    monkeypatch.setattr(networking, "GRADIO_API_SERVER", "http://127.0.0.1:9/")
    with pytest.raises(NoTunnel, match="--share-server"):
        tunnel.dig(page)


def test_https_goes_through_an_open_program_only(page, gradios):
    with pytest.raises(NoTunnel, match="put frpc into PATH"):
        tunnel.dig(page, "127.0.0.1:7000", secure=True)


def test_the_tunnel_ends_when_its_earshot_is_killed(page, frps, frpc):
    words = (
        f"from app import tunnel; import time; dug = tunnel.dig({page}, '127.0.0.1:{frps.port}')"
    )
    words += "; print(dug.address, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    assert fetched(address)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    ends = time.monotonic() + 60
    with pytest.raises(OSError):
        while time.monotonic() < ends:
            fetched(address)
            time.sleep(0.1)
