"""Who asks: the owner of this machine, or a guest. Decided at the door (door.py), asked here."""

from dataclasses import dataclass

KEY = "visitor"  # of an ASGI scope


@dataclass(frozen=True)
class Visitor:
    """`id` names a guest's folder; the owner has none. `sits_here` is false for who reaches the
    owner's place by a proxy of the owner's own: they may not change the machine."""

    id: str = ""
    name: str = ""
    sits_here: bool = False

    @property
    def is_guest(self) -> bool:
        return bool(self.id)


OWNER = Visitor(sits_here=True)


def of(request) -> Visitor:
    """The visitor of a request, Starlette's or Gradio's. One that came by no door is nobody's:
    KeyError."""
    asked = getattr(request, "request", None) or request
    return asked.scope[KEY]
