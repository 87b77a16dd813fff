"""Finding things as one types, in any script."""

import random

import pytest

from sessions.search import snippet, spans
from sessions.store import Store
from sessions.words import ends, folded, plain, terms, words


def found(store, query, **page):
    return [hit.conversation.id for hit in store.search(query, **page).hits]


def marked(text, marks):
    return [text[start:end] for start, end in marks]


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("Which bird is singing?", "b"),
        ("Which bird is singing?", "bi"),
        ("Which bird is singing?", "BIRD"),
        ("Which bird is singing?", "sing bir"),
        ("Is it a Singvogel?", "vogel"),
        ("录音里有狗叫的声音", "狗"),
        ("录音里有狗叫的声音", "狗叫"),
        ("录音里有狗叫的声音", "有狗叫"),
        ("录音里有狗叫的声音", "录音 声音"),
        ("iPhone手机的录音", "iphone手机"),
        ("犬が吠えています", "犬"),
        ("犬が吠えています", "が吠"),
        ("カラオケの音", "ラオケ"),
        ("ﾃﾞｰﾀ", "タ"),
        ("한국어를 하는 사람", "국"),
        ("한국어를 하는 사람", "한국"),
        ("เสียงหมาเห่า", "หมา"),
        ("यह हिन्दी है", "हिन"),
        ("São Paulo, straße, Łódź", "sao"),
        ("Sao Paulo", "São"),
        ("São Paulo, straße, Łódź", "strasse"),
        ("São Paulo, straße, Łódź", "lodz"),
        ("Cafe\u0301 noir", "café"),  # as a Mac writes names of files
        ("Что это за птица? Ещё", "еще"),
        ("مَرْحَبًا", "مرحبا"),
        ("Ωδή", "ωδη"),
        ("a 🐶 barks", "🐶"),
        ("ＡＢＣ wide", "abc"),
        ("take 2024-05-17", "2024-05"),
        ("it's 5", "it's"),
    ],
)
def test_what_was_said_is_found_by_what_is_typed(store, talk, said, typed):
    talk("nothing of the kind", "字")
    id = talk("well", said)
    assert found(store, typed) == [id]
    (hit,) = store.search(typed).hits
    assert hit.turn == store.turns(id)[1].id and hit.marks, "the hit is marked"


@pytest.mark.parametrize("typed", ["狗猫", "叫狗", "irds", "bird cat", "zzz", "vogelx", "2.33"])
def test_what_was_not_said_is_not_found(store, talk, typed):
    talk("Which bird is singing, a Singvogel?", "狗叫 <|2.33|>")
    assert found(store, typed) == []


@pytest.mark.parametrize(
    "typed",
    ["", " ", '"', "'", "*", "AND", "OR NOT", "NEAR(", "text:bird", "(", "bird)", "^bird", "-bird"]
    + ["bird*", "\x00", "bird\x00", "\ud800", "%", "_", ";drop table turns", "a" * 10**5]
    + ["a " * 10**5, "+".join("ab"), "{bird}", "bird AND", "\\", "＂bird＂", "\u202e", "\ufeff"],
)
def test_no_query_raises(store, talk, typed):
    talk("a bird and or not near")
    assert len(store.search(typed).hits) <= 1


def test_operators_are_words(store, talk):
    id = talk("salt AND pepper OR nothing")
    assert found(store, "and or") == [id]


def test_random_text_never_raises(store, talk):
    rng = random.Random(3)
    talk("".join(chr(rng.randrange(1, 0xD800)) for _ in range(3000)))
    for _ in range(200):
        codes = [rng.choice((rng.randrange(128), rng.randrange(0x11000))) for _ in range(6)]
        typed = "".join(map(chr, codes))
        store.search(typed)


def test_titles_and_names_of_clips_are_found(store, talk, keep):
    named = talk((keep("dawn_chorus.m4a"), "listen"), "a heron")
    (hit,) = store.search("chorus").hits
    assert (hit.conversation.id, hit.turn) == (named, store.turns(named)[0].id)
    assert marked(hit.snippet, hit.marks) == ["chorus"]
    store.rename(named, "Étude at the lake")
    (hit,) = store.search("etu").hits
    assert hit.turn is None and marked(hit.conversation.title, hit.title_marks) == ["Étu"]
    assert found(store, "heron") == [named]


