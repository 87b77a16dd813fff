"""A backup a day, made beside the answers."""

import time
from datetime import date, timedelta

from app import upkeep
from app.upkeep import Upkeep
from sessions import backup
from sessions.errors import FULL, StoreTrouble


def until(happened):
    ends = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_it_begins_at_once_and_goes_on_over_midnight(store, monkeypatch):
    class Clock(date):
        day = date(2026, 11, 22)

        @classmethod
        def today(cls):
            return cls.day

    monkeypatch.setattr(upkeep, "date", Clock)
    keeper = Upkeep(store, every=0.01)
    store.ask(store.start().id, ("one",))
    until(lambda: keeper.newest)
    Clock.day += timedelta(1)
    until(lambda: len(backup.listed(store.folder)) == 2)
    keeper.close()
    assert [str(one.day) for one in backup.listed(store.folder)] == ["2026-11-22", "2026-11-23"]


def test_what_goes_wrong_is_tried_again_and_told_once(store, monkeypatch, caplog):
    store.ask(store.start().id, ("one",))
    make, tries = backup.make, []

    def full(*args):
        tries.append(1)
        if len(tries) < 3:
            raise StoreTrouble(FULL)
        return make(*args)

    monkeypatch.setattr(backup, "make", full)
    keeper = Upkeep(store, every=0.01)
    until(lambda: keeper.newest)
    keeper.close()
    assert len(tries) == 3 and keeper.trouble == ""
    assert caplog.text.count("No backup was made") == 1
