"""What is done for the store while it is open: a backup a day. Answers nobody."""

import logging
import threading
import time
from datetime import date

from sessions import backup
from sessions.backup import Backup
from sessions.errors import StoreError
from sessions.store import Store

EVERY = 300  # seconds between two looks at the date

log = logging.getLogger(__name__)


class Upkeep:
    """Begins at once, and goes on over midnight. Guests' conversations are in no backup: what they
    delete is gone."""

    def __init__(self, store: Store, every: float = EVERY):
        self._folder, self._every = store.folder, every
        self._closing = threading.Event()
        self.trouble = ""  # why there is no backup of today
        self._thread = threading.Thread(target=self._run, daemon=True, name="upkeep")
        self._thread.start()

    @property
    def newest(self) -> Backup | None:
        found = backup.listed(self._folder)
        return found[-1] if found else None

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        looked = None
        while not self._closing.is_set():
            if (today := date.today()) != looked:
                looked = today if self._backed_up(today) else None
            self._closing.wait(self._every)

    def _backed_up(self, today: date) -> bool:
        began = time.monotonic()
        try:
            made = backup.daily(self._folder, today)
        except StoreError as error:
            if str(error) != self.trouble:
                log.warning("No backup was made: %s", error)
            self.trouble = str(error)
            return False
        except Exception:
            log.exception("No backup was made")
            return False
        self.trouble = ""
        if made:
            log.info("Backup %s took %.1f s", made.path.name, time.monotonic() - began)
        return made is not None or not backup.is_empty(self._folder)
