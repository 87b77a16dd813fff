"""The microphone of this machine, on the page: for visitors who sit at it, and those the owner lets
in. One recording at a time, which every such visitor sees.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app import chat, hearing, microphone, visitors
from app.door import ENTRANCE, is_loopback
from app.ear import Ear, Heard
from app.hearing import SPEAK, Settings
from app.meter import STEP
from app.microphone import Microphone
from app.places import Place, Places
from app.recorder import Recordings, Take
from app.web import from_the_page, refusal
from model.errors import EarshotError
from sessions.records import ClipRef

TICK = 0.08  # seconds between two levels
SHOWN = 60  # peaks of the waveform
UNSEEN_SECONDS = 60  # after which a recording that no page shows ends
ANYONE = "anyone"
NOT_YOURS = (
    "The microphone of the machine that Earshot runs on is for visitors who sit at it, and for "
    "those its owner lets in with --microphone-for."
)
TAKEN = "This machine's microphone is recording already."
IDLE = "This machine's microphone is not recording."
ELSEWHERE = "Recordings are taken from the page only."


class Host:
    """What is recorded here for the page, and by whom it may be."""

    def __init__(self, place: Place, let_in: Sequence[str] = ()):
        self._store, self._let_in = place.store, tuple(let_in)
        self._whose = ""  # who began the recording: a visitor's id
        self._recordings = Recordings(self._store.folder)
        self._ear: Ear | None = None
        self._over: list[Take] = []  # finished, and in no conversation yet …
        self._theirs: dict[str, str] = {}  # … and who of guests recorded it, by its id
        self._trouble = ""
        self._seen = 0.0  # when a page last showed the recording
        self._changing = threading.Lock()

    def may(self, request: Request) -> bool:
        """Whoever sits at this machine, and reaches it without anybody between; or is let in. What
        comes through a tunnel has no address of its own."""
        if visitors.of(request).sits_here or ANYONE in self._let_in:
            return True
        entrance = request.scope.get(ENTRANCE)
        address = request.client.host if request.client else ""
        return address in self._let_in and not (entrance and is_loopback(request))

    # What a page may ask for

    def state(self, place: Place) -> dict:
        """What there is, and whether it records. What was left over is the owner's."""
        settings = hearing.load(self._store.folder)
        left = [] if place.is_guests else self._left()
        return {
            "allowed": True,
            "recording": self._ear is not None,
            "settings": asdict(settings),
            "left": [{"id": t.id, "began": t.began, "seconds": t.seconds} for t in left],
        }

    def devices(self) -> dict:
        return {"devices": [device.name for device in microphone.devices()]}

    def choose(self, asked: dict) -> dict:
        """Keep settings; those that are not named stay."""
        kept = asdict(hearing.load(self._store.folder))
        told = {name: asked[name] for name in kept if name in asked}
        for name in ("sensitivity", "silence"):
            told = told | {name: float(told[name])} if name in told else told
        settings = Settings(**kept | told)
        hearing.save(self._store.folder, settings)
        return {"settings": asdict(settings)}

    def start(self, place: Place) -> dict:
        """Record; where it ends by itself, once someone speaks."""
        settings = hearing.load(self._store.folder)
        with self._changing:
            if self._ear is not None:
                raise chat.Refused(TAKEN)
            source = Microphone(self._device(settings))
            ends = settings.hearing(settings.mode_on_page)
            self._ear = Ear(source, self._recordings, hearing=ends)
            self._trouble, self._seen, self._whose = "", time.monotonic(), place.id
            if settings.mode_on_page != SPEAK:
                self._ear.begin()
        threading.Thread(target=self._guard, args=(self._ear,), daemon=True).start()
        return {}

    def _device(self, settings: Settings) -> microphone.Device:
        try:
            return microphone.choose(settings.device)
        except microphone.NoMicrophone:  # the one that was chosen is not plugged in
            return microphone.choose()

    def finish(self, place: Place) -> dict:
        """The recording as a clip, and why it ended by itself, if it did."""
        self._check(place)
        self._end()
        if not (over := self._own(place)):
            raise chat.Refused(IDLE)
        clip = self._take(over[-1], place)
        return asdict(clip) | {"trouble": self._trouble}

    def drop(self, place: Place) -> dict:
        self._check(place)
        self._end()
        for take in self._own(place):
            self._over.remove(take)
            take.discard()
        return {}

    def keep(self, place: Place, id: str) -> dict:
        """One that was left over, as a clip."""
        return asdict(self._take(self._left_over(place, id), place))

    def forget(self, place: Place, id: str) -> dict:
        take = self._left_over(place, id)
        self._over = [one for one in self._over if one.id != id]
        take.discard()
        return {}

    def _check(self, place: Place) -> None:
        """A guest ends no recording but their own; the owner any."""
        if place.is_guests and place.id != self._whose:
            raise chat.Refused(IDLE)

    def _own(self, place: Place) -> list[Take]:
        """Finished ones that are a guest's, or all for the owner."""
        return [t for t in self._over if not place.is_guests or self._theirs.get(t.id) == place.id]

    def _left(self) -> list[Take]:
        return [*self._over, *self._recordings.leftovers()]

    def _left_over(self, place: Place, id: str) -> Take:
        left = [] if place.is_guests else self._left()
        take = next((take for take in left if take.id == id), None)
        if take is None:
            raise chat.Refused("This recording is no longer here.")
        return take

    def _take(self, take: Take, place: Place) -> ClipRef:
        """Into the store, for a turn that is about to be sent. What cannot be stays."""
        name = f"{take.name} {datetime.fromtimestamp(take.began):%H:%M}"
        clip = chat.take_in(place.store, take.settled(), name, place.recall)
        self._over = [one for one in self._over if one.id != take.id]
        take.discard()
        return clip

    def _end(self) -> None:
        with self._changing:
            ear, self._ear = self._ear, None
            if ear is None:
                return
            last, before = ear.close(), list(self._over)
            while not ear.heard.empty():
                heard = ear.heard.get()
                if isinstance(heard, Heard):
                    self._over.append(heard.take)
                    self._trouble = heard.trouble
            self._trouble = self._trouble or ear.trouble
            self._over += [last] if last else []
            self._theirs |= {take.id: self._whose for take in self._over if take not in before}

    def _guard(self, ear: Ear) -> None:
        """A recording that nobody sees must not go on: the page may have been closed."""
        while self._ear is ear:
            time.sleep(1)
            if time.monotonic() - self._seen > UNSEEN_SECONDS and self._ear is ear:
                self._end()

    async def levels(self) -> AsyncIterator[dict]:
        """The level and the waveform, until the recording is over."""
        while (ear := self._ear) is not None:
            self._seen = time.monotonic()
            peaks = [round(peak, 3) for peak in list(ear.meter.peaks)[-SHOWN:]]
            told = {"seconds": ear.seconds, "level": ear.meter.level, "peaks": peaks}
            is_over = not ear.is_alive or ear.n_ended > 0
            yield told | {"step": STEP, "waiting": not ear.is_recording, "over": is_over}
            if is_over:
                return
            await asyncio.sleep(TICK)

    def close(self) -> None:
        self._end()
        self._recordings.close()


