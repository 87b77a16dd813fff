"""What an engine hears of clips: taken once for each window, and kept where the clip is. Knows the
engine and the store; shows nothing.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from model.engine import About, Engine
from model.listening.notes import Note, as_json, from_json
from model.messages import Clip, Message
from model.spec import SAMPLE_RATE
from model.windows import Window, split
from sessions.records import WindowNotes
from sessions.store import Store

log = logging.getLogger(__name__)


def model_key(about: About) -> str:
    """Names the model whose notes they are: other weights hear otherwise."""
    return f"{about.name} {about.weights}".strip()


def take(engine: Engine, store: Store, clips: Iterable[Clip]) -> Iterator[Note]:
    """The notes of windows that this model has not heard yet, each once it is kept: whoever closes
    this loses nothing. Where listening fails, the log says why, and windows stay without notes."""
    model = model_key(engine.about)
    for clip in {clip.digest: clip for clip in clips}.values():
        known = store.notes.by(model, clip.digest)
        missing = [one for one in split(clip) if not from_json(known.get(_edges(one), ""))]
        heard: dict[Window, list[Note]] = {}
        for note in _heard(engine, clip, missing):
            if (window := _window_of(note, missing)) is None:
                continue
            heard.setdefault(window, []).append(note)
            data = as_json(heard[window])
            store.notes.keep([WindowNotes(clip.digest, *_edges(window), model, data)])
            yield note


def noted(store: Store, about: About, messages: Sequence[Message]) -> list[Message]:
    """The messages, each clip with what this model has heard of it before."""
    known = {clip.digest: clip for message in messages for clip in message.clips}
    notes = {digest: _kept(store, model_key(about), digest) for digest in known}
    clips = {digest: replace(known[digest], notes=told) for digest, told in notes.items() if told}

    def part(one):
        return clips.get(one.digest, one) if isinstance(one, Clip) else one

    return [replace(message, parts=tuple(map(part, message.parts))) for message in messages]


def _kept(store: Store, model: str, digest: str) -> tuple[Note, ...]:
    windows = sorted(store.notes.by(model, digest).items())
    return tuple(note for _, data in windows for note in from_json(data))


def _heard(engine: Engine, clip: Clip, windows: Sequence[Window]) -> Iterator[Note]:
    if not windows:
        return
    try:
        with closing(engine.notes(clip, windows)) as notes:
            yield from notes
    except Exception:
        log.exception("No notes could be taken of the clip %s", clip.digest)


def _window_of(note: Note, windows: Iterable[Window]) -> Window | None:
    """The window in which a note begins."""
    at = round(note.start * SAMPLE_RATE)
    return next((window for window in windows if window.start <= at < window.end), None)


def _edges(window: Window) -> tuple[float, float]:
    """In seconds."""
    return window.start / SAMPLE_RATE, window.end / SAMPLE_RATE
