"""What the page asks to be done about stored conversations: found, named, tagged, deleted. No
layout."""

import json
import time
from dataclasses import asdict
from math import ceil

from app import chat, history
from app.events import Command, Desk
from app.i18n import Language
from model.messages import Sampling
from sessions.unused import DAY

PAGE = 60  # conversations listed at a time …
MOST = 600  # … and at most, when a list that was scrolled is asked for again
CHOSEN = ("max_tokens", "temperature", "top_p", "seed")  # of sampling, on the page
KEPT = (0, 1, 7, 30, 365)  # days for which deleted ones may be kept; 0 is a minute
MOST_TOKENS = 8192  # of one answer


def shelving(desk: Desk) -> list[Command]:
    """Commands about conversations as things on a shelf."""
    store = desk.store

    def listing(asked: dict, language: Language) -> dict:
        """A page of the list or of what a search found, as HTML, and the tags there are."""
        words, tag = str(asked.get("words", "")), str(asked.get("tag", ""))
        count = min(max(int(asked.get("count", 0)), PAGE), MOST)
        start, current = asked.get("from"), str(asked.get("current", ""))
        if words:
            found = store.search(words, count, int(start or 0))
            following = int(start or 0) + count if found.more else ""
            html = history.found(found.hits, current, language, following)
        else:
            after = store.conversation(str(start)) if start else None
            listed = store.conversations(count + 1, after, tag)
            following = listed[count - 1].id if len(listed) > count else ""
            html = history.listing(listed[:count], current, language, following)
        return {"html": html, "tags": list(store.counts().tags)}

    def rename(asked: dict, language: Language) -> dict:
        return {"title": store.rename(_id(asked), str(asked["title"])).title}

    def pin(asked: dict, language: Language) -> dict:
        store.pin(_id(asked), bool(asked["pinned"]))
        return {}

    def label(asked: dict, language: Language) -> dict:
        return {"tags": store.tag(_id(asked), map(str, asked["tags"]))}

    def duplicate(asked: dict, language: Language) -> dict:
        return {"conversation": store.duplicate(_id(asked)).id}

    def forget(asked: dict, language: Language) -> dict:
        desk.talks.stop(_id(asked))
        store.delete(_id(asked))
        return {}

    def restore(asked: dict, language: Language) -> dict:
        store.restore(_id(asked))
        return {}

    def deleted(asked: dict, language: Language) -> dict:
        """Conversations that can still be restored, and for how long that is."""
        kept = store.kept_days()
        shown = [
            {
                "conversation": one.id,
                "title": one.title or language.say("list.untitled"),
                "days": max(0, ceil(kept - (time.time() - one.at) / DAY)),
            }
            for one in store.deleted()
        ]
        return {"deleted": shown, "days": kept, "choices": sorted({*KEPT, kept})}

    def keep_deleted(asked: dict, language: Language) -> dict:
        store.keep_deleted(min(max(int(asked["days"]), 0), max(KEPT)))
        return {}

    def wipe(asked: dict, language: Language) -> dict:
        """Forget a deleted conversation for good, or all of them."""
        store.purge(0, _id(asked))
        return {}

    def settings(asked: dict, language: Language) -> dict:
        """What the next answers of a conversation, or of a new one, are given."""
        kept = store.conversation(_id(asked)) if _id(asked) else None
        try:
            sampling = chat.sampling(kept, desk.about)
        except chat.Refused:  # of another version: here it is chosen anew
            sampling = desk.about.sampling
        return {
            "title": kept.title if kept else "",
            "system": kept.system if kept else "",
            "answer_language": kept.answer_language if kept else "",
            "sampling": asdict(sampling),
            "usual": asdict(desk.about.sampling),
        }

    def tune(asked: dict, language: Language) -> dict:
        """Keep settings. Those of a conversation that has not begun begin it."""
        sampling = _sampling(asked["sampling"], desk.about.sampling)
        told = {
            "system": str(asked["system"]).strip(),
            "answer_language": str(asked["answer_language"]),
            "sampling": "" if sampling == desk.about.sampling else json.dumps(asdict(sampling)),
        }
        if told["sampling"] != (store.conversation(_id(asked)).sampling if _id(asked) else ""):
            desk.allowance.tune()
        if not _id(asked):
            return {"conversation": store.start(**told).id}
        kept = store.change(_id(asked), **told)
        if (title := str(asked["title"]).strip()) != kept.title:
            store.rename(kept.id, title)
        return {"conversation": kept.id}

    shelved = [listing, rename, pin, label, duplicate, forget, restore]
    return [*shelved, deleted, keep_deleted, wipe, settings, tune]


def _id(asked: dict) -> str:
    return str(asked["conversation"])


def _sampling(chosen: object, usual: Sampling) -> Sampling:
    """What was chosen on the page, refused with a sentence where it makes no sense."""
    if not isinstance(chosen, dict):
        raise chat.Refused(chat.UNREADABLE)
    given = {name: chosen[name] for name in CHOSEN if chosen.get(name) not in (None, "")}
    try:
        sampling = Sampling(**asdict(usual) | {"seed": None} | given)
        if sampling.max_tokens > MOST_TOKENS:
            raise ValueError(f"max_tokens is at most {MOST_TOKENS}; got {sampling.max_tokens}")
    except ValueError as error:
        raise chat.Refused(str(error)) from None
    return sampling
