"""Whether it works, in one word for whoever watches over it, and in figures for the owner's
Prometheus. Neither says anything of what was said.
"""

import shutil
import time
from collections.abc import Iterator

import psutil
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import visitors
from app.crowd import Counts
from app.places import Places
from app.seat import Seat
from app.upkeep import Upkeep
from app.web import refusal

FRESH = 5.0  # seconds that a look at the disk counts: anybody may ask
TEXT = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' format
Row = tuple[str, str, str, float]  # name with labels, kind, what it is, value


class Health:
    """What there is to watch."""

    def __init__(self, seat: Seat, places: Places, upkeep: Upkeep, counts: Counts):
        self._seat, self._places, self._upkeep, self._counts = seat, places, upkeep, counts
        self._began, self._looked, self._is_writable = time.time(), 0.0, False

    def is_writable(self) -> bool:
        """Whether the store takes anything, as of a few seconds ago."""
        if time.monotonic() - self._looked > FRESH or not self._looked:
            self._is_writable = self._places.owner.store.is_writable()
            self._looked = time.monotonic()
        return self._is_writable

    def state(self) -> dict:
        found = {"model": self._seat.is_taken, "store": self.is_writable()}
        ok = all(found.values()) and not self._places.is_ending
        return {"ok": ok} | found | {"waiting": self._places.n_waiting}

    def rows(self) -> Iterator[Row]:
        """Each with the ones of its name after it."""
        state, counts = self.state(), self._counts
        disk = shutil.disk_usage(self._places.owner.store.folder)
        made, newest = self._places.answered, self._upkeep.newest
        yield "model_loaded", "gauge", "1 while a model is loaded", state["model"]
        yield "store_writable", "gauge", "1 while the store can be written to", state["store"]
        yield "questions", "gauge", "Questions that wait or are being answered", state["waiting"]
        yield "answers_total", "counter", "Answers given, to whatever end", made[0]
        yield "answer_seconds_total", "counter", "Seconds spent giving them", made[1]
        yield "guests_open", "gauge", "Guests whose stores are open", self._places.n_open
        for status in ("2xx", "3xx", "4xx", "5xx"):
            name = f'responses_total{{status="{status}"}}'
            yield name, "counter", "Requests answered, by status", counts.done[status]
        yield "requests", "gauge", "Requests being answered", counts.now.total()
        yield "refused_total", "counter", "Requests refused since too many came", counts.refused
        yield "disk_free_bytes", "gauge", "Free on the disk of the store", disk.free
        yield "backup_day_seconds", "gauge", "The day of the newest backup", _midnight(newest)
        yield "memory_bytes", "gauge", "Memory of the process", psutil.Process().memory_info().rss
        yield "start_seconds", "gauge", "When the process began", self._began

    def text(self) -> str:
        lines, told = [], set()
        for name, kind, what, value in self.rows():
            name = f"earshot_{name}"
            if (bare := name.partition("{")[0]) not in told:
                lines += [f"# HELP {bare} {what}", f"# TYPE {bare} {kind}"]
                told.add(bare)
            lines.append(f"{name} {float(value)!r}")
        return "\n".join(lines) + "\n"


def _midnight(newest) -> float:
    return time.mktime(newest.day.timetuple()) if newest else 0


def routes(health: Health) -> list[Route]:
    async def healthz(request: Request) -> Response:
        state = await run_in_threadpool(health.state)
        headers = {"cache-control": "no-store"}
        return JSONResponse(state, 200 if state["ok"] else 503, headers)

    async def metrics(request: Request) -> Response:
        """For who sits at this machine; to others there is nothing here."""
        if not (visitors.KEY in request.scope and visitors.of(request).sits_here):
            return refusal(request, "There is nothing here.", 404)
        return PlainTextResponse(await run_in_threadpool(health.text), media_type=TEXT)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]
