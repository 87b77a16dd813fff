"""Everybody has a place of their own: what is in one is nowhere in another, and goes with them."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.applications import Starlette

from app import chat, exchange, login, sounds, web
from app.door import Entered, Entrance, Gate
from app.guestbook import receiving, visiting
from app.guests import NOTE, Guests
from app.i18n import LANGUAGES
from app.places import Places
from app.policy import Policy
from app.shelf import shelving
from app.visitors import OWNER, Visitor
from model.engine import Parrot
from model.messages import Clip, Sampling
from model.spec import SAMPLE_RATE
from sessions.errors import Gone, StoreError
from sessions.records import DONE, STOPPED
from tests.app.asking import asker, client_of

ENGLISH, MARK = LANGUAGES["en"], "mark"


@pytest.fixture
def places(store):
    places = Places(Parrot(pause=0.02), store, Policy(keep_days=7))
    yield places
    places.close()


def comes(places, name="Ada"):
    """A guest, and their place."""
    guest, token = places.guests.enter(MARK, name, "", 50)
    return places.of(Visitor(guest.id, name)), token


def tone(hertz=440, seconds=1):
    wave = 9000 * np.sin(2 * np.pi * hertz * np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE)
    return Clip.of(wave.astype(np.int16))


def talk(place, words, hertz=440):
    """A conversation with a recording, answered."""
    clip = chat.keep(place.store, tone(hertz), "tone.wav", place.recall)
    id = place.store.start().id
    assert place.talks.start(id, (clip, words), Sampling()).over.wait(20)
    return id, clip


def test_answers_are_stored_where_they_were_asked(places):
    ada, _ = comes(places)
    bob, _ = comes(places, "Bob")
    said = {place: talk(place, f"for {place.id}")[0] for place in (ada, bob, places.owner)}
    for place, id in said.items():
        turns = place.store.turns(id)
        assert turns[-1].status == DONE and f"for {place.id}" in turns[-1].text
        for other in set(said) - {place}:
            assert other.store.turns(id) == []
            with pytest.raises(StoreError):
                other.store.conversation(id)
            assert other.talks.find(id) is None


def test_no_address_gives_what_is_anothers(places):
    gate = Gate(places.guests, places.policy)
    gate.share("three quiet owls")
    routes = [*web.routes(places), *sounds.routes(places), *exchange.routes(places)]
    app = Starlette(routes=routes, middleware=web.middleware(gate))
    through = Entered(app, Entrance(may_be_owner=False, hosts=()))
    owner, guests = client_of(app), [client_of(through), client_of(through)]
    for guest in guests:
        guest.post(login.ADDRESS, data={"password": "three quiet owls"})
    ids = [one.id for one in reversed(places.guests.all())]
    theirs = dict(zip(ids, guests, strict=True)) | {"": owner}
    made = {}
    for n, id in enumerate(theirs):
        place = places.of(Visitor(id) if id else OWNER)
        made[id] = talk(place, f"secret{n}", 300 + 100 * n)
    for id, client in theirs.items():
        for whose, (conversation, clip) in made.items():
            wanted = 200 if whose == id else 404
            for address in (
                f"clips/{clip.digest}",
                f"peaks/{clip.digest}",
                f"spectrum/{clip.digest}",
                f"export/{conversation}?form=json",
            ):
                assert client.get(f"/earshot/{address}").status_code == wanted, (address, id, whose)
            cut = client.post(f"/earshot/clips/{clip.digest}/part?start=0&end=0.5")
            assert cut.status_code == wanted
        others = [f"secret{n}" for n, other in enumerate(theirs) if other != id]
        exported = client.get("/earshot/export")
        found = [client.get(f"/earshot/export?words={word}") for word in others]
        assert not any(word.encode() in exported.content for word in others)
        assert all(len(one.content) < len(exported.content) for one in found)


def test_a_list_and_a_search_show_ones_own_alone(places):
    from app.events import Desk

    ada, _ = comes(places)
    talk(places.owner, "the owner's nightingale")
    talk(ada, "a blackbird")
    desk = Desk(Parrot(), ada.store, ada.talks, ada.allowance)
    (listing, *_) = shelving(desk)
    assert "blackbird" in listing({}, ENGLISH)["html"]
    assert "nightingale" not in listing({}, ENGLISH)["html"]
    assert listing({"words": "nightingale"}, ENGLISH)["html"] == ""


def test_when_another_writes_nobody_is_told(places):
    ada, _ = comes(places)
    before = web._changed(ada.store)
    time.sleep(0.05)
    talk(places.owner, "hello")
    assert web._changed(ada.store) == before


def test_what_is_read_of_an_upload_is_told_to_its_own_place(places):
    ada, _ = comes(places)
    ada.once(web.Readings)["abc"] = 5.0
    assert places.owner.once(web.Readings).get("abc") is None


def test_everything_a_guest_left_goes_in_one_action(places, tmp_path):
    ada, token = comes(places)
    bob, _ = comes(places, "Bob")
    talk(ada, "hello")
    kept = talk(bob, "hello")[0]
    _, forget_guest, _ = receiving(places)
    forget_guest({"guest": ada.id}, ENGLISH)
    left = [str(path) for path in tmp_path.rglob("*") if ada.id in str(path)]
    assert left == [] and not list(tmp_path.glob("guests/.gone*"))
    assert places.guests.find(token, MARK) is None
    with pytest.raises(chat.Refused, match="visit is over"):
        places.of(Visitor(ada.id))
    with pytest.raises(chat.Refused):
        asyncio.run(places.at(asker(Visitor(ada.id))))
    assert bob.store.turns(kept)[-1].status == DONE


def test_a_guest_is_forgotten_in_the_middle_of_an_answer(places, tmp_path):
    ada, _ = comes(places)
    id = ada.store.start().id
    talk = ada.talks.start(id, ("word " * 500,), Sampling())
    while "word" not in talk.said:
        assert not talk.over.wait(0.01)
    places.forget(ada.id)
    assert talk.over.wait(5)
    assert not (tmp_path / "guests" / ada.id).exists()
    with pytest.raises(StoreError):
        ada.store.start()
    assert not (tmp_path / "guests" / ada.id).exists(), "an upload that comes too late"


def test_all_guests_can_be_deleted_at_once_and_the_owner_stays(places, tmp_path):
    kept = talk(places.owner, "mine")[0]
    for name in "abc":
        talk(comes(places, name)[0], "hello")
    guests, _, forget_guests = receiving(places)
    told = guests({}, ENGLISH)["guests"]
    assert [one["name"] for one in told] == ["c", "b", "a"]
    assert all(one["bytes"] > 20_000 and one["minutes"] == 1 / 60 for one in told)
    forget_guests({}, ENGLISH)
    assert guests({}, ENGLISH)["guests"] == []
    assert [path.name for path in (tmp_path / "guests").iterdir() if path.is_dir()] == []
    assert places.owner.store.turns(kept)[-1].status == DONE


def test_a_guest_may_leave_and_take_everything_along(places):
    ada, token = comes(places)
    visit, go = visiting(places, ada)
    talk(ada, "hello")
    told = visit({}, ENGLISH)
    assert told["is_guest"] and told["used"] == {"minutes": 1, "mb": 1}
    assert told["may"]["keep_days"] == 7
    go({}, ENGLISH)
    assert places.guests.find(token, MARK) is None and places.guests.all() == []
    visit, go = visiting(places, places.owner)
    assert visit({}, ENGLISH) == {"is_guest": False}
    go({}, ENGLISH)
    assert places.owner.store.start()


def test_who_stays_away_too_long_is_forgotten(places, tmp_path):
    ada, _ = comes(places)
    bob, _ = comes(places, "Bob")
    note = tmp_path / "guests" / ada.id / NOTE
    told = json.loads(note.read_text())
    note.write_text(json.dumps(told | {"seen": time.time() - 7.1 * 24 * 3600}))
    (tmp_path / "guests" / bob.id / NOTE).write_text("{")
    places.close()
    again = Places(Parrot(), places.owner.store, Policy(keep_days=7))
    again.tidy()
    assert [one.id for one in again.guests.all()] == [bob.id], "its age is that of the folder"
    os.utime(tmp_path / "guests" / bob.id, (0, 0))
    last = Places(Parrot(), places.owner.store, Policy(keep_days=7))
    last.tidy()
    assert last.guests.all() == []
    again.close(), last.close()


def test_two_who_forget_the_same_guests_at_once_do_not_disturb_each_other(places):
    guests = [comes(places, f"{i}")[0].id for i in range(40)]

    def forget_all(_):
        for id in guests:
            places.forget(id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(forget_all, range(4)))
    assert places.guests.all() == [] and not list(places.guests.folder.iterdir())


def test_a_place_that_nobody_uses_is_closed_and_opened_again(places):
    ada, _ = comes(places)
    id = talk(ada, "hello")[0]
    long = ada.talks.start(ada.store.start().id, ("word " * 500,), Sampling())
    places.close_idle(0)
    assert places.of(Visitor(ada.id)) is ada, "an answer is being given"
    ada.talks.stop(long.turn.conversation)
    assert long.over.wait(5)
    places.close_idle(0)
    again = places.of(Visitor(ada.id))
    assert again is not ada and again.store.turns(id)[-1].status == DONE
    assert again.allowance is ada.allowance, "what was used stays used"


def test_a_guest_who_waits_is_answered_between_those_who_ask_much(places):
    ada, _ = comes(places)
    bob, _ = comes(places, "Bob")
    said = [(ada, "word " * 500), (ada, "a1"), (ada, "a2"), (bob, "b0")]
    first, *waiting = (p.talks.start(p.store.start().id, (t,), Sampling()) for p, t in said)
    assert [t.ahead(one) for t, one in zip((ada.talks,) * 2 + (bob.talks,), waiting, strict=True)]
    ada.talks.stop(first.turn.conversation)
    for talk in waiting:
        assert talk.over.wait(20)
    ended = {
        one.said: place.store.turn(one.turn.id).updated
        for (place, _), one in zip(said[1:], waiting, strict=True)
    }
    assert sorted(ended, key=ended.get) in (["a1", "b0", "a2"], ["b0", "a1", "a2"])


def test_when_somebody_was_seen_outlives_the_process(places, tmp_path):
    ada, token = comes(places)
    first = json.loads((tmp_path / "guests" / ada.id / NOTE).read_text())["seen"]
    time.sleep(0.01)
    seen = places.guests.find(token, MARK).seen
    places.tidy()
    assert json.loads((tmp_path / "guests" / ada.id / NOTE).read_text())["seen"] == seen > first
    places.forget(ada.id)
    places.guests.note()
    assert not (tmp_path / "guests" / ada.id).exists()


def test_tokens_are_not_guessed_from_what_is_stored(tmp_path):
    guests = Guests(tmp_path)
    guest, token = guests.enter(MARK, "Ada", "", 5)
    note = json.loads((tmp_path / guest.id / NOTE).read_text())
    assert note["token"] != token and guests.find(note["token"], MARK) is None
    assert guests.find(token, "another password") is None
    assert guests.find("", MARK) is None
    assert Guests(tmp_path).find(token, MARK).name == "Ada"


def test_a_stopped_answer_of_a_guest_is_stopped_alone(places):
    ada, _ = comes(places)
    bob, _ = comes(places, "Bob")
    first = ada.talks.start(ada.store.start().id, ("word " * 500,), Sampling())
    second = bob.talks.start(bob.store.start().id, ("never said",), Sampling())
    ada.talks.stop(second.turn.conversation)
    assert not second.stopping.is_set()
    bob.talks.stop(second.turn.conversation)
    ada.talks.stop(first.turn.conversation)
    assert first.over.wait(5) and second.over.wait(5)
    assert bob.store.turn(second.turn.id).status == STOPPED
    with pytest.raises(Gone):
        bob.store.turn(10**6)
