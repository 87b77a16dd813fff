"""A stand-in for the two programs of FRP, to be run where they are absent. Not the real ones.

It speaks FRP's messages (a letter, eight bytes of length, JSON) over plain connections: without
TLS, encryption, compression or several streams in one connection. As `frpc` it takes the words
that Gradio's frpc is started with, or a configuration file like the open one, whose status it tells
as well. That is what tests need to see a page carried through by a program of its own.
"""

import argparse
import contextlib
import json
import os
import re
import socket
import struct
import sys
import threading
import tomllib
from base64 import b64decode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOGIN, LOGGED_IN, PROXY, PROXIED, WORK, WANTED, START = "o1p2wrs"


def say(connection, kind, **values):
    body = json.dumps(values).encode()
    connection.sendall(kind.encode() + struct.pack(">q", len(body)) + body)


def hear(connection):
    head = exactly(connection, 9)
    (length,) = struct.unpack(">q", head[1:])
    return chr(head[0]), json.loads(exactly(connection, length))


def exactly(connection, n):
    got = b""
    while len(got) < n:
        if not (more := connection.recv(n - len(got))):
            raise EOFError
        got += more
    return got


def join(one, other):
    """Whatever comes from one goes to the other, both ways, until both have ended."""

    def pour(source, target):
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    there = threading.Thread(target=pour, args=(one, other), daemon=True)
    there.start()
    pour(other, one)
    there.join()
    one.close()
    other.close()


class Frps:
    """A server on loopback. `token` is what it wants; `says` makes the address of a tunnel."""

    def __init__(self, token="", says=":{port}"):
        self.token, self.says = token, says
        self.logins, self.carried = [], 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._work, self._open, self._wait = [], [self._listening], threading.Condition()
        threading.Thread(
            target=self._accept, args=(self._listening, self._meet), daemon=True
        ).start()

    def _accept(self, listening, meet):
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._safely, args=(meet, connection), daemon=True).start()

    def _safely(self, meet, connection):
        with suppress(OSError, EOFError):
            meet(connection)

    def _meet(self, connection):
        kind, told = hear(connection)
        if kind == WORK:
            with self._wait:
                self._work.append(connection)
                return self._wait.notify()
        assert kind == LOGIN, kind
        self.logins.append(told)
        if told.get("privilege_key", "") != self.token:
            return say(
                connection, LOGGED_IN, error="token in login doesn't match token from configuration"
            )
        say(connection, LOGGED_IN, version="stand-in", run_id="1")
        kind, told = hear(connection)
        public = socket.create_server(("127.0.0.1", 0))
        self._open.append(public)
        port = public.getsockname()[1]
        say(
            connection,
            PROXIED,
            proxy_name=told["proxy_name"],
            remote_addr=self.says.format(port=port),
        )
        visit = threading.Thread(
            target=self._accept,
            args=(public, lambda one: self._carry(one, connection)),
            daemon=True,
        )
        visit.start()
        with suppress(OSError):
            connection.recv(1)  # until the client is gone
        public.shutdown(socket.SHUT_RDWR)
        public.close()

    def _carry(self, visitor, control):
        with contextlib.closing(visitor):
            say(control, WANTED)
            with self._wait:
                if not self._wait.wait_for(lambda: self._work, timeout=10):
                    return
                work = self._work.pop()
            say(work, START)
            self.carried += 1
            join(visitor, work)

    def close(self):
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def reach(port):
    return socket.create_connection(("127.0.0.1", port), 1)


def program(folder, name="frpc"):
    """The client as a program in a folder."""
    path = Path(folder, name)
    path.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text(encoding="utf-8"))
    path.chmod(0o755)
    return path


# The client


def client(host, port, local, name, token, told):
    """Log in, ask for a tunnel, and carry what comes. `told(address, error)` once it is there."""
    try:
        control = socket.create_connection((host, port), 5)
    except OSError as error:
        return print(f"login to server failed: {error}", flush=True)
    control.settimeout(None)
    say(control, LOGIN, version="stand-in", privilege_key=token)
    _, answer = hear(control)
    if answer.get("error"):
        return print(f"login to server failed: {answer['error']}", flush=True)
    say(control, PROXY, proxy_name=name, proxy_type="tcp")
    _, answer = hear(control)
    told(answer["remote_addr"])
    with suppress(OSError, EOFError):
        while hear(control)[0] == WANTED:
            threading.Thread(target=work, args=(host, port, local), daemon=True).start()


def work(host, port, local):
    connection = socket.create_connection((host, port))
    say(connection, WORK, run_id="1")
    hear(connection)
    join(connection, socket.create_connection(("127.0.0.1", local)))


def as_gradios(words):
    """frpc http -n … -l … --server_addr …, which says the address in its log."""
    cli = argparse.ArgumentParser()
    cli.add_argument("-n", dest="name")
    cli.add_argument("-l", dest="local", type=int)
    cli.add_argument("-i", dest="ip")
    cli.add_argument("--sd")
    cli.add_argument("--server_addr")
    for flag in ("--uc", "--ue", "--disable_log_color", "--tls_enable"):
        cli.add_argument(flag, action="store_true")
    cli.add_argument("--tls_trusted_ca_file")
    words = cli.parse_args(words)
    host, port = words.server_addr.split(":")

    def told(address):
        print(f"[I] [{words.name[:18]}] start proxy success: {address}", flush=True)

    client(host, int(port), words.local, words.name, "", told)


def as_the_open_one(path):
    """frpc -c frpc.toml, which tells its status for a password."""
    text = Path(path).read_text(encoding="utf-8")
    text = re.sub(r"\{\{ \.Envs\.(\w+) \}\}", lambda name: os.environ[name[1]], text)
    config = tomllib.loads(text)
    proxy, web = config["proxies"][0], config["webServer"]
    tunnel = {"name": proxy["name"], "status": "wait start", "remote_addr": ""}

    class Status(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, _, given = self.headers.get("authorization", "").partition(" ")
            wanted = f"{web['user']}:{web['password']}"
            allowed = kind == "Basic" and b64decode(given).decode() == wanted
            self.send_response(200 if allowed and self.path == "/api/status" else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"tcp": [tunnel]}).encode() if allowed else b"")

        def log_message(self, *_):
            pass

    status = ThreadingHTTPServer((web["addr"], web["port"]), Status)
    threading.Thread(target=status.serve_forever, daemon=True).start()

    def told(address):
        tunnel.update(status="running", remote_addr=config["serverAddr"] + address)
        print(f"[I] [{proxy['name']}] start proxy success", flush=True)

    token = config.get("auth", {}).get("token", "")
    client(
        config["serverAddr"], config["serverPort"], proxy["localPort"], proxy["name"], token, told
    )


if __name__ == "__main__":
    if sys.argv[1] == "-c":
        as_the_open_one(sys.argv[2])
    else:
        as_gradios(sys.argv[2:])
