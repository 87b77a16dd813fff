"""How much of the model's context a conversation takes, with what is about to be sent."""

from collections.abc import Iterable, Sequence

from app import chat, note_taking
from app.events import Command, Desk
from app.i18n import Language
from app.labels import labels
from model.engine import About, Engine
from model.fitting import Fitted, fitted
from sessions.lines import LEAF
from sessions.records import DAMAGED, NO_ROOM, ClipRef, Part, Unheard
from sessions.transcript import length, not_read, stretches_of


def measuring(desk: Desk, engine: Engine) -> list[Command]:
    def room(asked: dict, language: Language) -> dict:
        """Positions used and left, what each clip takes, and what would not be heard."""
        conversation, edited = str(asked["conversation"]), asked.get("edits")
        kept = desk.store.conversation(conversation) if conversation else None
        line: list[tuple[str, tuple[Part, ...]]] = []
        if kept:
            leaf = desk.store.turn(int(edited)).parent if edited else LEAF
            line = [(turn.role, turn.parts) for turn in desk.store.turns(conversation, leaf)]
        draft = desk.draft(asked)
        if draft:
            line.append(("user", draft))
        told = chat.messages(chat.instructions(kept) if kept else "", line, desk.talks.recall)
        if not any(message.role == "user" for message in told):
            nothing = {"clips": [], "unheard": [], "notes": [], "new": {}, "limits": None}
            return {"used": 0, "context": desk.about.context} | nothing
        given = fitted(engine.room, note_taking.noted(desk.store, desk.about, told))
        clips = [part for _, parts in line for part in parts if isinstance(part, ClipRef)]
        n_new = sum(isinstance(part, ClipRef) for part in draft)
        unheard, left_out, _ = chat.rests_on(given)
        costs = _costs(given)
        words, names = labels(language), {clip.digest: clip.name for clip in clips}
        return {
            "used": given.room.used,
            "context": given.room.context,
            "clips": [
                {
                    "name": clip.name,
                    "cost": costs.get(clip.digest),
                    "is_new": i >= len(clips) - n_new,
                }
                for i, clip in enumerate(clips)
            ],
            "unheard": stretches_of(unheard, names, words),
            "notes": not_read(unheard, left_out, names, words),
            "new": _beside(unheard, draft, language),
            "limits": _limits(desk.about) if n_new else None,
        }

    return [room]


def _limits(about: About) -> dict:
    """What the model takes in, as its configuration has it."""
    return {
        "name": about.name,
        "seconds": about.hears,
        "several": about.chats,
        "languages": list(about.understands),
    }


def _costs(given: Fitted) -> dict[str, int]:
    """Positions of each clip that is read, by its digest."""
    clips = (clip for message in given.messages for clip in message.clips)
    return {clip.digest: cost for clip, cost in zip(clips, given.room.costs, strict=False)}


def _beside(
    unheard: Iterable[Unheard], draft: Sequence[Part], language: Language
) -> dict[str, str]:
    """For each recording that is about to be sent what of it will not be heard, by its digest."""
    seconds = {part.digest: part.seconds for part in draft if isinstance(part, ClipRef)}
    told = {}
    for one in unheard:
        if one.digest not in seconds:
            continue
        if one.why != NO_ROOM:
            told[one.digest] = language.say("clip.damaged" if one.why == DAMAGED else "clip.gone")
        elif one.start == 0 and one.end >= seconds[one.digest]:
            told[one.digest] = language.say("clip.unheard.all")
        else:
            start, end = length(one.start), length(one.end)
            told[one.digest] = language.say("clip.unheard", start=start, end=end)
    return told
