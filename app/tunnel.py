"""A tunnel from a server on the internet to a port of this machine, dug by an frpc program.

Either Gradio's, for Gradio's server and for servers of its kind, or an open one (0.52 or later) for
any FRP server. The two do not understand each other: Gradio's speaks without encryption of its own.
Knows nothing of what goes through.
"""

import hashlib
import json
import os
import queue
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.wish import Server
from model.errors import EarshotError
from model.paths import from_environment

PROGRAM = "EARSHOT_FRPC"  # in the environment: an open frpc that is not in PATH
TOKEN = "EARSHOT_SHARE_TOKEN"  # likewise: what an FRP server of one's own asks for
PATIENCE = 30  # seconds for a tunnel to be dug
LOOK = 0.2  # seconds between two looks at an open program's status
TETHER = Path(__file__).with_name("tether.py")
DUG = re.compile(r"start proxy success: (\S+)")
REFUSED = re.compile(
    r"(?:login to (?:the )?server failed|start error|connect to server error): (.+)"
)


class NoTunnel(EarshotError):
    """There is no tunnel; the sentence says what lacks and what to do."""


class Tunnel:
    """One that is dug. `address` is what visitors open."""

    def __init__(self, address: str, program: "_Program"):
        self.address = address
        self._program = program

    @property
    def is_open(self) -> bool:
        return self._program.is_running

    def close(self) -> None:
        self._program.close()


def dig(port: int, server: str = "", *, secure: bool = False) -> Tunnel:
    """A tunnel to a port of this machine's loopback, from Gradio's server or one's own (HOST:PORT).
    `secure` says that the port speaks https, which only an open program carries through."""
    if server and (program := open_program()):
        return _dig_openly(program, port, Server.of(server), secure)
    if secure:
        raise NoTunnel(
            "Only an open frpc program carries https through: put frpc into PATH, or leave --https "
            "away."
        )
    return _dig_gradios(port, Server.of(server) if server else None)


def open_program() -> str:
    """The open frpc, where there is one."""
    return shutil.which(from_environment(PROGRAM) or "frpc") or ""


# Gradio's


def _dig_gradios(port: int, server: Server | None) -> Tunnel:
    program = gradios_program(server)
    server = server or gradios_server()
    command = [program, "http", "-n", secrets.token_urlsafe(32), "-l", str(port)]
    command += ["-i", "127.0.0.1", "--uc", "--sd", "random", "--ue"]
    command += ["--server_addr", str(server), "--disable_log_color"]
    folder = tempfile.mkdtemp(prefix="earshot-tunnel-")
    if server.authority:
        authority = Path(folder, "authority.pem")
        authority.write_text(server.authority)
        command += ["--tls_enable", "--tls_trusted_ca_file", str(authority)]
    running = _Program(command, folder, server)
    return Tunnel(running.until(lambda line: (found := DUG.search(line)) and found[1]), running)


def gradios_program(server: Server | None = None) -> str:
    """Gradio's frpc, fetched if need be, and only if it is the very one that Gradio published."""
    from gradio import tunneling

    path = Path(tunneling.BINARY_PATH)
    if not path.exists():
        try:
            tunneling.Tunnel.download_binary()
        except Exception:  # whatever a network, a proxy or a disk can do
            path.unlink(missing_ok=True)
            if server:
                raise NoTunnel(
                    f"There is no frpc for the share server {server}: put the open one into PATH, "
                    f"or for one of Gradio's kind {tunneling.BINARY_URL} at {path}."
                ) from None
            raise NoTunnel(
                f"The tunnel's program is not here and could not be fetched. Put "
                f"{tunneling.BINARY_URL} at {path}, or share with this network only: --share lan."
            ) from None
    expected = tunneling.CHECKSUMS.get(tunneling.BINARY_URL)
    if expected and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise NoTunnel(f"{path} is not the program that Gradio published: delete it.")
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return str(path)


def gradios_server() -> Server:
    """One of Gradio's servers, as its service says."""
    import httpx
    from gradio import networking

    try:
        answer = httpx.get(networking.GRADIO_API_SERVER, timeout=PATIENCE, follow_redirects=True)
        told = answer.raise_for_status().json()[0]
        return Server(told["host"], int(told["port"]), told["root_ca"])
    except (httpx.HTTPError, OSError, ValueError, LookupError, TypeError):
        raise NoTunnel(
            "Gradio's service gives no link: is this machine on the internet? Give a server of "
            "your own with --share-server, or share with this network only: --share lan."
        ) from None


