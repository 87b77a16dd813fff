"""What the page asks to be done to turns, and the addresses of clips, without a browser."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import chat, offers, sounds
from app.events import Desk, talking
from app.i18n import LANGUAGES
from app.places import Places
from app.rooms import measuring
from app.turning import turning
from model import picture
from model.engine import Parrot, Room, Unheard
from model.messages import Clip
from model.spec import SAMPLE_RATE
from model.tasks import TASKS
from sessions.records import DONE, STOPPED
from tests.app.asking import Here, called

ENGLISH = LANGUAGES["en"]


@pytest.fixture
def desk(store):
    places = Places(Parrot(pause=0.01), store)
    yield Desk(places._engine, store, places.owner.talks)
    places.close()


@pytest.fixture
def page(desk):
    here = Here(desk)
    works = (*talking(desk), *turning(desk), *measuring(desk, desk.talks._engine))
    return SimpleNamespace(**{work.__name__: called(work, here) for work in works})


@pytest.fixture
def clip(store):
    """Three seconds: a tone, silence, the tone again."""
    tone = 9000 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    sound = np.concatenate([tone, 0 * tone, tone]).astype(np.int16)
    return chat.keep(store, Clip.of(sound), "tone.wav")


def asked(desk, page, text, conversation="", clips=(), edits=0):
    clips = [{"digest": clip.digest, "name": clip.name} for clip in clips]
    id = page.ask(conversation=conversation, text=text, clips=clips, edits=edits)["conversation"]
    ended(desk, id)
    return id


def ended(desk, id):
    talk = desk.talks.find(id)
    assert talk is None or talk.over.wait(20)


def shown(desk, id):
    return desk.view(id, ENGLISH)[0]


def test_an_edited_question_is_a_branch_and_both_lines_are_reached(desk, page):
    id = asked(desk, page, "one")
    first = desk.store.turns(id)[0]
    asked(desk, page, "two", id, edits=first.id)
    html, newest = shown(desk, id)
    assert "<span>2 / 2</span>" in html and "<p>two</p>" in newest
    page.choose(conversation=id, turn=first.id)
    html, newest = shown(desk, id)
    assert "<span>1 / 2</span>" in html and "<p>one</p>" in newest


def test_another_answer_undo_and_back(desk, page):
    id = asked(desk, page, "one")
    question, answer = desk.store.turns(id)
    page.again(conversation=id, turn=answer.id)
    ended(desk, id)
    assert "<span>2 / 2</span>" in shown(desk, id)[1]
    taken = page.undo(conversation=id)["turn"]
    assert taken == question.id and desk.store.turns(id) == []
    page.choose(conversation=id, turn=taken)
    assert len(desk.store.turns(id)) == 2


def test_an_answer_that_was_stopped_goes_on(desk, page):
    words = " ".join(f"word{i}" for i in range(200))
    id = page.ask(conversation="", text=words, clips=[])["conversation"]
    while "word3" not in desk.talks.find(id).said:
        pass
    page.stop(conversation=id)
    ended(desk, id)
    stopped = desk.store.turns(id)[-1]
    assert stopped.status == STOPPED and 'class="tool go_on"' in shown(desk, id)[1]
    page.go_on(conversation=id, turn=stopped.id)
    ended(desk, id)
    assert (desk.store.turn(stopped.id).text, desk.store.turn(stopped.id).status) == (words, DONE)


def test_a_verdict_is_kept_with_its_note(desk, page):
    id = asked(desk, page, "one")
    answer = desk.store.turns(id)[1]
    page.rate(conversation=id, turn=answer.id, good=False, note="Not so.")
    rated = desk.store.turn(answer.id)
    assert (rated.good, rated.note) == (False, "Not so.")
    assert "Not so." in shown(desk, id)[1]
    page.rate(conversation=id, turn=answer.id, good=None, note="Not so.")
    assert desk.store.turn(answer.id).good is None


def test_turns_of_other_conversations_are_not_touched(desk, page):
    mine, other = asked(desk, page, "one"), asked(desk, page, "two")
    answer = desk.store.turns(other)[1]
    for name in ("again", "go_on", "choose", "content"):
        refused = getattr(page, name)(conversation=mine, turn=answer.id)
        assert "no longer stored" in refused["sentence"], name
    edited = page.ask(conversation=mine, text="x", clips=[], edits=desk.store.turns(other)[0].id)
    assert "not in this conversation" in edited["sentence"]


def test_a_long_conversation_comes_in_pages(desk, page):
    id = desk.store.start().id
    for i in range(100):
        desk.store.ask(id, (f"question {i}",))
        desk.store.finish(desk.store.begin(id).id, f"answer {i}", DONE)
    turns = desk.store.turns(id)
    html, newest = shown(desk, id)
    assert html.count("<article") == 59 and "answer 99" in newest
    assert f'data-earlier="{turns[-60].id}"' in html
    page_before = page.earlier(conversation=id, before=turns[-60].id)
    assert page_before["html"].count("<article") == 60 and page_before["more"]
    assert "undo" not in page_before["html"]
    found = page.earlier(conversation=id, before=turns[-60].id, until=turns[30].id)
    assert found["html"].count("<article") == 140 - 10 and found["more"]
    assert page.earlier(conversation=id, before=turns[-60].id, until=10**6)["elsewhere"]
    since = desk.view(id, ENGLISH, turns[-62].id)[0][0]
    assert since.count("<article") == 61  # what was there stays, when one goes on


def test_marks_know_their_clip_beyond_the_page(desk, clip):
    id = desk.store.start().id
    desk.store.ask(id, (clip, "what?"))
    desk.store.finish(desk.store.begin(id).id, "a tone", DONE)
    for i in range(40):
        desk.store.ask(id, (f"question {i}",))
        desk.store.finish(desk.store.begin(id).id, "at <|2.00|>", DONE)
    assert f'class="mark" data-digest="{clip.digest}"' in shown(desk, id)[1]


class Narrow(Parrot):
    def room(self, messages):
        room = super().room(messages)
        clips = [clip for message in messages for clip in message.clips]
        return Room(room.used, 100, tuple(Unheard(c.digest, 1, 3) for c in clips), room.costs)


def test_the_meter_counts_what_was_said_and_what_is_on_its_way(store, desk, page, clip):
    assert page.room(conversation="", text="", clips=[], edits=0)["used"] == 0
    id = asked(desk, page, "what is that?", clips=[clip])
    draft = [{"digest": clip.digest, "name": "again.wav"}]
    room = page.room(conversation=id, text="and now?", clips=draft, edits=0)
    assert [(c["name"], c["cost"], c["is_new"]) for c in room["clips"]] == [
        ("tone.wav", 77, False),
        ("again.wav", 77, True),
    ]
    assert room["used"] > 154 and room["unheard"] == []
    (work,) = measuring(desk, Narrow())
    told = work({"conversation": id, "text": "", "clips": []}, ENGLISH)
    assert told["unheard"] == ["0:01–0:03 of tone.wav"]


def test_settings_of_another_version_can_be_chosen_anew(desk, page):
    id = desk.store.start(sampling=json.dumps({"warmth": 1})).id
    refused = page.ask(conversation=id, text="hello", clips=[])
    assert "choose it anew" in refused["sentence"] and desk.store.turns(id) == []


def test_a_first_question_that_cannot_be_answered_leaves_nothing_behind(desk, page, monkeypatch):
    begin = desk.store.begin
    monkeypatch.setattr(desk.store, "begin", lambda *a, **k: begin("0" * 32))
    assert "sentence" in page.ask(conversation="", text="hello", clips=[])
    monkeypatch.undo()
    assert desk.store.conversations() == []


# Tasks


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_every_task_that_is_offered_has_a_name_and_a_question_in_every_language(code):
    assert set(offers.OFFERED) <= set(TASKS)
    about = SimpleNamespace(tasks=tuple(TASKS), understands=())
    offered = offers.offers(about, LANGUAGES[code])
    assert len(offered) == len(offers.OFFERED)
    assert all(row["label"] and row["ask"] and row["domain"] for row in offered)


def test_only_what_the_model_was_taught_is_offered():
    about = SimpleNamespace(tasks=("transcribe", "question"), understands=("en",))
    assert [row["label"] for row in offers.offers(about, ENGLISH)] == ["Transcribe"]
    (row,) = offers.offers(about, LANGUAGES["de"])
    assert row["label"] != "Transcribe" and row["ask"] == "What does the person say?"


# Addresses


@pytest.fixture
def client(desk):
    app = Starlette(routes=sounds.routes(Here(desk)))
    return TestClient(app, headers={"x-earshot": "page"})


def test_a_waveform_is_given_and_kept(client, clip):
    given = client.get(f"/earshot/peaks/{clip.digest}")
    peaks = np.frombuffer(given.content, np.uint8)
    assert len(peaks) == picture.PEAKS and "immutable" in given.headers["cache-control"]
    assert peaks[:130].min() > 200 and peaks[140:260].max() == 0


def test_a_spectrum_says_what_it_shows(client, clip):
    given = client.get(f"/earshot/spectrum/{clip.digest}?at=nonsense")
    rows, columns = (int(given.headers[f"x-{name}"]) for name in ("rows", "columns"))
    assert (rows, columns, len(given.content)) == (80, 300, 80 * 300)
    assert (given.headers["x-start"], given.headers["x-end"]) == ("0", "3")


def test_a_part_is_a_new_clip_and_the_whole_stays(client, store, clip):
    name = "tone.wav, 0:02–0:03"
    part = client.post(
        f"/earshot/clips/{clip.digest}/part", params={"start": 2.5, "end": 99, "name": name}
    ).json()
    assert (part["seconds"], part["name"]) == (0.5, name) and part["digest"] != clip.digest
    assert store.clip(part["digest"]).seconds == 0.5 and store.clip(clip.digest).seconds == 3


@pytest.mark.parametrize(
    "start, end, sentence", [(1.1, 1.9, "silent"), (1, 1.05, "less than"), (5, 9, "less than")]
)
def test_a_part_in_which_nothing_can_be_heard_is_refused(client, store, clip, start, end, sentence):
    answer = client.post(f"/earshot/clips/{clip.digest}/part", params={"start": start, "end": end})
    assert answer.status_code == 422 and sentence in answer.json()["sentence"]


@pytest.mark.parametrize("digest", ["d" * 32, "..%2fearshot.db", "x"])
def test_nothing_but_clips_is_drawn(client, digest):
    for address in (f"/earshot/peaks/{digest}", f"/earshot/spectrum/{digest}"):
        assert client.get(address).status_code == 404
