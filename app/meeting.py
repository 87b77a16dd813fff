"""A standing recorder in a terminal: start, pause, mark a moment, stop. What comes of it is a
conversation that opens with the recording and its marks. Asks nothing.
"""

import sys
import threading
import time
from contextlib import ExitStack

from rich.text import Text

from app import chat, microphone, screen
from app.ear import Ear
from app.keys import ESCAPE, QUIT, Keyboard
from app.microphone import Microphone
from app.recorder import Recordings, Take
from app.screen import Screen, clock, waveform
from sessions.records import Conversation
from sessions.store import Store

LOOK = 1 / screen.PER_SECOND
MARK, PAUSE, STOP = ("m",), ("p", " "), ("s", "q", QUIT, ESCAPE)
KEYS = "m: mark · p: pause · s: stop"
MARKED = "Marked moments: {}."


class Meeting:
    """One recording, from now on."""

    def __init__(self, store: Store, view: Screen, name: str = ""):
        self.view = view
        self._store, self._recordings = store, Recordings(store.folder)
        self._name = name or f"Recording {time.strftime('%d %b %H:%M')}"
        self._ear: Ear | None = None
        self._over = threading.Event()

    def run(self, device: str = "") -> Take | None:
        """Record until a key or `stop` ends it. None where nothing was recorded."""
        self._ear = Ear(Microphone(microphone.choose(device)), self._recordings, name=self._name)
        self._ear.begin()
        self.view.say(f"Recording with {self._ear.source.name}. {KEYS}")
        with ExitStack() as opened:
            keyboard = None
            if sys.stdin.isatty():
                opened.enter_context(self.view.open())
                keyboard = opened.enter_context(Keyboard())
            while not self._over.is_set() and self._ear.heard.empty():
                for key in keyboard.pressed(LOOK) if keyboard else ():
                    self._press(key.lower())
                if keyboard:
                    self.view.draw(self._status())
                else:
                    self._over.wait(LOOK)
        return self._ended()

    def stop(self) -> None:
        self._over.set()

    def _press(self, key: str) -> None:
        if key in MARK and (at := self._ear.mark()) is not None:
            self.view.say(f"Marked {clock(at)}.")
        elif key in PAUSE:
            self._ear.pause(not self._ear.is_paused)
        elif key in STOP:
            self.stop()

    def _ended(self) -> Take | None:
        take = self._ear.close()
        if self._ear.heard.empty():
            return take
        heard = self._ear.heard.get()  # it ended by itself
        self.view.say(heard.trouble, "red")
        return heard.take

    def _status(self) -> Text:
        ear = self._ear
        if ear.is_paused:
            return Text(f"‖ {clock(ear.seconds)} paused · p: go on · s: stop", style="yellow")
        return Text(f"● {clock(ear.seconds)} {waveform(ear.meter)} ", "red") + Text(KEYS, "dim")

    def close(self) -> None:
        if self._ear:
            self._ear.close()
        self._recordings.close()


def opened(store: Store, take: Take) -> Conversation:
    """A conversation that opens with a recording and its marks. The file is gone then: the sound
    is in the conversation."""
    clip = chat.take_in(store, take.settled(), take.name)
    marks = [MARKED.format(", ".join(map(clock, take.marks)))] if take.marks else []
    conversation = store.start()
    store.ask(conversation.id, (clip, *marks))
    if take.name:
        store.rename(conversation.id, take.name)
    take.discard()
    return store.conversation(conversation.id)
