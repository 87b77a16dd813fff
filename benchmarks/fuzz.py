"""10,000 hostile requests to every address of the real server: python -m benchmarks.fuzz

As its owner, as two guests and as nobody, on loopback. Counted are errors of the server that are
not our sentences, answers that hold what is not theirs to see (the words, sounds and passwords of
others, files inside and outside the data folder), addresses that the server fetched, answers that
took over 10 s, and secrets in its log. The last line is JSON.
"""

import argparse
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from sessions.store import Store
from tests.hostile.requests import ENDLESS, Asked, Known, requests

ROOT = Path(__file__).parent.parent
COUNT, SEED = 10_000, 6
HANG = 10  # seconds
READ = 1 << 20  # bytes of an answer that are looked through
GLANCE = 0.2  # seconds for an answer that does not end
OWNER, NOBODY, GUESTS = "owner", "nobody", ("ada", "ben")
PASSWORD = "canary-password-7251"
LEFT_ALONE = {"end_sharing", "begin_sharing", "fetch", "download", "shared_password"}
SERVER = """
import json, sys
import launch
from app import network
from gradio.routes import App
network.addresses = lambda: ["127.0.0.1"]  # this network: nobody else is to come
create = App.create_app

def routes(found):
    for one in found:
        if hasattr(one, "original_router"):
            yield from routes(one.original_router.routes)
        elif hasattr(one, "path"):
            yield one.path, sorted(getattr(one, "methods", None) or ())

def created(*words, **options):
    app = create(*words, **options)
    print("ROUTES " + json.dumps(list(routes(app.routes))), flush=True)
    return app

App.create_app = staticmethod(created)
launch.main(sys.argv[1:])
"""


