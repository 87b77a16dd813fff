"""`python -m benchmarks.crash`: the server is killed, without warning, at 200 random moments.

Each time a server (its engine is Parrot) is started on the same folder, and three pages send
recordings and questions over HTTP and read answers; one kill in ten comes while it starts. After
each the store is opened: SQLite must find nothing wrong, and every question, answer and recording
that the server had confirmed must be there, sample by sample. One server in `--whole` is all of it;
the others are the same door, routes, commands and store without Gradio's page, whose making takes
longer than the rest of a moment. All are forked from a process that has imported everything. What
a power cut does is not tried: the system keeps what a killed process has written. The last line is
JSON.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import socket
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app import exchange, web
from app.door import Gate
from app.events import Desk, named, served, talking
from app.places import Place, Places
from app.seat import Seat
from app.upkeep import Upkeep
from model import audio
from model.engine import Parrot
from model.messages import Clip
from model.spec import SAMPLE_RATE
from sessions.errors import StoreError
from sessions.records import DONE
from sessions.store import Store

PAGES = 3  # that send at the same time
LONGEST = 4.0  # seconds that a server lives, once it is ready
PATIENCE = 120  # seconds for a server to start, on a busy machine
STARTING = 2.0  # seconds in which it is killed while it starts
BUSY = "This answer is not finished: wait for it, or stop it first."
COMPOSER = {"id": 1, "props": {"elem_id": "composer"}}  # as Gradio tells of it
BROKEN = (OSError, http.client.HTTPException, ValueError)  # what a page sees of a killed server


@dataclass
class Confirmed:
    """What the server has said that it has."""

    clips: dict[str, str] = field(default_factory=dict)  # hash of the file, by digest
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    answered: list[tuple[str, str]] = field(default_factory=list)

    def __add__(self, other: "Confirmed") -> "Confirmed":
        return Confirmed(
            self.clips | other.clips, self.asked + other.asked, self.answered + other.answered
        )


def run_whole_server(folder: str, port: int, ready) -> None:
    from app.page import serve

    serve(
        Parrot(pause=0.01),
        folder,
        port=port,
        open_browser=False,
        ready=lambda address: ready.set(),
    )


def run_bare_server(folder: str, port: int, ready) -> None:
    with Store(folder) as store, closing(Places(Seat(Parrot(pause=0.01)), store)) as places:
        with closing(Upkeep(store)):
            commands = served("ask", places, lambda place: named(*talking(_desk(place))))

            async def command(request: Request) -> JSONResponse:
                return JSONResponse(await commands((await request.json())["data"], request))

            async def config(request: Request) -> JSONResponse:
                ready.set()
                return JSONResponse({"components": [COMPOSER]})

            app = Starlette(
                routes=[
                    Route("/gradio_api/component_server", command, methods=["POST"]),
                    Route("/config", config),
                    *web.routes(places),
                    *exchange.routes(places),
                ],
                middleware=web.middleware(Gate()),
            )
            uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def _desk(place: Place) -> Desk:
    return Desk(place.talks._engine, place.store, place.talks, place.allowance)


class Page:
    """What a browser does: sends a recording, asks about it, waits for the answer."""

    def __init__(self, port: int, seed: str):
        self._port, self._seed = port, seed
        self._random = random.Random(seed)
        self.confirmed = Confirmed()

    def open(self, server) -> bool:
        """Waits for the server's process. Whether it came up."""
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                self._composer = self._composers_id()
                return True
            except BROKEN:
                if not server.is_alive():
                    return False
                if time.monotonic() > ends:
                    raise
                time.sleep(0.05)

    def run(self) -> None:
        with suppress(*BROKEN):
            conversation = ""
            for number in range(10**6):
                if number % 3 == 0:
                    conversation = ""
                conversation = self._exchange(conversation, number)

    def _exchange(self, conversation: str, number: int) -> str:
        clips = [self._record() for _ in range(self._random.randint(0, 2))]
        text = f"{self._seed}, question {number}: " + "word " * self._random.randint(1, 20) + "end"
        said = {"conversation": conversation, "text": text, "edits": None}
        said["clips"] = [{"digest": digest, "name": "noise.wav"} for digest in clips]
        while (told := self._command("ask", said)).get("sentence") == BUSY:
            time.sleep(0.02)  # the answer before is stored, and about to make room
        conversation = told["conversation"]
        self.confirmed.asked.append((conversation, text, tuple(clips)))
        while (answer := self._newest(conversation))["status"] != DONE:
            time.sleep(0.02)
        self.confirmed.answered.append((conversation, answer["parts"][0]["text"]))
        return conversation

    def _record(self) -> str:
        length = int(SAMPLE_RATE * self._random.uniform(0.2, 2))
        noise = np.random.default_rng(self._random.getrandbits(32))
        clip = Clip.of((3000 * noise.standard_normal(length)).astype(np.int16))
        with tempfile.TemporaryFile() as file:
            audio.export(clip, file)
            file.seek(0)
            told = self._asked("POST", "/earshot/clips?name=noise.wav", file.read())
        assert told["digest"] == clip.digest, told
        self.confirmed.clips[clip.digest] = ""
        return clip.digest

    def _newest(self, conversation: str) -> dict:
        told = self._asked("GET", f"/earshot/export/{conversation}?form=json")
        return told["conversations"][0]["turns"][-1]

    def _composers_id(self) -> int:
        return next(
            one["id"]
            for one in self._asked("GET", "/config")["components"]
            if one["props"].get("elem_id") == "composer"
        )

    def _command(self, name: str, value: dict) -> dict:
        told = {"data": value, "fn_name": name, "component_id": self._composer}
        body = json.dumps(told | {"session_hash": self._seed.replace(" ", "")}).encode()
        return self._asked("POST", "/gradio_api/component_server", body)

    def _asked(self, method: str, path: str, body: bytes | None = None) -> dict:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            headers = {"x-earshot": "page", "content-type": "application/json"}
            link.request(method, path, body, headers)
            answer = json.loads(link.getresponse().read())
        finally:
            link.close()
        return answer


