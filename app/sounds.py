"""Addresses about stored clips: their waveform, their spectrum, and a part of one as a clip."""

import threading
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import chat
from app.places import Place, Places
from app.web import from_the_page, refusal
from model import audio, levels, picture
from model.errors import EarshotError
from model.messages import Clip
from model.spec import SAMPLE_RATE
from sessions.clips import DIGEST
from sessions.errors import StoreError
from sessions.records import ClipRef

REMEMBERED = 4096  # waveforms, of 400 bytes each
FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # a digest is one sound


class Waveforms:
    """Peaks by digest. One clip is read at a time: the model needs the processor more."""

    def __init__(self, place: Place):
        self._store, self._recall = place.store, place.recall
        self._known: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def of(self, digest: str) -> bytes:
        with self._lock:
            if digest not in self._known:
                while len(self._known) >= REMEMBERED:
                    self._known.pop(next(iter(self._known)))
                clip = self._recall.clip(self._store.clip(digest))
                self._known[digest] = picture.peaks(clip).tobytes()
            return self._known[digest]


def routes(places: Places) -> list[Route]:
    async def peaks(request: Request) -> Response:
        """As many bytes as there are stretches."""
        place = await places.at(request)
        return await _answered(request, lambda digest: _bytes(place.once(Waveforms).of(digest)))

    async def spectrum(request: Request) -> Response:
        """Rows of shades, the lowest pitch first; which stretch they are of is in the headers."""
        place, at = await places.at(request), _number(request, "at")

        def drawn(digest: str) -> Response:
            return _drawn(picture.spectrum(place.recall.clip(place.store.clip(digest)), at))

        return await _answered(request, drawn)

    async def part(request: Request) -> Response:
        """A new clip from a stretch of one, which stays."""
        if not from_the_page(request):
            return refusal(request, "Recordings are taken from the page only.", 403)
        place = await places.at(request)
        start, end = _number(request, "start"), _number(request, "end")
        name = request.query_params.get("name", "")

        def made(digest: str) -> Response:
            whole = place.recall.clip(place.store.clip(digest, name))
            return JSONResponse(asdict(taken(place, whole, (start, end), name)))

        return await _answered(request, made)

    return [
        Route("/earshot/peaks/{digest}", peaks),
        Route("/earshot/spectrum/{digest}", spectrum),
        Route("/earshot/clips/{digest}/part", part, methods=["POST"]),
    ]


def taken(place: Place, whole: Clip, stretch: tuple[float, float], name: str) -> ClipRef:
    """Store the part of a clip between two times in seconds."""
    start, end = max(0.0, stretch[0]), min(stretch[1], whole.seconds)
    if end - start < audio.SHORTEST:
        raise chat.Refused(f"Nothing can be heard in less than {audio.SHORTEST} s: take more.")
    cut = audio.cut(whole, start, end)
    if abs(cut.samples).max() * 32768 <= levels.SILENCE:
        raise chat.Refused("This stretch is silent: take another.")
    return chat.keep(place.store, cut, name, place.recall)


async def _answered(request: Request, made) -> Response:
    digest = request.path_params["digest"]
    if not DIGEST.fullmatch(digest):
        return refusal(request, "This recording is no longer stored.", 404)
    try:
        return await run_in_threadpool(made, digest)
    except StoreError as error:
        return refusal(request, str(error), 404)
    except EarshotError as error:
        return refusal(request, str(error))


def _bytes(body: bytes, **headers: str) -> Response:
    return Response(body, media_type="application/octet-stream", headers=FOR_EVER | headers)


def _drawn(spectrum: picture.Spectrum) -> Response:
    rows, columns = spectrum.shades.shape
    about = {"rows": rows, "columns": columns, "start": spectrum.start, "end": spectrum.end}
    headers = {f"x-{name}": f"{value:g}" for name, value in about.items()}
    return _bytes(spectrum.shades.tobytes(), **headers | {"x-top": f"{SAMPLE_RATE // 2}"})


def _number(request: Request, name: str) -> float:
    try:
        value = float(request.query_params.get(name, 0))
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e6 else 0.0  # nan, too
