"""Another answer is sampled so that it can be another, is stored as it was sampled, and says so."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from app import regenerate
from app.events import Desk, talking
from app.i18n import LANGUAGES
from app.places import Places
from app.turning import turning
from model.engine import Parrot
from model.messages import Sampling
from sessions.records import STOPPED
from tests.app.asking import Here, called

ENGLISH = LANGUAGES["en"]
GREEDY = Sampling(temperature=0)


class Maker(Parrot):
    """A parrot whose makers mean a sampling of their own."""

    def __init__(self, usual):
        super().__init__()
        self.about = replace(self.about, sampling=usual)


@pytest.fixture
def talk(store):
    """`talk(usual, chosen, n)`: samplings and notes of n answers to one question, as stored."""
    opened = []

    def talked(usual, chosen, n):
        places = Places(Maker(usual), store)
        opened.append(places)
        desk = Desk(places._engine, store, places.owner.talks)
        here = Here(desk)
        page = SimpleNamespace(
            **{w.__name__: called(w, here) for w in talking(desk) + turning(desk)}
        )
        id = store.start(sampling=json.dumps(asdict(chosen))).id
        page.ask(conversation=id, text="What is it?", clips=[])
        for _ in range(n - 1):
            ended(desk, id)
            page.again(conversation=id, turn=store.turns(id)[-1].id)
        ended(desk, id)
        answers = store.answers(store.turns(id)[0].id)
        said = [regenerate.said(answer, answers[0], ENGLISH) for answer in answers]
        html = desk.view(id, ENGLISH)[0][1]
        return [regenerate.stored(answer) for answer in answers], said, html

    yield talked
    for places in opened:
        places.close()


def ended(desk, id):
    running = desk.talks.find(id)
    assert running is None or running.over.wait(20)


def test_at_temperature_0_another_answer_is_sampled_as_the_makers_mean(talk):
    usual = Sampling(temperature=1.0, top_p=0.5, top_k=7)
    (first, *others), (none, *said), html = talk(usual, GREEDY, 3)
    assert first == GREEDY and none == ""
    for other, sentence in zip(others, said, strict=True):
        assert (other.temperature, other.top_p, other.top_k, other.seed) == (1.0, 0.5, 7, None)
        assert "temperature 1:" in sentence and "temperature 0" in sentence
    assert said[-1] in html


def test_it_is_another_also_where_the_makers_take_the_likeliest(talk):
    (first, other), (_, said), _ = talk(GREEDY, GREEDY, 2)
    assert (first.temperature, other.temperature, other.top_p) == (0, 0.7, 0.9)
    assert "temperature 0.7" in said


def test_with_a_fixed_seed_another_answer_has_another_seed(talk):
    fixed = Sampling(temperature=0.9, seed=2**31 - 2)
    found, said, _ = talk(Sampling(), fixed, 4)
    assert [one.seed for one in found] == [2**31 - 2, 2**31 - 1, 0, 1]
    assert {one.temperature for one in found} == {0.9}
    assert "seed 2147483647" in said[1] and "seed 2147483646" in said[1]


def test_temperature_0_with_a_fixed_seed(talk):
    found, _, _ = talk(Sampling(temperature=1.0), replace(GREEDY, seed=5), 3)
    assert [(one.temperature, one.seed) for one in found] == [(0, 5), (1, 5), (1, 6)]


def test_what_is_drawn_anew_each_time_stays_as_it_is(talk):
    found, said, html = talk(Sampling(), Sampling(temperature=0.4), 2)
    assert found == [Sampling(temperature=0.4)] * 2 and said == ["", ""]
    assert "sampled" not in html


def test_an_answer_that_was_cut_short_or_drawn_otherwise_is_given_as_it_was_asked_for(store):
    about = replace(Parrot().about, sampling=Sampling())
    kept = store.start(sampling=json.dumps(asdict(GREEDY)))
    question = store.ask(kept.id, ("What is it?",))

    def answered(status, **told):
        told = {"sampling": json.dumps(asdict(GREEDY)), "model": about.name} | told
        store.finish(store.begin(kept.id, question.id, **told).id, "A", status)
        return regenerate.resampled(kept, about, store.answers(question.id))

    assert answered(STOPPED) == GREEDY
    assert answered("done", model="another") == GREEDY
    assert answered("done", system="Be short.") == GREEDY
    assert answered("done", sampling='{"of": "another version"}') == GREEDY
    assert answered("done", sampling=json.dumps(asdict(Sampling(temperature=0.4)))) == GREEDY
    assert answered("done") == Sampling()


@pytest.mark.parametrize("told", [{"top_p": 0.3}, {"top_k": 7}, {"seed": 9}])
def test_at_temperature_0_nothing_else_makes_another_answer(store, told):
    about = replace(Parrot().about, sampling=Sampling())
    kept = store.start(sampling=json.dumps(asdict(GREEDY)))
    question = store.ask(kept.id, ("What is it?",))
    before = json.dumps(asdict(replace(GREEDY, **told)))
    first = store.begin(kept.id, question.id, sampling=before, model=about.name)
    store.finish(first.id, "A", "done")
    assert regenerate.resampled(kept, about, store.answers(question.id)).temperature > 0


def test_an_answer_that_is_gone_on_with_is_sampled_as_it_was_begun(store, talk):
    """Else what is stored of it would be untrue of its first half."""
    talk(Sampling(temperature=1.0), replace(GREEDY, max_tokens=2), 2)
    (conversation,) = store.conversations()
    answer = store.answers(store.turns(conversation.id)[0].id)[-1]
    places = Places(Maker(Sampling()), store)
    here = Here(desk := Desk(places._engine, store, places.owner.talks))
    (go_on,) = (work for work in turning(desk) if work.__name__ == "go_on")
    assert called(go_on, here)(conversation=conversation.id, turn=answer.id) == {}
    ended(desk, conversation.id)
    places.close()
    assert regenerate.stored(store.turn(answer.id)) == Sampling(temperature=1.0, max_tokens=2)