@dataclass
class World:
    """A server with three visitors, what each has, and what nobody may see."""

    folder: Path
    routes: list = field(default_factory=list)
    port: int = 0
    porch: int = 0  # the port for guests
    cookies: dict[str, str] = field(default_factory=dict)
    secrets: dict[bytes, str] = field(default_factory=dict)  # and whose they are
    ids: list[str] = field(default_factory=list)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = (self.folder / "log").open("wb")
        words = ["--model", "parrot", "--data", str(self.data), "--port", str(self.port)]
        words += ["--no-browser", "--share", "lan"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *words],
            cwd=ROOT,
            env=os.environ | {"EARSHOT_PASSWORD": PASSWORD},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("ROUTES "):
                found = json.loads(line.removeprefix("ROUTES "))  # Gradio's at first, then ours
                self.routes += [one for one in found if one not in self.routes]
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
            if address and int(address[1]) != self.port:
                self.porch = int(address[1])
                break
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        for _ in self.process.stdout:
            pass

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def furnish(self) -> None:
        """Everybody gets a conversation with a secret and a sound; files get one, too."""
        self._leave(OWNER, self.data)
        for name in GUESTS:
            self.admit(name)
        for path in self.files[:2]:
            Path(path).write_bytes(b"canary-file-" + Path(path).name.encode())
            self.secrets[Path(path).read_bytes()] = ""
        self.secrets |= {b"root:x:0:0": "", PASSWORD.encode(): OWNER, b"SQLite format 3": ""}

    def admit(self, name: str) -> None:
        """A guest comes, and leaves something; or comes again, having been sent away."""
        before = set((self.data / "guests").glob("*/guest.json"))
        self.cookies[name] = self._enter(name)
        self.secrets[self.cookies[name].split("=", 1)[1].encode()] = name
        for note in set((self.data / "guests").glob("*/guest.json")) - before:
            self._leave(name, note.parent)

    @property
    def files(self) -> tuple[str, ...]:
        inside = ("canary.txt", "earshot.db", "guests.toml", "guests")
        outside = (str(self.folder / "outside.txt"), "/etc/passwd", str(ROOT / "launch.py"))
        first, *rest = (str(self.data / name) for name in inside)
        return (first, outside[0], *rest, *outside[1:], "/proc/self/environ")

    def _leave(self, who: str, folder: Path) -> None:
        secret = f"canary-words-of-{who}"
        digest = f"{len(self.ids):032x}"
        sound = b"fLaC" + f"canary-sound-of-{who}".encode() * 9
        with Store(folder) as store:
            store.keep(digest, 1.0, sound)
            id = store.start().id
            store.ask(id, (store.clip(digest, f"canary-name-of-{who}"), secret))
        self.ids += [id, digest]
        for kind in ("words", "sound", "name"):
            self.secrets[f"canary-{kind}-of-{who}".encode()] = who

    def _enter(self, name: str) -> str:
        body = urlencode({"password": PASSWORD, "name": name}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        link = http.client.HTTPConnection("127.0.0.1", self.porch, timeout=60)
        link.request("POST", "/earshot/login", body, headers)
        answer = link.getresponse()
        assert answer.status == 303, (answer.status, answer.read())
        return answer.headers["set-cookie"].split(";")[0]

    def config(self) -> dict:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        link.request("GET", "/config")
        return json.loads(link.getresponse().read())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


@dataclass(frozen=True)
class Answer:
    status: int  # 0 for none
    content: bytes  # with the headers
    seconds: float


class Line(http.client.HTTPConnection):
    """One that sends whatever it is told to."""

    def _validate_path(self, url):
        pass

    def _encode_request(self, request):
        return request.replace("\r", "%0d").replace("\n", "%0a").encode("utf-8", "replace")


def sent(world: World, asked: Asked) -> Answer:
    began = time.monotonic()
    headers = dict(asked.headers)
    if asked.who in world.cookies:
        headers["cookie"] = world.cookies[asked.who]
    port = world.port if asked.who == OWNER else world.porch
    line = Line("127.0.0.1", port, timeout=60)
    status, content = 0, b""
    try:
        line.putrequest(asked.method, asked.path, skip_host="host" in headers)
        for name, value in headers.items():
            line.putheader(name, value.encode("latin-1", "replace"))
        line.putheader("content-length", str(len(asked.body)))
        line.endheaders(asked.body)
        answer = line.getresponse()
        status, content = answer.status, str(answer.headers).encode("utf-8", "replace")
        if ENDLESS.search(asked.path):
            line.sock.settimeout(GLANCE) if line.sock else None
        while (more := answer.read1(READ)) and len(content) < READ:
            content += more
    except TimeoutError:
        pass
    except (OSError, http.client.HTTPException) as error:
        content += repr(error).encode()
    finally:
        line.close()
    return Answer(status, content, time.monotonic() - began)


def wrong(world: World, asked: Asked, answer: Answer) -> list[str]:
    """What is the matter with an answer, by kind."""
    found = []
    if answer.status >= 500 and not is_sentence(answer.content):
        found.append("errors")
    if b"Traceback (most recent" in answer.content:
        found.append("errors")
    for secret, whose in world.secrets.items():
        if secret in answer.content and asked.who != whose:
            found.append("leaks" if whose else "files")
    if answer.seconds > HANG:
        found.append("hangs")
    return found


def is_sentence(content: bytes) -> bool:
    at = content.find(b'{"sentence":')
    return at >= 0 and content.rstrip().endswith(b'"}')


def fetched_addresses() -> tuple[http.server.ThreadingHTTPServer, list[str]]:
    """A server on loopback, and what it was asked for: nothing, if all is well."""
    asked: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


def measure(count: int, seed: int, shown: int = 40) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        canary, fetched = fetched_addresses()
        world = World(Path(folder))
        world.start()
        try:
            world.furnish()
            known = _known(world, canary.server_port)
            sent(world, commanded("models_here", known.component))  # the first look takes a while
            found, statuses, slowest = Counter(), Counter(), 0.0
            for asked in requests(known, count, seed):
                answer = sent(world, asked)
                statuses[answer.status] += 1
                slowest = max(slowest, answer.seconds)
                for kind in wrong(world, asked, answer):
                    found[kind] += 1
                    if found.total() <= shown:
                        _show(kind, asked, answer)
                if world.process.poll() is not None:
                    break
                if answer.status == 401 and asked.who in GUESTS:
                    world.admit(asked.who)
            is_alive = all(
                sent(world, Asked(OWNER, "GET", path)).status == 200
                for path in ("/", "/earshot/alive", "/earshot/export")
            )
        finally:
            world.close()
            canary.shutdown()
        log = (world.folder / "log").read_bytes()
    told = sum(secret in log for secret, whose in world.secrets.items() if whose)
    print(dict(statuses), f"tracebacks in the log: {log.count(b'Traceback')}")
    kinds = ("errors", "leaks", "files", "hangs")
    return {
        "requests": statuses.total(),
        "addresses": len(world.routes),
        **{kind: found[kind] for kind in kinds},
        "fetched": len(fetched),
        "secrets_in_log": told,
        "alive": is_alive,
        "slowest_s": round(slowest, 1),
    }


def _known(world: World, port: int) -> Known:
    config = world.config()
    commands, component = _commands(config)
    return Known(
        routes=world.routes,
        commands=[name for name in commands if name not in LEFT_ALONE],
        component=component,
        ids=world.ids,
        files=world.files,
        urls=(f"http://127.0.0.1:{port}/x.wav", f"//127.0.0.1:{port}/x"),
        askers=(OWNER, *GUESTS, NOBODY),
    )


def _commands(config: dict) -> tuple[list[str], int]:
    """Names of the page's server functions, and the component that has them."""
    for component in config["components"]:
        if names := component["props"].get("server_fns"):
            return names, component["id"]
    raise AssertionError("the page has no commands")


def commanded(name: str, component: int) -> Asked:
    body = {"session_hash": "first", "component_id": component, "fn_name": name, "data": {}}
    headers = {"content-type": "application/json"}
    where = "/gradio_api/component_server"
    return Asked(OWNER, "POST", where, headers, json.dumps(body).encode())


def _show(kind: str, asked: Asked, answer: Answer) -> None:
    print(f"{kind}: {asked.who} {asked.method} {asked.path[:150]!r} {asked.headers}")
    print(f"    {asked.body[:200]!r}")
    print(f"    {answer.status} in {answer.seconds:.1f} s: {answer.content[-300:]!r}", flush=True)


def main() -> None:
    cli = argparse.ArgumentParser(description="Send hostile requests to the server.")
    cli.add_argument("--count", type=int, default=COUNT, help="default: %(default)s")
    cli.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    words = cli.parse_args()
    print(json.dumps(measure(words.count, words.seed)))


if __name__ == "__main__":
    main()
