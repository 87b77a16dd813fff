"""What the page asks about guests: the owner, who is here and what they left; a guest, what they
may and to be forgotten. No layout."""

import math
from dataclasses import asdict

from app import policy
from app.events import Command
from app.i18n import Language
from app.places import Place, Places
from app.visitors import Visitor


def receiving(places: Places) -> list[Command]:
    """For the owner alone."""

    def guests(asked: dict, language: Language) -> dict:
        """Those who came and were not forgotten, the latest first."""
        return {
            "guests": [
                {
                    "id": guest.id,
                    "name": guest.name or language.say("guests.unnamed"),
                    "since": guest.since,
                    "seen": guest.seen,
                    "bytes": policy.size(places.guests.folder / guest.id),
                    "minutes": places.of(Visitor(guest.id)).store.seconds() / 60,
                }
                for guest in places.guests.all()
            ],
            "days": places.policy.keep_days,
        }

    def forget_guest(asked: dict, language: Language) -> dict:
        """Everything that one left is deleted, and their browser is a stranger's."""
        places.forget(str(asked["guest"]))
        return {}

    def forget_guests(asked: dict, language: Language) -> dict:
        """All of them."""
        for guest in places.guests.all():
            places.forget(guest.id)
        return {}

    return [guests, forget_guest, forget_guests]


def visiting(places: Places, place: Place) -> list[Command]:
    """For whoever looks at the page."""

    def visit(asked: dict, language: Language) -> dict:
        """What a guest may, and has used of it; nothing of the owner, who may everything."""
        if not place.is_guests:
            return {"is_guest": False}
        told = {name: value for name, value in asdict(place.allowance.policy).items()}
        used = {"minutes": place.store.seconds() / 60, "mb": place.store.size() / policy.MB}
        return {"is_guest": True, "may": told, "used": {k: math.ceil(v) for k, v in used.items()}}

    def go(asked: dict, language: Language) -> dict:
        """A guest leaves, and everything of theirs is deleted."""
        if place.is_guests:
            places.forget(place.id)
        return {}

    return [visit, go]