# Open


def _dig_openly(program: str, port: int, server: Server, secure: bool) -> Tunnel:
    """The server chooses a port of its own, which the program's status tells."""
    name, status = f"earshot-{secrets.token_hex(8)}", _Status()
    folder = tempfile.mkdtemp(prefix="earshot-tunnel-")
    config = Path(folder, "frpc.toml")
    config.write_text(_config(name, port, server, status), encoding="utf-8")
    running = _Program([program, "-c", str(config)], folder, server)
    found = running.until(lambda line: "", lambda: status.of(name))
    host = f"[{server.host}]" if ":" in server.host else server.host
    return Tunnel(f"http{'s' * secure}://{host}:{found.rpartition(':')[2]}", running)


def _config(name: str, port: int, server: Server, status: "_Status") -> str:
    # JSON strings are TOML strings; the token is read by the program, so that no file holds it
    token = f'auth.token = "{{{{ .Envs.{TOKEN} }}}}"\n' if os.environ.get(TOKEN) else ""
    return (
        f"serverAddr = {json.dumps(server.host)}\nserverPort = {server.port}\n"
        f"loginFailExit = true\n{token}"
        f'log.to = "console"\nlog.disablePrintColor = true\n'
        f'webServer.addr = "127.0.0.1"\nwebServer.port = {status.port}\n'
        f'webServer.user = "earshot"\nwebServer.password = {json.dumps(status.password)}\n'
        f"[[proxies]]\nname = {json.dumps(name)}\n"
        f'type = "tcp"\nlocalIP = "127.0.0.1"\nlocalPort = {port}\nremotePort = 0\n'
    )


class _Status:
    """What an open program says of itself, on a port of loopback and for a password."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.password = secrets.token_urlsafe(16)

    def of(self, name: str) -> str:
        """The address of a tunnel, once it is dug; why not, as a `NoTunnel`."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/status")
        told = b64encode(f"earshot:{self.password}".encode()).decode()
        request.add_header("authorization", f"Basic {told}")
        try:
            # without a proxy: it is this machine
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                request, timeout=PATIENCE
            ) as answer:
                tunnels = json.load(answer).get("tcp") or []
        except (OSError, ValueError):  # not yet
            return ""
        mine = next((one for one in tunnels if one.get("name") == name), {})
        return mine.get("remote_addr", "") if mine.get("status") == "running" else ""


class _Program:
    """A running frpc, which ends with us, and what it says."""

    def __init__(self, command: list[str], folder: str, server: Server):
        self._folder, self._server = folder, server
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._last = ""
        try:
            self._running = subprocess.Popen(
                [sys.executable, str(TETHER), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise NoTunnel(f"The tunnel's program does not start: {error.strerror}.") from error
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def is_running(self) -> bool:
        return self._running.poll() is None

    def until(self, found, look=lambda: "") -> str:
        """What `found` sees in one of its lines, or `look` elsewhere."""
        ends = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < ends:
                for line in self._said():
                    if address := found(line):
                        return address
                    if refused := REFUSED.search(line):
                        raise NoTunnel(f"The share server {self._server} refuses: {refused[1]}.")
                if address := look():
                    return address
                if not self.is_running and self._lines.empty():
                    raise NoTunnel(
                        f"The tunnel's program ended: {self._last or self._running.returncode}."
                    )
            raise NoTunnel(f"The share server {self._server} did not answer in {PATIENCE} seconds.")
        except BaseException:
            self.close()
            raise

    def _said(self) -> Iterator[str]:
        with suppress(queue.Empty):
            line = self._lines.get(timeout=LOOK)
            while True:
                self._last = line or self._last
                yield line
                line = self._lines.get_nowait()

    def _read(self) -> None:
        for line in self._running.stdout:
            self._lines.put(line.decode(errors="replace").strip())

    def close(self) -> None:
        self._running.stdin.close()  # its tether lets go
        self._running.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
