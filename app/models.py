"""Which model answers, and what is under way to change that: one being loaded, one being fetched.
Knows neither the page nor torch."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from app import chat
from app.seat import Seat
from app.talks import Talks
from model.engine import Engine
from model.errors import MACHINE_IS_FULL, EarshotError, is_out_of_memory
from model.fetching import Fetching
from model.library import Entry, Library, Offer

LOADING = "A model is being loaded: send this when it is ready."

log = logging.getLogger(__name__)


class GivenUp(EarshotError):
    """A load that was begun is no longer wanted."""


@dataclass
class Loading:
    title: str
    done: int = 0  # bytes …
    total: int = 0
    is_given_up: bool = False


@dataclass(frozen=True)
class Failed:
    title: str
    sentence: str


class Models:
    """Changes of the model, one at a time, and never in the middle of an answer."""

    def __init__(self, seat: Seat, talks: Talks, library: Library | None = None):
        self.seat = seat
        self._talks, self._library = talks, library
        self._lock = threading.Lock()
        self._changes = 0
        self.loading: Loading | None = None
        self.fetching: Fetching | None = None
        self.failed: Failed | None = None

    @property
    def state(self) -> str:
        """Another one whenever something has begun or ended."""
        return str(self._changes)

    @property
    def folder(self) -> Path:
        """Where fetched ones are kept."""
        return self._library.folder if self._library else Path()

    def entries(self) -> list[Entry]:
        return self._library.entries() if self._library else []

    def offer(self) -> Offer | None:
        """Qwen-Audio-Chat, unless it is here."""
        about = self.seat.about
        spare = 0 if about.device == "cpu" else about.memory_bytes
        return self._library.offer(spare) if self._library else None

    def use(self, name: str) -> None:
        """Begins to load a model. Refuses while an answer is being given, and while another is
        being loaded; what is asked meanwhile is refused by `Talks`."""
        entry = next((one for one in self.entries() if one.name == name), None)
        if entry is None:
            raise chat.Refused("This model is no longer here.")
        if entry.trouble:
            raise chat.Refused(entry.trouble)
        with self._lock:
            if self.loading:
                raise chat.Refused("A model is being loaded already: wait for it, or cancel that.")
            loading = self.loading = Loading(entry.title)
            try:
                self._talks.between(lambda: self._load(name, loading), LOADING)
            except chat.Refused:
                self.loading = None
                raise
        self.failed = None
        self._changed()

    def give_up(self) -> None:
        """The load that is under way ends, and the model before goes on."""
        if loading := self.loading:
            loading.is_given_up = True

    def fetch(self) -> None:
        """Begins to fetch Qwen-Audio-Chat."""
        with self._lock:
            if self.fetching and not self.fetching.is_over:
                raise chat.Refused("It is being downloaded already.")
            if self._library is None:
                raise chat.Refused("This model is no longer here.")
            self.fetching = self._library.fetch(self._changed)
        self._changed()

    def stop_fetching(self) -> None:
        if self.fetching:
            self.fetching.stop()

    def close(self) -> None:
        self.give_up()
        self.stop_fetching()

    def _load(self, name: str, loading: Loading) -> None:
        def open(wanted: str) -> Engine:
            def progress(done: int, total: int) -> None:
                if loading.is_given_up and wanted == name:
                    raise GivenUp
                loading.done, loading.total = done, total

            return self._library.open(wanted, progress)

        sentence = ""
        try:
            self.seat.change(name, open)
        except GivenUp:
            pass
        except EarshotError as error:
            sentence = str(error)
        except Exception as error:
            if is_out_of_memory(error):
                sentence = MACHINE_IS_FULL
            else:
                log.exception("The model %s could not be loaded", name)
                sentence = chat.OURS
        self.loading = None
        self.failed = Failed(loading.title, sentence) if sentence else None
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
