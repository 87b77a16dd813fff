"""The benchmark of guests finds what is missing: it looks into the stores themselves."""

import json

from benchmarks.guests import Guest, found
from sessions.records import DONE
from sessions.store import Store


def asked(store, id, text):
    store.ask(id, (text,))
    store.finish(store.begin(id).id, text, DONE)


def test_what_was_acknowledged_and_is_not_there_is_lost(tmp_path):
    folder = tmp_path / "guests" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "guest.json").write_text(json.dumps({"name": "Guest 7"}))
    with Store(folder) as store:
        id = store.start().id
        asked(store, id, "guest7 lane0 question0")
        asked(store, id, "guest7 lane0 question1")
        asked(store, id, "guest8 lane0 question0")
    kept = [(id, "guest7 lane0 question0"), (id, "guest7 lane0 question1")]
    told = found(tmp_path, [Guest(7, False, acknowledged=kept)])
    assert (told["acknowledged"], told["lost"], told["answered"]) == (2, 0, 3)
    assert (told["wrong"], told["strangers"]) == (0, 1)
    lost = [*kept, (id, "guest7 lane0 question2"), ("b" * 32, "guest7 lane1 question0")]
    assert found(tmp_path, [Guest(7, False, acknowledged=lost)])["lost"] == 2
