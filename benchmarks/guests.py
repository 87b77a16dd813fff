"""`python -m benchmarks.guests`: many guests at one Earshot for a while, and a kill in the middle.

Each comes in by the password and asks one question after the other; a tenth of them ask several at
once, as whoever wants more than their share. The server, with Parrot for a model, is killed
(kill -9) once half the time is over, and started again. Afterwards everything that was acknowledged
is looked for in the guests' own stores, and how long each question of the patient ones waited for
the end of its answer is compared. The last line is JSON.
"""

import argparse
import asyncio
import json
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sessions.records import DONE
from sessions.store import Store

ROOT = Path(__file__).parents[1]
PASSWORD = "fifty quiet owls"
GREEDY = 0.1  # of the guests …
AT_ONCE = 3  # … ask so many questions at once
WORDS = 6  # of a question, and so of Parrot's answer
AGAIN = 1.0  # seconds until a guest asks again whose answer is not finished
THINKING = 2.0  # seconds at most between an answer and the next question
PATIENCE = 120.0  # seconds that the last answers have to come
POLICY = "messages_an_hour = 100000\nmost_guests = 1000\n"


class Server:
    """Earshot, shared with this machine's network; it can be killed and started again."""

    def __init__(self, folder: Path, pause: float):
        self.folder, self.pause, self.process = folder, pause, None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> str:
        """The address for guests."""
        words = ["--model", "parrot", "--pause", str(self.pause), "--data", str(self.folder)]
        words += ["--port", str(self.port), "--no-browser", "--share", "lan"]
        command = [sys.executable, "launch.py", *words, "--password", PASSWORD]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"https?://(?!127\.0\.0\.1)\S+:(\d+)/", line):
                return f"http://127.0.0.1:{found[1]}"
        raise SystemExit("The server ended before it was shared.")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()


@dataclass
class Guest:
    """One browser's worth of requests."""

    number: int
    is_greedy: bool
    composer: int = 0  # Gradio's number of the component whose functions the page calls
    client: httpx.AsyncClient | None = None
    conversations: dict[int, str] = field(default_factory=dict)  # by the lane they are asked in
    acknowledged: list[tuple[str, str]] = field(default_factory=list)  # conversation, question


@dataclass
class Run:
    """What all guests know, and what happened to them."""

    address: str
    until: float
    counts: Counter = field(default_factory=Counter)


async def enter(guest: Guest, run: Run) -> None:
    limits = httpx.Limits(max_connections=AT_ONCE + 1)
    guest.client = httpx.AsyncClient(timeout=60, limits=limits, headers={"x-earshot": "page"})
    told = {"password": PASSWORD, "name": f"Guest {guest.number}"}
    answer = await guest.client.post(f"{run.address}/earshot/login", data=told)
    assert answer.status_code == 303, (answer.status_code, answer.text[-400:])
    config = (await guest.client.get(f"{run.address}/config")).json()
    guest.composer = next(
        one["id"] for one in config["components"] if one["props"].get("elem_id") == "composer"
    )


async def call(guest: Guest, run: Run, name: str, value: dict) -> dict | None:
    """One of the page's commands; None where nobody answers."""
    asked = {"data": value, "component_id": guest.composer, "fn_name": name}
    asked["session_hash"] = f"guest{guest.number}"
    try:
        answer = await guest.client.post(f"{run.address}/gradio_api/component_server/", json=asked)
        if answer.status_code >= 400:
            run.counts[f"status {answer.status_code}"] += 1
            return None
        return answer.json()
    except (httpx.HTTPError, ValueError):
        run.counts["no answer"] += 1
        return None


async def ask_on(guest: Guest, run: Run, lane: int) -> None:
    """Questions of one conversation, each once the one before is answered."""
    chance, n = random.Random(1000 * guest.number + lane), 0
    while time.monotonic() < run.until:
        words = " ".join(f"word{i}" for i in range(WORDS - 3))
        text = f"guest{guest.number} lane{lane} question{n} {words}"
        here = guest.conversations.get(lane, "")
        told = await call(guest, run, "ask", {"conversation": here, "text": text, "clips": []})
        if told and "conversation" in told:
            guest.conversations[lane] = told["conversation"]
            guest.acknowledged.append((told["conversation"], text))
            n += 1
            await asyncio.sleep(AGAIN + THINKING * chance.random())
        else:
            run.counts["refused"] += told is not None
            await asyncio.sleep(AGAIN * (0.5 + chance.random()))


