"""What the page does when something happens. Handlers are methods of one desk; no layout."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict, replace

import gradio as gr

from app import chat, examples, i18n, render
from app.i18n import Language
from app.talks import Talks
from model.engine import Engine
from model.errors import EarshotError
from sessions.errors import StoreError
from sessions.records import WRITING, Turn
from sessions.store import Store

TICK = 0.05  # seconds between two looks at an answer being given here …
ELSEWHERE_TICK = 0.5  # … or by another process on the same store
HANDOVER = 1.0  # seconds an earlier look has to end: it may be hanging on a page that is gone

View = tuple[str, str]  # the conversation, its newest answer

log = logging.getLogger(__name__)


class Look:
    """One browser tab looking at one conversation."""

    def __init__(self):
        self.ended = asyncio.Event()


class Desk:
    """What the handlers share. A tab's newest look ends its earlier ones."""

    def __init__(self, engine: Engine, store: Store, talks: Talks):
        self.about = engine.about
        self.store = store
        self.talks = talks
        self._looks: dict[str, Look] = {}  # the newest of each tab

    # Looking

    async def open(self, request: gr.Request) -> AsyncIterator[View]:
        """The page was loaded: show the conversation in its address."""
        id = request.query_params.get("c", "")
        async for view in self.looking(id, request.session_hash, i18n.of(request)):
            yield view

    async def look(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[View]:
        """A conversation was chosen, or something was said in it."""
        id = str(event._data.get("conversation", ""))
        async for view in self.looking(id, request.session_hash, i18n.of(request)):
            yield view

    def leave(self, request: gr.Request) -> None:
        self._looks.pop(request.session_hash, None)

    async def looking(self, id: str, session: str, language: Language) -> AsyncIterator[View]:
        """A conversation as it is, and its newest answer as it grows."""
        look, earlier = Look(), self._looks.get(session)
        self._looks[session] = look
        try:
            if earlier is not None:  # else its last words could arrive after our first
                with suppress(TimeoutError):
                    await asyncio.wait_for(earlier.ended.wait(), HANDOVER)
            async for view in self._views(id, language):
                if self._looks.get(session) is not look:
                    return
                yield view
        finally:
            look.ended.set()

    async def _views(self, id: str, language: Language) -> AsyncIterator[View]:
        view, newest = await asyncio.to_thread(self.view, id, language)
        yield view
        if newest is not None and newest.status == WRITING:
            async for grown, ahead in self._growing(newest):
                yield gr.skip(), render.answer(grown, language, ahead=ahead)
            view, _ = await asyncio.to_thread(self.view, id, language)
            yield view

    async def _growing(self, turn: Turn) -> AsyncIterator[tuple[Turn, int]]:
        """An answer until it is finished, with how many come before it."""
        before = None
        while talk := self.talks.find(turn.conversation):
            if (now := (talk.said, self.talks.ahead(talk))) != before:
                yield replace(turn, parts=(now[0],) if now[0] else ()), now[1]
            before = now
            await asyncio.sleep(TICK)
        while turn.status == WRITING:  # in another process; or it has just ended here
            try:
                turn = await asyncio.to_thread(self.store.turn, turn.id)
            except StoreError:  # deleted meanwhile
                turn = replace(turn, status="")
            yield turn, 0
            if turn.status == WRITING:
                await asyncio.sleep(ELSEWHERE_TICK)

    def view(self, id: str, language: Language) -> tuple[View, Turn | None]:
        try:
            kept = self.store.conversation(id) if id else None
        except StoreError as error:
            return (render.empty(self.about, language, notice=str(error)), ""), None
        turns = self.store.turns(id) if kept else []
        if not turns:
            return (render.empty(self.about, language, kept), ""), None
        newest = turns[-1] if turns[-1].role == "assistant" else None
        unheard = render.unheard(newest, turns, language) if newest else ""
        live = render.answer(newest, language, unheard) if newest else ""
        shown = render.conversation(kept, turns, language)
        return (shown, live), newest


Command = Callable[[dict, Language], dict]  # what is asked for, and the language to answer in


def served(work: Command) -> Callable:
    """A command as a server function of the page. A `sentence` in its answer is a refusal."""

    async def run(value: dict, request: gr.Request) -> dict:
        language = i18n.of(request)
        try:
            return await asyncio.to_thread(work, value or {}, language)
        except (EarshotError, StoreError) as error:
            return {"sentence": language.heard(str(error))}
        except Exception:
            log.exception("The page's command %s failed", work.__name__)
            return {"sentence": language.heard(chat.OURS)}

    run.__name__ = work.__name__
    return run


def talking(desk: Desk) -> list[Command]:
    """What the page asks to be done about the conversation it shows."""

    def ask(said: dict, language: Language) -> dict:
        """Store a question and begin its answer; without a conversation, start one."""
        clips = [desk.store.clip(str(c["digest"]), str(c["name"])) for c in said["clips"]]
        parts = chat.question(said["text"], clips)
        kept = desk.store.conversation(said["conversation"]) if said["conversation"] else None
        id = kept.id if kept else desk.store.start().id
        desk.talks.start(id, parts, chat.sampling(kept, desk.about))
        return {"conversation": id}

    def stop(asked: dict, language: Language) -> dict:
        desk.talks.stop(str(asked["conversation"]))
        return {}

    def example(asked: dict, language: Language) -> dict:
        """An example recording, stored as if it had been attached, and what to ask about it."""
        one = examples.find(str(asked["key"]))
        if one is None:
            raise chat.Refused("This example is not here.")
        clip = chat.take_in(desk.store, one.path, one.path.name)
        name, ask = (language.say(f"example.{one.key}{end}") for end in ("", ".ask"))
        return asdict(clip) | {"name": name, "ask": ask}

    return [ask, stop, example]
