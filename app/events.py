"""What the page does when something happens. Handlers are methods of one desk; no layout."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace

import gradio as gr

from app import chat, examples, i18n, marks, note_taking, offers, render, visitors
from app.i18n import Language
from app.places import Place, Places
from app.policy import UNLIMITED, Allowance
from app.render import Beside, Line, Progress
from app.talks import Talk, Talks
from model.engine import About, Engine
from model.errors import EarshotError
from model.messages import Sampling
from model.tasks import TASKS
from sessions import notes
from sessions.errors import StoreError
from sessions.lines import LEAF
from sessions.records import WRITING, ClipRef, Part, Turn, WindowNotes
from sessions.store import Store

TICK = 0.05  # seconds between two looks at an answer being given here …
ELSEWHERE_TICK = 0.5  # … or by another process on the same store
PAGE = 60  # turns shown at first, and loaded at a time …
MOST = 240  # … and at most at once, with those that were said since
HANDOVER = 1.0  # seconds an earlier look has to end: it may be hanging on a page that is gone

View = tuple[str, str]  # the conversation, its newest answer

log = logging.getLogger(__name__)


class Look:
    """One browser tab looking at one conversation."""

    def __init__(self):
        self.ended = asyncio.Event()


class Desk:
    """What the handlers share. A tab's newest look ends its earlier ones."""

    def __init__(
        self, engine: Engine, store: Store, talks: Talks, allowance: Allowance | None = None
    ):
        self.engine = engine
        self.store = store
        self.talks = talks
        self.allowance = allowance or Allowance(UNLIMITED)
        self._looks: dict[str, Look] = {}  # the newest of each tab

    @property
    def about(self) -> About:
        """The engine's, which another may have replaced (seat.py)."""
        return self.engine.about

    # Looking

    async def open(self, request: gr.Request) -> AsyncIterator[View]:
        """The page was loaded: show the conversation in its address."""
        id = request.query_params.get("c", "")
        async for view in self.looking(id, request.session_hash, i18n.of(request)):
            yield view

    async def look(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[View]:
        """A conversation was chosen, or something was said in it."""
        id, since = str(event._data.get("conversation", "")), event._data.get("since")
        language = i18n.of(request)
        async for view in self.looking(id, request.session_hash, language, int(since or 0)):
            yield view

    def leave(self, request: gr.Request) -> None:
        self._looks.pop(request.session_hash, None)

    async def looking(
        self, id: str, session: str, language: Language, since: int = 0
    ) -> AsyncIterator[View]:
        """A conversation as it is, from a turn on, and its newest answer as it grows."""
        look, earlier = Look(), self._looks.get(session)
        self._looks[session] = look
        try:
            if earlier is not None:  # else its last words could arrive after our first
                with suppress(TimeoutError):
                    await asyncio.wait_for(earlier.ended.wait(), HANDOVER)
            async for view in self._views(id, language, since):
                if self._looks.get(session) is not look:
                    return
                yield view
        finally:
            look.ended.set()

    async def _views(self, id: str, language: Language, since: int) -> AsyncIterator[View]:
        view, newest, beside = await asyncio.to_thread(self.view, id, language, since)
        yield view
        if newest is not None and newest.status == WRITING:
            is_noted = False
            async for grown, progress in self._growing(newest):
                shown = gr.skip()
                if progress.is_noted and not is_noted:
                    is_noted = True
                    (shown, _), *_ = await asyncio.to_thread(self.view, id, language, since)
                yield shown, render.answer(grown, language, beside, progress)
            view, *_ = await asyncio.to_thread(self.view, id, language, since)
            yield view

    async def _growing(self, turn: Turn) -> AsyncIterator[tuple[Turn, Progress]]:
        """An answer until it is finished, with what happens before its first word."""
        before = None
        while (talk := self.talks.find(turn.conversation)) and talk.turn.id == turn.id:
            if (now := (talk.said, self._progress(talk))) != before:
                yield replace(turn, parts=(now[0],) if now[0] else ()), now[1]
            before = now
            await asyncio.sleep(TICK)
        while turn.status == WRITING:  # in another process; or it has just ended here
            try:
                turn = await asyncio.to_thread(self.store.turn, turn.id)
            except StoreError:  # deleted meanwhile
                turn = replace(turn, status="")
            yield turn, Progress()
            if turn.status == WRITING:
                await asyncio.sleep(ELSEWHERE_TICK)

    def _progress(self, talk: Talk) -> Progress:
        seconds = self.talks.seconds_until(talk)
        rounded = None if seconds is None else 5.0 * round(seconds / 5)  # else it never rests
        is_noted = talk.is_noted and talk.doing != chat.NOTING
        return Progress(self.talks.ahead(talk), rounded, talk.doing, is_noted)

    def view(self, id: str, language: Language, since: int = 0) -> tuple[View, Turn | None, Beside]:
        """What is shown of a conversation, and its newest answer with what stands beside that."""
        try:
            kept = self.store.conversation(id) if id else None
            line = self.line(self._newest(id, since) if kept else [])
        except StoreError as error:
            return (render.empty(self.about, language, notice=str(error)), ""), None, Beside()
        if not line.turns:
            return (render.empty(self.about, language, kept), ""), None, Beside()
        shown = render.conversation(kept, line, language)
        newest, beside = line.turns[-1], render.besides(line, language)[-1]
        if newest.role != "assistant":
            return (shown, ""), None, beside
        return (shown, render.answer(newest, language, beside)), newest, beside

    def _newest(self, id: str, since: int) -> list[Turn]:
        """The last turns of the line that is shown: a page, or from one that was shown before."""
        turns = self.store.turns(id, limit=MOST if since else PAGE)
        at = next((i for i, turn in enumerate(turns) if turn.id == since), len(turns))
        return turns[min(at, max(0, len(turns) - PAGE)) :]

    def line(self, turns: list[Turn]) -> Line:
        """Turns, and what stands around them."""
        versions = self.store.versions(turns)
        later = [turn for turn in turns if turn.role == "assistant" and turn.id in versions]
        firsts = {turn.id: versions[turn.id].ids[0] for turn in later if versions[turn.id].shown}
        found = {id: self.store.turn(first) for id, first in firsts.items()}
        files = self.store.clips
        gone = {c.digest for t in turns for c in t.clips if not files.path(c.digest).exists()}
        return Line(turns, versions, self._clips_before(turns), found, gone, self._notes(turns))

    def _notes(self, turns: list[Turn]) -> dict[str, tuple[WindowNotes, ...]]:
        """What was heard of their clips, by this model if it has heard them."""
        heard = self.store.notes.of(clip.digest for turn in turns for clip in turn.clips)
        every = (one for some in heard.values() for one in some)
        return notes.latest(every, [note_taking.model_key(self.about)])

    def _clips_before(self, turns: list[Turn]) -> list[list[ClipRef]]:
        """The clips of each turn before these, where something here may be about them."""
        if any(marks.MARK.search(turn.text) or turn.unheard for turn in turns):
            return self.store.clips_before(turns[0].id)
        return []

    def draft(self, said: dict) -> tuple[Part, ...]:
        """What is in the composer, as parts of a question."""
        clips = [self.store.clip(str(c["digest"]), str(c["name"])) for c in said["clips"]]
        text = str(said["text"]).strip()
        return (*clips, text) if text else tuple(clips)


NOT_YOURS = "Only who runs Earshot on this machine may do this."


class Views:
    """The page's events, each at the desk of who asks."""

    def __init__(self, places: Places, desk: Callable[[Place], Desk]):
        self._places, self._desk = places, desk

    async def open(self, request: gr.Request) -> AsyncIterator[View]:
        desk = (await self._places.at(request)).once(self._desk)
        async for view in desk.open(request):
            yield view

    async def look(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[View]:
        desk = (await self._places.at(request)).once(self._desk)
        async for view in desk.look(event, request):
            yield view

    async def leave(self, request: gr.Request) -> None:
        with suppress(EarshotError):  # a guest who was sent away
            (await self._places.at(request)).once(self._desk).leave(request)


Command = Callable[[dict, Language], dict]  # what is asked for, and the language to answer in
Commands = Callable[[Place], Mapping[str, Command]]  # those of a place, by their names


EVERYBODY, OR_GUESTS, OWNERS = range(3)  # who may: guests if their policy says so, or never


def served(name: str, places: Places, commands: Commands, who: int = EVERYBODY) -> Callable:
    """A command as a server function of the page: done in the place of who asks. A `sentence` in
    its answer is a refusal."""

    async def run(value: dict, request: gr.Request) -> dict:
        language = i18n.of(request)
        try:
            visitor, place = visitors.of(request), await places.at(request)
            if who != EVERYBODY and not visitor.sits_here:
                if who == OWNERS or not visitor.is_guest:
                    raise chat.Refused(NOT_YOURS)
                place.allowance.change_model()
            return await asyncio.to_thread(place.once(commands)[name], value or {}, language)
        except (EarshotError, StoreError) as error:
            return {"sentence": language.heard(str(error))}
        except Exception:
            log.exception("The page's command %s failed", name)
            return {"sentence": language.heard(chat.OURS)}

    run.__name__ = name
    return run


def named(*works: Command) -> dict[str, Command]:
    """Commands by their names."""
    return {work.__name__: work for work in works}


def talking(desk: Desk) -> list[Command]:
    """What the page asks to be done about the conversation it shows."""

    def ask(said: dict, language: Language) -> dict:
        """Store a question and begin its answer; without a conversation, start one. `edits` is the
        earlier question that this one replaces, on a line of its own; `task` the row of
        model/tasks.py that it puts in words."""
        parts = chat.question(desk.draft(said))
        kept = desk.store.conversation(said["conversation"]) if said["conversation"] else None
        sampling = chat.sampling(kept, desk.about)
        task = str(said.get("task") or "")
        task = task if task in TASKS else ""
        if kept is None:
            return {"conversation": started(parts, sampling, task)}
        edited = desk.store.turn(int(said["edits"])) if said.get("edits") else None
        if edited and (edited.conversation != kept.id or edited.role != "user"):
            raise chat.Refused("This question is not in this conversation: open it again.")
        after = edited.parent if edited else LEAF
        desk.talks.start(kept.id, parts, sampling, after, task)
        return {"conversation": kept.id}

    def started(parts: tuple[Part, ...], sampling: Sampling, task: str) -> str:
        """A new conversation with its first question. None stays if that cannot be answered."""
        id = desk.store.start().id
        try:
            desk.talks.start(id, parts, sampling, task=task)
        except Exception:
            with suppress(StoreError):
                desk.store.delete(id)
            raise
        return id

    def stop(asked: dict, language: Language) -> dict:
        desk.talks.stop(str(asked["conversation"]))
        return {}

    def example(asked: dict, language: Language) -> dict:
        """An example recording, stored as if it had been attached, and what to ask about it."""
        one = examples.find(str(asked["key"]))
        if one is None or not one.ask(desk.about.tasks):
            raise chat.Refused("This example is not here.")
        clip = chat.take_in(desk.store, one.path, one.path.name, desk.talks.recall)
        ask = offers.asked_in(desk.about, language).say(one.ask(desk.about.tasks))
        return asdict(clip) | {"name": language.say(f"example.{one.key}"), "ask": ask}

    return [ask, stop, example]