async def gathered(guests: list[Guest], run: Run, server: Server, seconds: float) -> None:
    for guest in guests:  # one after the other: passwords are looked at slowly
        await enter(guest, run)
    run.until = time.monotonic() + seconds
    lanes = [(g, lane) for g in guests for lane in range(AT_ONCE if g.is_greedy else 1)]
    asking = [asyncio.create_task(ask_on(guest, run, lane)) for guest, lane in lanes]
    await asyncio.sleep(seconds / 2)
    server.kill()
    run.address = await asyncio.to_thread(server.start)
    await asyncio.gather(*asking)
    for guest in guests:
        await guest.client.aclose()


def finished(folder: Path, ends: float) -> bool:
    """Whether nothing is being answered any more."""
    while time.monotonic() < ends:
        is_writing = False
        for path in (folder / "guests").glob("?" * 32):
            with Store(path) as store, store._reading() as db:
                found = db.execute("select 1 from turns where status = 'writing' limit 1")
                is_writing = is_writing or bool(found.fetchone())
        if not is_writing:
            return True
        time.sleep(1)
    return False


def found(folder: Path, guests: list[Guest]) -> dict:
    """What the guests' stores hold of what was acknowledged, and how long it took."""
    by_name = {f"Guest {guest.number}": guest for guest in guests}
    lost = wrong = strangers = answered = 0
    waits: dict[bool, list[float]] = {True: [], False: []}  # by whether they are greedy
    for path in (folder / "guests").glob("?" * 32):
        note = json.loads((path / "guest.json").read_text())
        guest = by_name[note["name"]]
        with Store(path) as store:
            ids = {one.id for one in store.conversations(-1)}
            turns = {id: store.turns(id) for id in ids}
        asked = {(id, turn.text) for id in ids for turn in turns[id] if turn.role == "user"}
        lost += sum(one not in asked for one in guest.acknowledged)
        strangers += sum(not text.startswith(f"guest{guest.number} ") for _, text in asked)
        for id in ids:
            for question, answer in zip(turns[id], turns[id][1:], strict=False):
                if answer.role == "assistant" and answer.status == DONE:
                    answered += 1
                    wrong += not answer.text.endswith(question.text)
                    waits[guest.is_greedy].append(answer.updated - question.created)
    patient = waits[False]
    median = statistics.median(patient)
    return {
        "acknowledged": sum(len(guest.acknowledged) for guest in guests),
        "lost": lost,
        "answered": answered,
        "wrong": wrong,
        "strangers": strangers,
        "median_wait_s": round(median, 2),
        "longest_wait_s": round(max(patient), 2),
        "longest_over_median": round(max(patient) / median, 2),
        "greedy_median_wait_s": round(statistics.median(waits[True]), 2) if waits[True] else None,
    }


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--guests", type=int, default=50)
    cli.add_argument("--minutes", type=float, default=10)
    cli.add_argument("--pause", type=float, default=0.05, help="seconds before each of Parrot's")
    words = cli.parse_args()
    guests = [Guest(n, n < GREEDY * words.guests) for n in range(words.guests)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "guests.toml").write_text(POLICY)
        server = Server(folder, words.pause)
        run = Run(server.start(), 0.0)
        try:
            asyncio.run(gathered(guests, run, server, 60 * words.minutes))
            is_finished = finished(folder, time.monotonic() + PATIENCE)
        finally:
            server.close()
        figures = {"guests": words.guests, "minutes": words.minutes} | found(folder, guests)
    figures |= {"finished": is_finished, "happened": dict(run.counts)}
    for key, value in figures.items():
        print(f"{key}: {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
