"""Over 500 hostile files into the real server, the way the page sends them.

    python -m benchmarks.hostile [--every 20]

Each is heard or refused with a sentence. Counted are those that are neither, answers that are the
server's own errors, connections that break, and hangs: 10 s without an answer and without news of
how far the recording is read. The memory is the most that the server and the programs it runs hold
at once.. The last line is JSON.
"""

import argparse
import http.client
import json
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

import psutil

from tests.app.conftest import Server
from tests.hostile import sounds
from tests.hostile.sounds import Hostile

HANG = 10  # seconds
PATIENCE = 120  # seconds until a file is given up
LOOK = 0.02  # seconds between two looks at the memory


@dataclass
class Memory:
    """The most bytes that a process and its children held at once."""

    process: psutil.Process
    most: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.ended.wait(LOOK):
            held = 0
            with suppress(psutil.NoSuchProcess):
                for one in (self.process, *self.process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        held += one.memory_info().rss
            self.most = max(self.most, held)


@dataclass(frozen=True)
class Outcome:
    status: int  # of the answer; 0 for none
    sentence: str
    seconds: float
    still: float  # the longest time without an answer or news


def asked(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        link.request(method, path, body, {"x-earshot": "1"})
        answer = link.getresponse()
        return answer.status, answer.read()
    finally:
        link.close()


def sent(port: int, one: Hostile, id: str) -> Outcome:
    """What becomes of a file, looked at from outside while it is read."""
    name = quote(one.name.encode("utf-8", "surrogatepass"))
    news = [time.monotonic()]
    ended = threading.Event()
    watcher = threading.Thread(target=follow, args=(port, id, news, ended))
    watcher.start()
    try:
        status, body = asked(port, "POST", f"/earshot/clips?name={name}&reading={id}", one.content)
    except (OSError, http.client.HTTPException):
        status, body = 0, b""
    ended.set()
    watcher.join()
    news.append(time.monotonic())
    still = max(after - before for before, after in zip(news, news[1:], strict=False))
    return Outcome(status, _sentence(body), news[-1] - news[0], still)


def follow(port: int, id: str, news: list[float], ended: threading.Event) -> None:
    """Adds the times at which the recording was seen to be read further."""
    before = 0
    while not ended.wait(1):
        with suppress(OSError, http.client.HTTPException, ValueError):
            now = json.loads(asked(port, "GET", f"/earshot/reading/{id}")[1])["seconds"]
            if now > before:
                before = now
                news.append(time.monotonic())


def _sentence(body: bytes) -> str:
    try:
        told = json.loads(body)
        return told.get("sentence", "") if isinstance(told, dict) else ""
    except ValueError:
        return ""


def measure(files: list[Hostile]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, "--model", "parrot")
        memory = Memory(psutil.Process(server.process.pid))
        watching = threading.Thread(target=memory.watch)
        watching.start()
        try:
            outcomes = [sent(server.port, one, f"file{i}") for i, one in enumerate(files)]
            last = Hostile("real", "x.wav", sounds.made()["x.wav"])
            is_alive = server.process.poll() is None and sent(server.port, last, "l").status == 200
        finally:
            memory.ended.set()
            watching.join()
            server.close()
    pairs = list(zip(files, outcomes, strict=True))
    for one, was in pairs:
        if not is_fine(was) or was.seconds > HANG:
            print(one.kind, ascii(one.name)[:60], was.status, f"{was.seconds:.1f} s", was.sentence)
    slowest = max(pairs, key=lambda pair: pair[1].seconds)
    return {
        "files": len(files),
        "heard": sum(was.status == 200 for was in outcomes),
        "crashes": sum(was.status in (0, *range(500, 600)) for was in outcomes) + (not is_alive),
        "hangs": sum(was.still > HANG for was in outcomes),
        "without_sentence": sum(not is_fine(was) for was in outcomes),
        "slowest_s": round(slowest[1].seconds, 1),
        "slowest": slowest[0].name,
        "median_s": round(sorted(was.seconds for was in outcomes)[len(outcomes) // 2], 3),
        "peak_mb": round(memory.most / 1e6),
    }


def is_fine(was: Outcome) -> bool:
    return was.status == 200 or was.status < 500 and was.sentence[-1:] in (".", "?")


def main() -> None:
    cli = argparse.ArgumentParser(description="Send hostile files to the server.")
    cli.add_argument("--every", type=int, default=1, help="send only every so many of them")
    cli.add_argument("--seed", type=int, default=sounds.SEED, help="default: %(default)s")
    words = cli.parse_args()
    print(json.dumps(measure(sounds.corpus(words.seed)[:: words.every])))


if __name__ == "__main__":
    main()
