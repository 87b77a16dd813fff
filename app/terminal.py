"""A conversation in a terminal, spoken or typed: what is pressed, heard and answered. Stored where
the page's conversations are. How it looks is in app/screen.py.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from app import chat, hearing, keys, marks, microphone, render, screen, webpage
from app.ear import Ear, Heard, Pause
from app.hearing import HOLD, SPEAK
from app.i18n import ENGLISH, LANGUAGES
from app.keys import Held, Keyboard
from app.microphone import Microphone, Playing
from app.recorder import Recordings, Take
from app.render import Line
from app.screen import Screen, clock, waveform
from app.talks import Talk, Talks
from model import audio
from model.engine import Engine
from model.errors import EarshotError, Silent
from sessions import transfer
from sessions.errors import StoreError
from sessions.records import DONE, FAILED, ClipRef, Part
from sessions.store import Store

LOOK = 1 / screen.PER_SECOND  # seconds between two looks at everything
MUTE_SECONDS = 3  # of nothing but zeros, until it is said
HELP = (
    ("space", "speak: hold it, or press it before and after (:mode)"),
    ("Esc", "stop the answer; throw the recording away"),
    (":replay [N]", "hear the last recording, or place N of the answer"),
    (":save [FILE]", "write the conversation to a .md, .json, .zip or .html file"),
    (":device [N|NAME]", "the microphones, or choose one; the level shows whether it hears"),
    (":mode speak|hold|toggle", "just speak; hold space; press space twice"),
    (":silence SECONDS", "how long a silence ends a question"),
    (":sensitivity 0…1", "how readily sound is taken for speech"),
    (":keep, :discard", "take, or forget, what an earlier run left unfinished"),
    (":new", "a new conversation"),
    (":quit", "or Ctrl-D"),
)
READY = {
    "speak": "just speak · space: not now",
    "hold": "hold space and speak",
    "toggle": "space, speak, space",
}
SUFFIXES = {suffix: kind for kind, suffix in transfer.SUFFIXES.items()}


@dataclass(frozen=True)
class Ready:
    """A clip that was taken in before it was certain that the recording is over."""

    id: str
    seconds: float
    clip: Future


class Terminal:
    """One conversation. Without a microphone it is a typed one, until `:device` finds one."""

    def __init__(self, engine: Engine, store: Store, view: Screen, conversation: str = ""):
        self.view = view
        self.settings = hearing.load(store.folder)
        self._engine, self._store = engine, store
        self._talks = Talks(engine, store)
        self._recordings = Recordings(store.folder)
        self._taking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="taking")
        self._conversation = store.conversation(conversation).id if conversation else ""
        self._ear: Ear | None = None
        self._typed = ""
        self._space = Held()
        self._is_muted = False
        self._talk: Talk | None = None
        self._ready: Ready | None = None
        self._clip: ClipRef | None = None  # the latest recording
        self._places: list[marks.Mark] = []  # of the latest answer
        self._playing: Playing | None = None
        self._since = 0.0  # when the microphone was opened
        self.is_over = False

    # Its life

    def run(self, device: str = "") -> None:
        about = self._engine.about
        with Keyboard() as keyboard, self.view.open():
            self.view.say(f"Earshot · {about.name}. :help tells what there is.", "dim")
            self._offer()
            self._try(self._choose, device or self.settings.device)
            while not self.is_over:
                for key in keyboard.pressed(LOOK):
                    self._try(self._press, key)
                self._try(self._look)
                self.view.draw(*self._foot())

    def close(self) -> None:
        if self._playing:
            self._playing.stop()
        if self._ear:
            self._ear.close()  # what was being recorded is offered the next time
        self._taking.shutdown()
        self._talks.close()
        self._recordings.close()

    def _try(self, work, *values) -> None:
        try:
            work(*values)
        except (EarshotError, StoreError) as error:
            self.view.say(str(error), "red")

    def _offer(self) -> None:
        for take in self._recordings.leftovers():
            when = time.strftime("%d %b %H:%M", time.localtime(take.began))
            length = clock(take.seconds)
            self.view.say(f"A recording of {length} from {when} was not finished.", "yellow")
            self.view.say("Take it with :keep, or forget it with :discard.", "yellow")

    # Keys

    def _press(self, key: str) -> None:
        if key == " " and not self._typed:
            self._press_space()
        elif key == keys.ENTER:
            typed, self._typed = self._typed.strip(), ""
            if typed:
                self._do(typed)
        elif key == keys.BACKSPACE:
            self._typed = self._typed[:-1]
        elif key == keys.CLEAR:
            self._typed = ""
        elif key == keys.ESCAPE:
            self._escape()
        elif key == keys.QUIT:
            self.is_over = True
        elif key.isprintable():
            self._typed += key

    def _press_space(self) -> None:
        if self._ear is None:
            raise chat.Refused("There is no microphone: choose one with :device, or type.")
        if self.settings.mode == SPEAK:
            self._is_muted = not self._is_muted
        elif self.settings.mode == HOLD:
            if self._space.press():
                self._begin()
        elif self._ear.is_recording:
            self._send(self._ear.end())
        else:
            self._begin()

    def _begin(self) -> None:
        if self._talk is None:
            self._hush()
            self._ear.begin()

    def _escape(self) -> None:
        self._hush()
        if self._ear and self._ear.is_recording:
            self._ear.drop()
            self.view.say("Thrown away.", "dim")
        elif self._talk:
            self._talks.stop(self._conversation)

    def _hush(self) -> None:
        if self._playing:
            self._playing.stop()
        self._playing = None

    # What happens meanwhile

    def _look(self) -> None:
        if self._talk and self._talk.over.is_set():
            self._answered()
        if self._playing and self._playing.over.is_set():
            self._hush()
        if self._ear is None:
            return
        self._ear.deafen(bool(self._talk or self._playing or self._is_muted))
        if self._space.is_let_go() and self.settings.mode == HOLD:
            self._send(self._ear.end())
        while not self._ear.heard.empty():
            self._hear(self._ear.heard.get())
        if not self._ear.is_alive:
            trouble, self._ear = self._ear.trouble, None
            raise chat.Refused(trouble or "The microphone was closed: choose one with :device.")
        if self._since and time.monotonic() - self._since > MUTE_SECONDS:
            self._since = 0.0
            if self._ear.meter.is_dead:
                raise chat.Refused(microphone.MUTE.format(name=self._ear.source.name))

    def _hear(self, heard: Heard | Pause) -> None:
        if isinstance(heard, Pause):  # so that nobody waits for it afterwards
            name = self._clip_name()
            taking = self._taking.submit(self._take_in, heard.path, name, heard.seconds)
            self._ready = Ready(heard.id, heard.seconds, taking)
            return
        if heard.trouble:
            self.view.say(heard.trouble, "red")
        self._send(heard.take)

    def _send(self, take: Take | None) -> None:
        """Ask with what was said."""
        if take is None:
            return
        if take.seconds < audio.SHORTEST:
            take.discard()
            return
        ready, self._ready = self._ready, None
        try:
            if ready and (ready.id, ready.seconds) == (take.id, take.seconds):
                clip = ready.clip.result()
            else:
                clip = self._take_in(take.settled(), self._clip_name())
        except Silent:
            take.discard()
            raise
        self._clip = clip
        self._ask((clip,), f"[{clock(clip.seconds)} of sound]")
        take.discard()

    def _take_in(self, path: Path, name: str, seconds: float | None = None) -> ClipRef:
        clip = audio.decode(path, name=name, seconds=seconds)
        for remark in clip.remarks:
            self.view.say(remark, "yellow")
        return chat.keep(self._store, clip, name, self._talks.recall)

    def _clip_name(self) -> str:
        return f"Recording {time.strftime('%H:%M')}"

    def _ask(self, parts: tuple[Part, ...], shown: str) -> None:
        kept = self._store.conversation(self._conversation) if self._conversation else None
        sampling = chat.sampling(kept, self._engine.about)
        conversation = kept or self._store.start()
        self._talk = self._talks.start(conversation.id, chat.question(parts), sampling)
        self._conversation = conversation.id
        self.view.asked(shown)

    def _answered(self) -> None:
        turn = self._store.turn(self._talk.turn.id)
        self._talk = None
        line = self._line()
        times = marks.read(turn.text, line.sources()[-1])
        self._places = [time for time in times if time.at == time.start and time.is_tied]
        self.view.answered(_with_places(turn.text, times))
        if unheard := render.besides(line, LANGUAGES[ENGLISH])[-1].unheard:
            self.view.say(unheard, "yellow")
        if turn.status == FAILED:
            self.view.say(turn.sentence, "red")
        elif turn.status != DONE:
            self.view.say(f"({turn.status})", "dim")

    def _line(self) -> Line:
        """The conversation up to its newest answer."""
        return Line(self._store.turns(self._conversation))

    # Commands

    def _do(self, typed: str) -> None:
        if not typed.startswith(":"):
            self._hush()
            self._ask((typed,), typed)
            return
        name, _, value = typed[1:].partition(" ")
        command = getattr(self, f"_do_{name}", None)
        if command is None:
            raise chat.Refused(f"There is no :{name}. :help tells what there is.")
        command(value.strip())

    def _do_help(self, value: str) -> None:
        self.view.listed("", HELP)

    def _do_quit(self, value: str) -> None:
        self.is_over = True

    def _do_new(self, value: str) -> None:
        if self._talk:
            raise chat.Refused("This answer is not finished: wait for it, or stop it first.")
        self._conversation, self._clip, self._places = "", None, []
        self.view.say("A new conversation.", "dim")

    def _do_replay(self, value: str) -> None:
        if self._clip is None:
            raise chat.Refused("Nothing was recorded yet.")
        clip, start, end = self._clip, 0.0, None
        if value:
            if not value.isdecimal() or not 0 < int(value) <= len(self._places):
                raise chat.Refused(f"The last answer names {len(self._places)} places.")
            place = self._places[int(value) - 1]
            clip, start, end = place.clip or clip, place.start, place.end or place.start + 2
        self._hush()
        self._playing = Playing(self._talks.recall.clip(clip), start, end)

    def _do_save(self, value: str) -> None:
        if not self._conversation:
            raise chat.Refused("Nothing was said yet.")
        path = Path(value or f"earshot-{time.strftime('%Y%m%d-%H%M%S')}.md").expanduser()
        kind = SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise chat.Refused(f"The file's name ends in {', '.join(SUFFIXES)}.")
        try:
            with path.open("xb") as file:
                looks = webpage.looks(LANGUAGES[ENGLISH], self._talks.recall.clip)
                transfer.export(self._store, [self._conversation], file, kind, looks=looks)
        except OSError as error:
            raise chat.Refused(f"{path} cannot be written: {error.strerror}.") from error
        self.view.say(f"Saved as {path}.", "dim")

    def _do_device(self, value: str) -> None:
        if value:
            self._choose(value)
            self._keep("device", self._ear.source.name)
            return
        used = self._ear.source.name if self._ear else ""
        rows = enumerate(microphone.devices(), 1)
        told = [(str(i), one.name + (" (in use)" if one.name == used else "")) for i, one in rows]
        self.view.listed("Microphones; choose one with :device N", told)

    def _do_mode(self, value: str) -> None:
        self._keep("mode", value)

    def _do_silence(self, value: str) -> None:
        self._keep("silence", value)

    def _do_sensitivity(self, value: str) -> None:
        self._keep("sensitivity", value)

    def _do_keep(self, value: str) -> None:
        for take in self._left():
            self._clip = self._take_in(take.path, take.name)
            self._ask((self._clip,), f"[{clock(take.seconds)} of sound]")
            take.discard()
            return

    def _do_discard(self, value: str) -> None:
        for take in self._left():
            take.discard()
        self.view.say("Forgotten.", "dim")

    def _left(self) -> list[Take]:
        if left := self._recordings.leftovers():
            return left
        raise chat.Refused("No recording was left unfinished.")

    def _keep(self, name: str, value: str) -> None:
        self.settings = hearing.changed(self.settings, name, value)
        hearing.save(self._store.folder, self.settings)
        if self._ear:
            self._ear.listen_for(self.settings.hearing(self.settings.mode))
        self.view.say(f"{name}: {getattr(self.settings, name)}", "dim")

    def _choose(self, wish: str) -> None:
        device = microphone.choose(wish)
        if self._ear:
            self._ear.close()
            self._ear = None
        source = Microphone(device)
        self._ear = Ear(source, self._recordings, hearing=self.settings.hearing(self.settings.mode))
        self._since = time.monotonic()
        self.view.say(f"Listening with {device.name}.", "dim")

    # The foot

    def _foot(self) -> list[Text]:
        lines = []
        if self._talk:
            lines.append(self.view.tail(self._talk.said or f"{self._talk.doing or 'waiting'} …"))
        lines.append(self._status())
        lines.append(Text("> ", style="bold") + Text(self._typed) + Text("▏", style="blink"))
        return lines

    def _status(self) -> Text:
        ear = self._ear
        if ear is None:
            return Text("no microphone: type, or :device", style="dim")
        wave = waveform(ear.meter)
        if ear.is_recording:
            return Text(f"● {clock(ear.seconds)} {wave}", style="red")
        if self._talk:
            return Text("answering · Esc stops it", style="dim")
        if self._is_muted:
            return Text("not listening · space: listen again", style="yellow")
        return Text(f"○ {wave} ", style="green") + Text(READY[self.settings.mode], style="dim")


def _with_places(text: str, times: list[marks.Mark]) -> str:
    """Times as people write them, those that `:replay` knows with their numbers."""
    numbers, each = iter(range(1, 10**6)), iter(times)

    def shown(_) -> str:
        time = next(each)
        has_number = time.at == time.start and time.is_tied
        return f"[{time.at:.2f} s]" + (f" ({next(numbers)})" if has_number else "")

    return marks.MARK.sub(shown, text)
