"""What the page asks to be done to the turns of a conversation: given anew, gone on with, taken
back, marked. No layout."""

from dataclasses import replace

from app import chat, marks, offers, render
from app.events import PAGE, Command, Desk
from app.i18n import Language
from app.regenerate import resampled, stored
from sessions.errors import Gone
from sessions.records import Turn

FURTHER = 20  # turns shown before one that is jumped to


def turning(desk: Desk) -> list[Command]:
    """Commands about turns. Each names the conversation too, which is what one must know."""
    store, talks = desk.store, desk.talks

    def found(asked: dict) -> Turn:
        turn = store.turn(int(asked["turn"]))
        if turn.conversation != str(asked["conversation"]):
            raise Gone("This place in the conversation is no longer stored: open it again.")
        return turn

    def again(asked: dict, language: Language) -> dict:
        """Another answer to the question of an answer, or to one that has none."""
        turn = found(asked)
        if turn.role == "assistant":
            turn = store.turn(turn.parent)
        kept, answers = store.conversation(turn.conversation), store.answers(turn.id)
        talks.again(turn, resampled(kept, desk.about, answers))
        return {}

    def go_on(asked: dict, language: Language) -> dict:
        turn = found(asked)
        wanted = chat.sampling(store.conversation(turn.conversation), desk.about)
        begun = stored(turn) or wanted  # it may have been sampled otherwise: see regenerate.py
        talks.go_on(turn, replace(begun, max_tokens=wanted.max_tokens))
        return {}

    def undo(asked: dict, language: Language) -> dict:
        """Take back the last exchange. `choose` with the turn that comes back brings it again."""
        conversation = str(asked["conversation"])
        if talks.find(conversation):
            raise chat.Refused("This answer is not finished: wait for it, or stop it first.")
        taken = store.undo(conversation)
        return {"turn": taken.id if taken else None}

    def choose(asked: dict, language: Language) -> dict:
        turn = found(asked)
        store.choose(turn.conversation, turn.id)
        return {}

    def rate(asked: dict, language: Language) -> dict:
        good = asked["good"]
        store.rate(found(asked).id, None if good is None else bool(good), str(asked["note"]))
        return {}

    def content(asked: dict, language: Language) -> dict:
        """A turn's words and clips, to be copied, edited or marked."""
        turn = found(asked)
        clips = [{"digest": c.digest, "name": c.name, "seconds": c.seconds} for c in turn.clips]
        text = turn.text
        if turn.role == "assistant":
            line = desk.line([store.turn(turn.parent), turn] if turn.parent else [turn])
            text = marks.written(turn.text, line.sources()[-1])
        return {"text": text, "clips": clips, "note": turn.note}

    def earlier(asked: dict, language: Language) -> dict:
        """The turns before one, as HTML: a page of them, or all down to one that is looked for.
        One that is not before it stands on another line."""
        conversation, before = str(asked["conversation"]), int(asked["before"])
        wanted = int(asked.get("until") or 0)
        turns = store.turns(conversation, before=before, limit=None if wanted else PAGE)
        if wanted:
            places = [i for i, turn in enumerate(turns) if turn.id == wanted]
            if not places:
                return {"html": "", "elsewhere": True}
            turns = turns[max(0, places[0] - FURTHER) :]
        more = bool(turns) and turns[0].parent is not None
        return {"html": render.stretch(desk.line(turns), language, is_whole=False), "more": more}

    def tasks(asked: dict, language: Language) -> dict:
        return {"tasks": offers.offers(desk.about, language)}

    return [again, go_on, undo, choose, rate, content, earlier, tasks]
