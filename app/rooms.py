"""How much of the model's context a conversation takes, with what is about to be sent."""

from app import chat, render
from app.events import Command, Desk
from app.i18n import Language
from model.engine import Engine
from sessions.lines import LEAF
from sessions.records import ClipRef, Part


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
            return {"used": 0, "context": desk.about.context, "clips": [], "unheard": []}
        found = engine.room(told)
        clips = [part for _, parts in line for part in parts if isinstance(part, ClipRef)]
        costs = found.costs or (None,) * len(clips)
        n_new = sum(isinstance(part, ClipRef) for part in draft)
        names = {clip.digest: clip.name for clip in clips}
        return {
            "used": found.used,
            "context": found.context,
            "clips": [
                {"name": clip.name, "cost": cost, "is_new": i >= len(clips) - n_new}
                for i, (clip, cost) in enumerate(zip(clips, costs, strict=True))
            ],
            "unheard": render.stretches_of(found.unheard, names, language),
        }

    return [room]
