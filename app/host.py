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

from app import chat, hearing, microphone
from app.ear import Ear, Heard
from app.hearing import SPEAK, Settings
from app.meter import STEP
from app.microphone import Microphone
from app.owner import is_owner
from app.places import Place
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
        self._store, self._recall, self._let_in = place.store, place.recall, tuple(let_in)
        self._recordings = Recordings(self._store.folder)
        self._ear: Ear | None = None
        self._over: list[Take] = []  # finished, and in no conversation yet
        self._trouble = ""
        self._seen = 0.0  # when a page last showed the recording
        self._changing = threading.Lock()

    def may(self, request: Request) -> bool:
        """Whoever sits at this machine, and reaches it without anybody between; or is let in."""
        address = request.client.host if request.client else ""
        if ANYONE in self._let_in or address in self._let_in:
            return True
        return is_owner(request)

    # What a page may ask for

    def state(self) -> dict:
        """What there is, and whether it records."""
        settings = hearing.load(self._store.folder)
        left = [*self._over, *self._recordings.leftovers()]
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

    def start(self) -> dict:
        """Record; where it ends by itself, once someone speaks."""
        settings = hearing.load(self._store.folder)
        with self._changing:
            if self._ear is not None:
                raise chat.Refused(TAKEN)
            source = Microphone(self._device(settings))
            ends = settings.hearing(settings.mode_on_page)
            self._ear = Ear(source, self._recordings, hearing=ends)
            self._trouble, self._seen = "", time.monotonic()
            if settings.mode_on_page != SPEAK:
                self._ear.begin()
        threading.Thread(target=self._guard, args=(self._ear,), daemon=True).start()
        return {}

    def _device(self, settings: Settings) -> microphone.Device:
        try:
            return microphone.choose(settings.device)
        except microphone.NoMicrophone:  # the one that was chosen is not plugged in
            return microphone.choose()

    def finish(self) -> dict:
        """The recording as a clip, and why it ended by itself, if it did."""
        self._end()
        if not self._over:
            raise chat.Refused(IDLE)
        clip = self._take(self._over[-1])
        return asdict(clip) | {"trouble": self._trouble}

    def drop(self) -> dict:
        self._end()
        while self._over:
            self._over.pop().discard()
        return {}

    def keep(self, id: str) -> dict:
        """One that was left over, as a clip."""
        return asdict(self._take(self._left(id)))

    def forget(self, id: str) -> dict:
        take = self._left(id)
        self._over = [one for one in self._over if one.id != id]
        take.discard()
        return {}

    def _left(self, id: str) -> Take:
        left = [*self._over, *self._recordings.leftovers()]
        take = next((take for take in left if take.id == id), None)
        if take is None:
            raise chat.Refused("This recording is no longer here.")
        return take

    def _take(self, take: Take) -> ClipRef:
        """Into the store, for a turn that is about to be sent. What cannot be stays."""
        name = f"{take.name} {datetime.fromtimestamp(take.began):%H:%M}"
        clip = chat.take_in(self._store, take.settled(), name, self._recall)
        self._over = [one for one in self._over if one.id != take.id]
        take.discard()
        return clip

    def _end(self) -> None:
        with self._changing:
            ear, self._ear = self._ear, None
            if ear is None:
                return
            last = ear.close()
            while not ear.heard.empty():
                heard = ear.heard.get()
                if isinstance(heard, Heard):
                    self._over.append(heard.take)
                    self._trouble = heard.trouble
            self._trouble = self._trouble or ear.trouble
            self._over += [last] if last else []

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


def routes(host: Host) -> list[Route]:
    async def state(request: Request) -> Response:
        if not host.may(request):
            return JSONResponse({"allowed": False})
        return JSONResponse(await run_in_threadpool(host.state))

    async def levels(request: Request) -> Response:
        if not host.may(request):
            return refusal(request, NOT_YOURS, 403)

        async def events() -> AsyncIterator[str]:
            async for level in host.levels():
                yield f"data: {json.dumps(level)}\n\n"
            yield 'data: {"over": true}\n\n'

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)

    def does(work: Callable[[dict], dict]) -> Callable:
        async def run(request: Request) -> Response:
            if not from_the_page(request):
                return refusal(request, ELSEWHERE, 403)
            if not host.may(request):
                return refusal(request, NOT_YOURS, 403)
            asked = dict(request.query_params)
            try:
                return JSONResponse(await run_in_threadpool(work, asked))
            except EarshotError as error:
                return refusal(request, str(error))

        return run

    works = {
        "devices": lambda asked: host.devices(),
        "choose": host.choose,
        "start": lambda asked: host.start(),
        "finish": lambda asked: host.finish(),
        "drop": lambda asked: host.drop(),
        "keep": lambda asked: host.keep(asked.get("id", "")),
        "forget": lambda asked: host.forget(asked.get("id", "")),
    }
    return [
        Route("/earshot/host", state),
        Route("/earshot/host/level", levels),
        *(
            Route(f"/earshot/host/{name}", does(work), methods=["POST"])
            for name, work in works.items()
        ),
    ]
