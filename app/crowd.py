"""How many requests are answered at once: counted, and more than that refused. An ASGI middleware
behind the door, so that neither guests nor strangers take the places of the owner, who has no
limit.
"""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import visitors
from app.narrow import told

EACH = 32  # requests of one guest at once: a page has up to six
GUESTS = 400  # of all guests
STRANGERS = 64  # of all who are nobody: views of what was shared
CROWDED = "Earshot has as many requests as it can take at the moment: try again in a few seconds."


class Counts:
    """Requests that are being answered, and those that were, by the first digit of their status."""

    def __init__(self):
        self.now: Counter[str | None] = Counter()  # by visitor: "" is the owner, None a stranger
        self.done: Counter[str] = Counter()  # "2xx" and so on
        self.refused = 0

    def is_crowded(self, who: str | None) -> bool:
        if who == "":
            return False
        if who is None:
            return self.now[None] >= STRANGERS
        guests = self.now.total() - self.now[""] - self.now[None]
        return self.now[who] >= EACH or guests >= GUESTS


class Crowd:
    def __init__(self, app: ASGIApp, counts: Counts):
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        who = scope[visitors.KEY].id if visitors.KEY in scope else None
        counts = self._counts
        if counts.is_crowded(who):
            counts.refused += 1
            return await told(scope, receive, send, CROWDED, 503)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                counts.done[f"{message['status'] // 100}xx"] += 1
            await send(message)

        counts.now[who] += 1
        try:
            await self._app(scope, receive, counted)
        finally:
            counts.now[who] -= 1
            if not counts.now[who]:
                del counts.now[who]
