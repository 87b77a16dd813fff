"""What the page asks about links to conversations: made, listed, revoked. No layout."""

import time
from collections.abc import Callable
from contextlib import suppress

from app import chat
from app.events import Command
from app.i18n import Language
from app.places import Place
from sessions.errors import StoreError
from sessions.shares import Share

HOUR, DAY = 3600, 24 * 3600  # seconds
LASTS = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY, "ever": None}
GUEST = "Links are made by the owner of this Earshot: download the conversation as a file instead."

Address = Callable[[], str]  # by which others reach this Earshot; empty while they do not


def linking(place: Place, address: Address) -> list[Command]:
    """Commands of the owner's place. In a guest's they refuse: nobody looks for links there."""
    links = place.store.shares

    def share(asked: dict, language: Language) -> dict:
        """A link to a conversation, or to one answer of it."""
        _refuse_guests()
        told = {"may_continue": bool(asked["may_continue"]), "seconds": LASTS[str(asked["lasts"])]}
        if asked.get("answer"):
            told |= {"turn": int(asked["answer"]), "alone": True}
        made = links.make(str(asked["conversation"]), **told)
        return _told(made) | {"address": address()}

    def shared(asked: dict, language: Language) -> dict:
        """All links, and whether anybody else can open them now."""
        if place.is_guests:
            return {"links": [], "address": "", "may": False}
        return {"links": list(map(_told, links.all())), "address": address(), "may": True}

    def revoke(asked: dict, language: Language) -> dict:
        _refuse_guests()
        links.revoke(int(asked["link"]))
        return {}

    def unlist(asked: dict, language: Language) -> dict:
        """Take a link off the list for good."""
        _refuse_guests()
        links.forget(int(asked["link"]))
        return {}

    def _told(one: Share) -> dict:
        names = ("id", "conversation", "title", "alone", "may_continue", "expires", "visits")
        is_open = one.is_open(time.time())
        told = {name: getattr(one, name) for name in names}
        return told | {"created": one.created, "visited": one.visited, "open": is_open} | _path(one)

    def _path(one: Share) -> dict:
        with suppress(StoreError):  # its key may be unreadable: then it cannot be copied again
            secret = links.secret(one.id)
            return {"path": f"s/{secret}" if secret else ""}
        return {"path": ""}

    def _refuse_guests() -> None:
        if place.is_guests:
            raise chat.Refused(GUEST)

    return [share, shared, revoke, unlist]
