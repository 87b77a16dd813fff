"""Conversations go out as files and come back, whatever is in them; other files are refused."""

from urllib.parse import unquote

import pytest
from starlette.applications import Starlette

from app import chat, exchange, web
from app.door import Gate
from app.examples import EXAMPLES
from app.places import Places
from model.engine import Parrot
from sessions import transfer
from sessions.store import Store
from tests.app.asking import client_of

LARGEST = 2_000_000


@pytest.fixture
def client(store):
    routes = exchange.routes(Places(Parrot(), store), LARGEST)
    return client_of(Starlette(routes=routes, middleware=web.middleware(Gate())))


@pytest.fixture
def talk(store):
    """A conversation about a recording, with an answer."""
    sample = EXAMPLES[0].path
    clip = chat.take_in(store, sample, sample.name)
    id = store.start().id
    store.ask(id, (clip, "What does she say? Ümlaut / 鳥"))
    store.finish(store.begin(id).id, "**Something** kind <b>", "done")
    return id


@pytest.mark.parametrize("form", ["zip", "html"])
def test_a_conversation_comes_back_with_its_sound(client, store, talk, form, tmp_path):
    file = client.get(f"/earshot/export/{talk}?form={form}").content
    with Store(tmp_path / "elsewhere") as other:
        app = Starlette(
            routes=exchange.routes(Places(Parrot(), other)), middleware=web.middleware(Gate())
        )
        taken = client_of(app).post("/earshot/import?name=x", content=file)
        assert taken.json()["missing"] == 0
        (id,) = taken.json()["conversations"]
        mine, theirs = store.turns(talk), other.turns(id)
        assert [turn.parts for turn in mine] == [turn.parts for turn in theirs]
        (clip,) = theirs[0].clips
        sound = other.clips.path(clip.digest).read_bytes()
        assert sound == store.clips.path(clip.digest).read_bytes()


def test_each_form_says_what_it_is(client, talk):
    types = {"markdown": "text/markdown", "json": "application/json", "html": "text/html"}
    for form, type in types.items():
        given = client.get(f"/earshot/export/{talk}?form={form}")
        assert given.headers["content-type"].startswith(type)
        assert "What does she say?" in given.text
    german = client.get(
        f"/earshot/export/{talk}?form=markdown", headers={"accept-language": "de"}
    ).text
    assert "Sie" in german
    assert client.get(f"/earshot/export/{talk}?form=exe").status_code == 404
    assert client.get("/earshot/export/none").status_code == 404


def test_one_answer_goes_out_with_its_question_and_nothing_else(client, store, talk, tmp_path):
    store.ask(talk, ("and then?",))
    answer = store.begin(talk)
    store.finish(answer.id, "nothing more", "done")
    store.rate(answer.id, True, "a private note")
    given = client.get(f"/earshot/export/{talk}?form=html&answer={answer.id}")
    assert 'filename="and then.html"' in given.headers["content-disposition"]
    assert "nothing more" in given.text and "What does she say?" not in given.text
    assert "private" not in given.text
    with Store(tmp_path / "elsewhere") as other:
        (copy,) = transfer.take(other, given.content, chat.check).conversations
        question, answer = other.turns(copy.id)
        assert question.clips[0].digest == store.turns(talk)[0].clips[0].digest
    for wrong in ("x", "0", "99", "-1", "²", "9" * 99, store.turns(talk)[0].id):
        assert client.get(f"/earshot/export/{talk}?form=html&answer={wrong}").status_code == 404


def test_all_or_some_go_into_one_file_and_come_back(client, store, talk, tmp_path):
    tagged, other, gone = (store.start().id for _ in range(3))
    for id, text in ((tagged, "a wren"), (other, "a robin"), (gone, "a dog")):
        store.ask(id, (text,))
    store.tag(tagged, ["birds"]), store.delete(gone)

    def titles(address):
        given = client.get(address)
        assert given.headers["content-type"] == "application/zip"
        with Store(tmp_path / "elsewhere") as elsewhere:
            taken = transfer.take(elsewhere, given.content, chat.check)
            assert not taken.missing
            return {one.title for one in taken.conversations}

    assert titles("/earshot/export") == {"a wren", "a robin", store.conversation(talk).title}
    assert titles("/earshot/export?tag=birds") == {"a wren"}
    assert titles("/earshot/export?words=robin") == {"a robin"}
    name = client.get("/earshot/export?words=robin").headers["content-disposition"]
    assert 'filename="Earshot robin.zip"' in name


def test_what_nobody_could_read_back_is_not_exported(client, talk, monkeypatch):
    monkeypatch.setattr("sessions.bundle.LARGEST", 100)
    refused = client.get("/earshot/export", headers={"accept-language": "de"})
    assert "Exportieren Sie sie in Teilen" in refused.json()["sentence"]


@pytest.mark.parametrize(
    "title, name",
    [
        ("Birds at dawn", "Birds at dawn.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ('a"b\r\nset-cookie: x=1', "a b set-cookie x=1.md"),
        ("鳥の声", "鳥の声.md"),
        ("...", "Earshot.md"),
        ("x" * 300, "x" * 80 + ".md"),
    ],
)
def test_a_file_is_named_after_its_title_and_nothing_else(title, name):
    header = exchange.as_attachment(title, ".md")
    assert header.isascii() and not set(header) & set("\r\n")
    assert unquote(header.split("filename*=UTF-8''")[1]) == name
    assert "/" not in header.split(";")[1]


@pytest.mark.parametrize(
    "file, sentence",
    [
        (b"# only Markdown", "no export of Earshot"),
        (b"<html></html>", "holds no conversations"),
        (b"PK\x03\x04 broken", ""),
        (b"\x00" * (LARGEST + 1), "larger than 2 MB"),
    ],
)
def test_other_files_are_refused_with_a_sentence(client, store, file, sentence):
    refused = client.post("/earshot/import?name=notes.md", content=file)
    assert refused.status_code == 422 and sentence in refused.json()["sentence"]
    assert store.conversations() == []


def test_other_sites_can_import_nothing(client):
    del client.headers["x-earshot"]
    assert client.post("/earshot/import", content=b"{}").status_code == 403
