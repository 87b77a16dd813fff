"""What of a conversation the model is given, where it is longer than can be read at once.

The newest question always goes in, with its instructions. Of the exchanges before it the oldest are
left out first; the newest one with a recording stays as long as it can, since the talk is about it.
Free of torch: what fits is measured by the engine's `room`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from model.engine import Room
from model.messages import Message

_AT_FIRST = 64  # exchanges that are measured together before there is a reason to measure fewer


@dataclass(frozen=True)
class Fitted:
    """What is read, and what is not."""

    messages: tuple[Message, ...]  # the sides take turns
    left_out: int  # turns that are not read
    room: Room  # of the messages


Measure = Callable[[Sequence[Message]], Room]


def fitted(measure: Measure, turns: Sequence[Message]) -> Fitted:
    """The messages to be read for an answer to the last question of `turns`, which are perhaps the
    instructions, then one message for each turn; two of the same side may follow each other. A
    last turn of the assistant's is an answer that was begun.

    The newest question alone is returned where it does not fit either: then the engine refuses it.
    """
    told = [turn for turn in turns[:1] if turn.role == "system"]
    exchanges = _exchanges(turns[len(told) :])
    line = _Line(measure, told, exchanges[:-1], exchanges[-1], sum(map(len, exchanges)))
    return line.fitted()


def joined(turns: Sequence[Message]) -> tuple[Message, ...]:
    """Neighbours of the same side as one message: a question without an answer is read together
    with the next one."""
    messages: list[Message] = []
    for turn in turns:
        if messages and messages[-1].role == turn.role:
            turn = replace(turn, parts=messages.pop().parts + turn.parts)
        messages.append(turn)
    return tuple(messages)


class Exchange(list[Message]):
    """A question, and its answer where there is one."""


def _exchanges(turns: Sequence[Message]) -> list[Exchange]:
    found: list[Exchange] = []
    for turn in turns:
        if turn.role == "user" or not found:
            found.append(Exchange())
        found[-1].append(turn)
    return found


class _Recordings(Exchange):
    """A question without its words."""


@dataclass(frozen=True)
class _Line:
    measure: Measure
    told: list[Message]  # instructions
    before: list[Exchange]
    newest: Exchange
    n_turns: int

    def fitted(self) -> Fitted:
        n, fits = min(_AT_FIRST, len(self.before)), self._kept(self.before[-_AT_FIRST:])
        while _is_whole(fits) and n < len(self.before):
            n = min(2 * n, len(self.before))
            more = self._kept(self.before[-n:])
            if not _is_whole(more):
                break
            fits = more
        return fits if _is_whole(fits) and n == len(self.before) else self._without(n)

    def _without(self, n: int) -> Fitted:
        """As many as fit of the last `n` exchanges, which are too many."""
        readable = [one for each in self.before[-n:] if (one := self._readable(each))]
        about = self._about(readable)
        low, high, best = 0, len(readable), None
        while low <= high:
            middle = (low + high) // 2
            one = self._kept(_with(about, readable[len(readable) - middle :]))
            if _is_whole(one):
                low, best = middle + 1, one
            else:
                high = middle - 1
        if best is not None:
            return best
        with_sound = self._kept(about)  # its sound makes room for the words of the question
        if (
            about
            and with_sound.room.has_answer
            and any(window.end > window.start for window in with_sound.room.heard)
        ):
            return with_sound
        return self._kept([])

    def _readable(self, exchange: Exchange) -> Exchange:
        """An exchange that could be read alone; of a question that nobody could read or answer its
        recordings, else nothing."""
        if self._kept([exchange], newest=Exchange()).room.has_answer:
            return exchange
        *_, last = exchange
        clips = tuple(part for part in last.parts if not isinstance(part, str))
        return _Recordings([replace(last, parts=clips)] if last.role == "user" and clips else [])

    def _about(self, exchanges: list[Exchange]) -> list[Exchange]:
        """The newest exchange with a recording, unless the question has one itself."""
        if _has_clip(self.newest):
            return []
        return [one for one in exchanges if _has_clip(one)][-1:]

    def _kept(self, exchanges: list[Exchange], newest: Exchange | None = None) -> Fitted:
        newest = self.newest if newest is None else newest
        turns = [turn for exchange in (*exchanges, newest) for turn in exchange]
        messages = joined((*self.told, *turns))
        n_bare = sum(len(one) for one in exchanges if isinstance(one, _Recordings))
        return Fitted(messages, self.n_turns - len(turns) + n_bare, self.measure(messages))


def _with(about: list[Exchange], last: list[Exchange]) -> list[Exchange]:
    return last if not about or any(one is about[0] for one in last) else about + last


def _has_clip(exchange: Exchange) -> bool:
    return any(turn.clips for turn in exchange)


def _is_whole(fitted: Fitted) -> bool:
    return fitted.room.has_answer and not fitted.room.is_cut