def routes(host: Host, places: Places) -> list[Route]:
    async def state(request: Request) -> Response:
        if not host.may(request):
            return JSONResponse({"allowed": False})
        return JSONResponse(await run_in_threadpool(host.state, await places.at(request)))

    async def levels(request: Request) -> Response:
        if not host.may(request):
            return refusal(request, NOT_YOURS, 403)

        async def events() -> AsyncIterator[str]:
            async for level in host.levels():
                yield f"data: {json.dumps(level)}\n\n"
            yield 'data: {"over": true}\n\n'

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)

    def does(work: Callable[[Place, dict], dict]) -> Callable:
        async def run(request: Request) -> Response:
            if not from_the_page(request):
                return refusal(request, ELSEWHERE, 403)
            if not host.may(request):
                return refusal(request, NOT_YOURS, 403)
            asked = dict(request.query_params)
            try:
                place = await places.at(request)
                return JSONResponse(await run_in_threadpool(work, place, asked))
            except EarshotError as error:
                return refusal(request, str(error))

        return run

    works = {
        "devices": lambda place, asked: host.devices(),
        "choose": lambda place, asked: host.choose(asked),
        "start": lambda place, asked: host.start(place),
        "finish": lambda place, asked: host.finish(place),
        "drop": lambda place, asked: host.drop(place),
        "keep": lambda place, asked: host.keep(place, asked.get("id", "")),
        "forget": lambda place, asked: host.forget(place, asked.get("id", "")),
    }
    return [
        Route("/earshot/host", state),
        Route("/earshot/host/level", levels),
        *(
            Route(f"/earshot/host/{name}", does(work), methods=["POST"])
            for name, work in works.items()
        ),
    ]