def test_titles_come_first_then_the_newest_and_each_conversation_once(store, talk):
    titled = talk("say", "x", "x", "x")
    store.rename(titled, "On dolphins")
    old, new = talk("q", "dolphin", "q", "dolphin"), talk("q", "dolphin")
    newest_turn = store.turns(old)[-1].id
    talk("dolphin!", id=titled)
    assert found(store, "dolphin") == [titled, new, old]
    assert store.search("dolphin").hits[2].turn == newest_turn
    assert found(store, "dolphin", limit=2) == [titled, new]
    assert store.search("dolphin", limit=2).more
    page = store.search("dolphin", limit=2, offset=2)
    assert [hit.conversation.id for hit in page.hits] == [old] and not page.more


def test_every_line_is_searched(store, talk):
    id = talk("what is it", "the walrus")
    answered = store.turns(id)[1].id
    store.ask(id, ("the seal",), after=None)
    (hit,) = store.search("walrus").hits
    assert hit.turn == answered
    store.choose(id, hit.turn)
    assert store.turns(id)[1].text == "the walrus"


def test_the_index_keeps_step(store, talk):
    id = store.start().id
    answer = store.begin(id)
    store.say(answer.id, "narwhal")
    assert found(store, "narwhal") == [], "found once it is said"
    store.finish(answer.id, "porpoise", "done")
    assert found(store, "narwhal") == [] and found(store, "porpoise") == [id]
    store.rename(id, "whales")
    store.rename(id, "fish")
    assert found(store, "whales") == [] and found(store, "fish") == [id]
    with store._writing() as db:
        db.execute("update parts set text = 'otter'")
    assert found(store, "otter") == [id] and found(store, "porpoise") == []
    store.delete(id), store.purge(0)
    with store._reading() as db:
        assert db.execute("select count(*) from words").fetchone() == (0,)
        assert db.execute("select count(*) from titles").fetchone() == (0,)


def test_an_interrupted_answer_is_found(store, talk):
    id = store.start().id
    answer = store.begin(id)
    store.say(answer.id, "narwhal")
    with store._writing() as db:  # its process is gone
        db.execute("update turns set writer = 'dead'")
    with Store(store.folder) as second:
        assert found(second, "narwhal") == [id]


def test_a_vacuumed_file_still_finds_what_it_found(store, talk):
    gone, id = talk("one"), talk("two", "answer")
    store.rename(id, "kept name")
    store.delete(gone), store.purge(0)
    with store._reading() as db:
        db.execute("vacuum")
    assert found(store, "kept") == [id] and found(store, "answer") == [id]


def test_a_snippet_shows_a_line_around_the_first_hit():
    text = "filler " * 40 + "the\nbittern booms " + "filler " * 40
    line, marks = snippet(plain(text), spans(plain(text), terms("bittern")))
    assert marked(line, marks) == ["bittern"]
    assert line.startswith("…") and line.endswith("…") and len(line) <= 165 and "\n" not in line
    assert "the bittern booms" in line
    assert snippet("short", ()) == ("short", ())


def test_a_hit_far_down_a_long_text_is_shown(store, talk):
    filler = "filler " * 2850  # the hit stands across the end of a piece
    talk("read this", filler + "the loud bittern booms " + filler * 3)
    (hit,) = store.search("loud-bittern").hits
    assert marked(hit.snippet, hit.marks) == ["loud bittern"]


@pytest.mark.parametrize(
    ("text", "query", "hits"),
    [
        ("Bird, birds, BIRDSONG", "bird", ["Bird", "bird", "BIRD"]),
        ("这里有狗叫，狗叫", "狗叫", ["狗叫", "狗叫"]),
        ("der Singvogel", "vogel", ["vogel"]),
        ("Straße", "strass", ["Straße"]),  # folding moved the letters: all of it
        ("CAFÉ au lait", "cafe lait", ["CAFÉ", "lait"]),
        ("new york, new jersey", "new-york", ["new york"]),
    ],
)
def test_hits_are_marked_where_they_stand(text, query, hits):
    assert marked(text, spans(text, terms(query))) == hits


def test_words_stand_where_they_say():
    text = plain("Ｆull ① Straße 狗叫 x_y <|1.00|> Ⅳ")
    for word in words(text):
        assert " ".join(folded(text[word.start : word.end]).split()) == word.folded
    assert [word.folded for word in words(text)] == folded(text).split()


def test_ends_are_of_long_words_only():
    assert set(ends("Singvogel cat").split()) == {"ingvogel", "ngvogel", "gvogel", "vogel", "ogel"}
    assert ends("x" * 1000) == ""
