"""What the page does when something happens. Handlers are methods of one desk; no layout."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import gradio as gr

from app import chat, render
from app.talks import Talks
from model.engine import Engine
from model.errors import EarshotError
from sessions.records import WRITING, Turn
from sessions.store import Gone, Store

TICK = 0.05  # seconds between two looks at an answer being given here …
ELSEWHERE_TICK = 0.5  # … or by another process on the same store
PAGE = 60  # conversations listed at first

HANDOVER = 1.0  # seconds an earlier look has to end: it may be hanging on a page that is gone

View = tuple[str, str, str]  # the conversation, its newest answer, the list


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
        async for view in self.looking(id, PAGE, request.session_hash):
            yield view

    async def look(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[View]:
        """A conversation was chosen, or something was said in it."""
        id, shown = str(event._data.get("conversation", "")), int(event._data.get("shown", 0))
        async for view in self.looking(id, max(shown, PAGE), request.session_hash):
            yield view

    def leave(self, request: gr.Request) -> None:
        self._looks.pop(request.session_hash, None)

    async def looking(self, id: str, shown: int, session: str) -> AsyncIterator[View]:
        """A conversation as it is, and its newest answer as it grows."""
        look, earlier = Look(), self._looks.get(session)
        self._looks[session] = look
        try:
            if earlier is not None:  # else its last words could arrive after our first
                with suppress(TimeoutError):
                    await asyncio.wait_for(earlier.ended.wait(), HANDOVER)
            async for view in self._views(id, shown):
                if self._looks.get(session) is not look:
                    return
                yield view
        finally:
            look.ended.set()

    async def _views(self, id: str, shown: int) -> AsyncIterator[View]:
        view, newest = await asyncio.to_thread(self.view, id, shown)
        yield view
        if newest is not None and newest.status == WRITING:
            async for grown in self._growing(newest):
                yield gr.skip(), grown, gr.skip()
            view, _ = await asyncio.to_thread(self.view, id, shown)
            yield view

    async def _growing(self, turn: Turn) -> AsyncIterator[str]:
        """Renderings of an answer until it is finished."""
        before = None
        while talk := self.talks.find(turn.conversation):
            if (now := (talk.said, self.talks.ahead(talk))) != before:
                yield self._newest(replace(turn, parts=(now[0],) if now[0] else ()), now[1])
            before = now
            await asyncio.sleep(TICK)
        while turn.status == WRITING:  # in another process; or it has just ended here
            turns = await asyncio.to_thread(self.store.turns, turn.conversation)
            turn = turns[-1] if turns else replace(turn, status="")
            yield self._newest(turn, 0)
            if turn.status == WRITING:
                await asyncio.sleep(ELSEWHERE_TICK)

    def view(self, id: str, shown: int = PAGE) -> tuple[View, Turn | None]:
        listed = self.store.conversations(shown + 1)
        listing = render.listing(listed[:shown], id, more=len(listed) > shown)
        turns = self.store.turns(id) if id else []
        if not turns:
            notice = "This conversation is not stored here; it may have been deleted."
            return (render.empty(self.about, notice if id else ""), "", listing), None
        newest = turns[-1] if turns[-1].role == "assistant" else None
        live = render.answer(newest, render.unheard(newest, turns)) if newest else ""
        return (render.conversation(id, turns), live, listing), newest

    def _newest(self, turn: Turn, ahead: int) -> str:
        return render.answer(turn, ahead=ahead)


def commands(desk: Desk) -> list:
    """What the page asks to be done. Each answers with a dict; a `sentence` in it is a refusal."""

    def ask(said: dict) -> dict:
        """Store a question and begin its answer; without a conversation, start one."""
        try:
            clips = [desk.store.clip(str(c["digest"]), str(c["name"])) for c in said["clips"]]
            parts = chat.question(said["text"], clips)
            id = said["conversation"] or desk.store.start().id
            desk.talks.start(id, parts, desk.about.sampling)
        except (EarshotError, Gone) as error:
            return {"sentence": str(error)}
        return {"conversation": id}

    def stop(conversation: str) -> dict:
        desk.talks.stop(conversation)
        return {}

    def forget(conversation: str) -> dict:
        desk.talks.stop(conversation)
        desk.store.delete(conversation)
        return {}

    return [ask, stop, forget]