def started(folder: Path, is_whole: bool) -> tuple:
    """A server's process, what is set once it is ready, and its port."""
    fork = multiprocessing.get_context("forkserver")
    ready = fork.Event()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = run_whole_server if is_whole else run_bare_server
    process = fork.Process(target=run, args=(str(folder), port, ready))
    process.start()
    return process, ready, port


def killed(folder: Path, moment: int, seed: int, is_whole: bool) -> tuple[Confirmed, bool]:
    """One life of a server. What it confirmed, and whether it was killed before it was ready."""
    chance = random.Random(f"{seed} {moment}")
    is_starting = moment % 10 == 9
    while True:
        process, ready, port = started(folder, is_whole)
        pages = [Page(port, f"seed {seed} moment {moment} page {n}") for n in range(PAGES)]
        if is_starting or all(page.open(process) for page in pages):
            break  # else somebody else took its port meanwhile
    threads = [] if is_starting else [threading.Thread(target=page.run) for page in pages]
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(0, STARTING) if is_starting else chance.uniform(0.02, LONGEST))
    was_ready = ready.is_set()
    process.kill()
    process.join()
    for thread in threads:
        thread.join()
    return sum((page.confirmed for page in pages), Confirmed()), not was_ready


def lost(store: Store, confirmed: Confirmed, *, by_hash: bool = False) -> list[str]:
    """What was confirmed and is not there as it was. Recordings are decoded and their hash is
    taken; `by_hash` it is compared."""
    found: list[str] = []
    for digest, known in confirmed.clips.items():
        path = store.clips.path(digest)
        content = path.read_bytes() if path.exists() else b""
        if by_hash:
            is_there = sha256(content).hexdigest() == known
        else:
            confirmed.clips[digest] = sha256(content).hexdigest()
            is_there = bool(content) and audio.decode(content).digest == digest
        found += [] if is_there else [f"clip {digest}"]
    said: dict[str, list[tuple]] = {}
    for id in {id for id, *_ in (*confirmed.asked, *confirmed.answered)}:
        turns = store.turns(id)
        said[id] = [(turn.role, turn.text, tuple(c.digest for c in turn.clips)) for turn in turns]
        said[id] += [(turn.role, turn.text, turn.status) for turn in turns]
    for id, text, clips in confirmed.asked:
        found += [] if ("user", text, clips) in said[id] else [f"question {text}"]
    for id, text in confirmed.answered:
        found += [] if ("assistant", text, DONE) in said[id] else [f"answer {text}"]
    return found


def measure(moments: int, seed: int, whole: int) -> dict:
    preloaded = ["__main__", "app.page"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    everything, corrupt, gone, starting = Confirmed(), 0, [], 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for moment in range(moments):
            confirmed, was_starting = killed(Path(folder), moment, seed, moment % whole == 0)
            starting += was_starting
            try:
                with Store(folder) as store:  # it looks thoroughly after an end like this
                    missing = lost(store, confirmed)
            except StoreError as error:
                print(f"moment {moment}: {error}", flush=True)
                corrupt += 1
                break
            gone += missing
            everything += confirmed
            for what in missing:
                print(f"moment {moment}: lost {what}", flush=True)
            if moment % 20 == 19:
                print(f"{moment + 1} moments, {time.monotonic() - began:.0f} s", flush=True)
        if not corrupt:
            with Store(folder) as store:
                gone += lost(store, everything, by_hash=True)
    return {
        "moments": moments,
        "whole": len(range(0, moments, whole)),
        "while_starting": starting,
        "corrupt": corrupt,
        "lost": len(gone),
        "questions": len(everything.asked),
        "answers": len(everything.answered),
        "clips": len(everything.clips),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "seed": seed,
    }


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.partition(":")[2].split(".")[0].strip())
    cli.add_argument("--moments", type=int, default=200, help="default: %(default)s")
    cli.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    cli.add_argument("--whole", type=int, default=4, help="one server in so many; %(default)s")
    args = cli.parse_args()
    print(json.dumps(measure(args.moments, args.seed, args.whole)))


if __name__ == "__main__":
    main()
