"""Notes are shown as what they are, in the page, in files and in Markdown; nothing in them runs."""

import io
import re
from html.parser import HTMLParser

import pytest

from app import note_display, render, webpage
from app.i18n import LANGUAGES
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, Label, Note, Pitch, Word, as_json
from sessions import shares, transfer
from sessions.records import ClipRef, WindowNotes
from tests.hostile.xss import PAYLOADS

ENGLISH = LANGUAGES["en"]
DIGEST = "d" * 32
EVIL = (*PAYLOADS, "</details></script>", "a\n> # b", "[x](javascript:alert)")


def window(*notes, end=2.0, digest=DIGEST):
    return WindowNotes(digest, 0.0, end, "mini 1", as_json(notes))


def note(text="", **more):
    return Note(**{"start": 0.0, "end": 2.0, "reader": "mini", "text": text} | more)


def words(*told):
    made = tuple(Word(0.5 * i, 0.5 * i + 0.4, text, sure) for i, (text, sure) in enumerate(told))
    return note(" ".join(word.text for word in made), words=made, language="en")


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_words_have_their_times_and_doubtful_ones_say_so():
    html = note_display.folded(
        [window(words(("Good", 0.9), ("day.", 0.9), ("Heron", 0.3)))], ENGLISH
    )
    tags = Tags(html)
    spans = [about for tag, about in tags.found if tag == "span" and "data-start" in about]
    assert [(one["data-start"], one["data-end"]) for one in spans] == [
        *(("0.00", "0.40"), ("0.50", "0.90"), ("1.00", "1.40"))
    ]
    assert [one.get("class") for one in spans] == [None, None, "doubtful"]
    assert spans[2]["title"] == "This word is uncertain"
    lines = [about for tag, about in tags.found if tag == "button"]  # by sentences
    assert [(one["data-start"], one["data-end"]) for one in lines] == [
        ("0.00", "0.90"),
        ("1.00", "1.40"),
    ]
    assert lines[0]["aria-label"] == "Play 0:00 to 0:00"
    assert "One word is uncertain." in tags.text and "Heard by mini" in tags.text
    assert tags.found[0] == ("details", {"class": "heard"})  # closed


def test_scripts_without_spaces_are_spelled_as_they_are():
    made = tuple(Word(0.1 * i, 0.1 * i + 0.1, text) for i, text in enumerate("早上好。"))
    html = note_display.folded([window(note("早上好。", words=made, language="zh"))], ENGLISH)
    assert "早上好。" in Tags(html).text and 'lang="zh"' in html


def test_findings_are_told_and_what_is_unsure_is_not_told_as_a_fact():
    labels = (
        *(Label(KIND, "instrument", 0.9), Label(FAMILY, "strings", 0.4, is_sure=False)),
        *(Label(LANGUAGE, "de", 0.3, is_sure=False), Label(VOICE, "theremin", 0.9)),
    )
    played = note(labels=labels, pitch=Pitch(440.0, "A4", 0.9), level=-20.4, tempo=119.6)
    tags = Tags(note_display.folded([window(played)], ENGLISH))
    for told in ("instrument", "strings (not sure)", "German (not sure)", "A4, 440 Hz", "−20 dBFS"):
        assert told in tags.text
    assert "120 beats a minute" in tags.text and "No words were heard." in tags.text
    assert "theremin" in tags.text  # no language has a word for it
    assert sum(about.get("class") == "unsure" for _, about in tags.found) == 2
    german = Tags(note_display.folded([window(played)], LANGUAGES["de"])).text
    assert "Streicher (nicht sicher)" in german and "Art des Klangs" in german


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no voice", "no voice is heard"),
        ("no speech", "nobody seems to speak"),
        ("loop", "over and over"),
        ("unsure", "not sure of them"),
        ("x <y>", "(x <y>)"),
    ],
)
def test_why_words_were_withheld_is_told(why, said):
    tags = Tags(note_display.folded([window(note(withheld=why))], ENGLISH))
    assert said in tags.text and "No words" not in tags.text


def test_without_notes_nothing_is_shown_and_damaged_ones_are_left_out():
    assert note_display.folded([], ENGLISH) == note_display.as_markdown([], ENGLISH) == ""
    damaged = WindowNotes(DIGEST, 0.0, 2.0, "mini 1", '[{"start": "soon"}')
    assert note_display.folded([damaged], ENGLISH) == ""
    assert "hello" in note_display.folded([damaged, window(note("hello"))], ENGLISH)


def test_of_a_recording_that_cannot_be_played_no_time_plays():
    html = note_display.folded([window(words(("Good", 0.9)))], ENGLISH, plays=False)
    assert "Good" in html and "data-start" not in html and "<button" not in html


def all_of(text):
    """A note, and one that was withheld, with a text wherever there can be one."""
    labels = tuple(Label(about, text, 0.9) for about in (KIND, FAMILY, LANGUAGE, VOICE))
    word = Word(0.0, 1.0, text, 0.2)
    more = {"words": (word,), "labels": labels, "pitch": Pitch(440.0, text, 0.9), "language": text}
    around = note(f"{text} and {text}\n{text}", words=(Word(0.0, 1.0, "and"),))
    return [window(note(text, **more), around, note(withheld=text, reader=text))]


def test_nothing_in_a_note_becomes_markup():
    for evil in EVIL:
        stays_text(evil)


def stays_text(evil):
    for plays in (True, False):
        shapes = []
        for notes in map(all_of, (evil, "x")):
            tags = Tags(note_display.folded(notes, ENGLISH, plays=plays))
            shapes.append([(tag, sorted(about)) for tag, about in tags.found])
        assert shapes[0] == shapes[1], evil
    text = note_display.as_markdown(all_of(evil), ENGLISH)
    assert not re.search(r"(?<!\\)<", text), evil
    plain = note_display.as_markdown(all_of("x"), ENGLISH)
    assert len(text.splitlines()) == len(plain.splitlines()), evil


def test_of_a_long_recording_sentences_play_and_doubtful_words_are_marked():
    long = words(*((f"w{i}", 0.3 if i == 5 else 0.9) for i in range(note_display.MOST_WORDS + 1)))
    html = note_display.folded([window(long)], ENGLISH)
    assert html.count("data-start") == html.count("<button") > 10
    assert html.count('class="doubtful"') == 1 and "w1000" in html


def test_what_no_word_stands_for_is_shown_too():
    around = note("So, well and then.", words=(Word(0.5, 1.0, "and"),))
    assert "So, well and then." in Tags(note_display.folded([window(around)], ENGLISH)).text
    assert "0:00 So, well and then." in note_display.as_markdown([window(around)], ENGLISH)


def test_the_page_shows_them_below_their_own_recording(store):
    store.keep("e" * 32, 2.0, b"fLaC"), store.keep(DIGEST, 2.0, b"fLaC1")
    store.notes.keep([window(note("a heron")), window(note("a goose"), digest="e" * 32)])
    id = store.start().id
    turn = store.ask(id, (ClipRef(DIGEST, "a", 2.0), ClipRef("e" * 32, "b", 2.0), "?"))
    from sessions.notes import latest

    found = store.notes.of([DIGEST, "e" * 32])
    line = render.Line([turn], notes=latest(one for some in found.values() for one in some))
    first, second = render.stretch(line, ENGLISH).split("<figure")[1:]
    assert "a heron" in first and "a goose" not in first and "a goose" in second
    assert first.index("<audio") < first.index('<details class="heard"')


@pytest.fixture
def talk(store):
    """A conversation about a clip of which something was heard."""
    store.keep(DIGEST, 2.0, b"fLaC"), store.keep("e" * 32, 2.0, b"fLaC1")
    said = words(("Good", 0.9), ("<b>day</b>", 0.3))
    store.notes.keep([window(said), window(note("not shared"), digest="e" * 32)])
    id = store.start().id
    store.ask(id, (ClipRef("e" * 32, "b", 2.0), "before"))
    store.finish(store.begin(id).id, "well", "done")
    store.ask(id, (ClipRef(DIGEST, "a", 2.0), "what?"))
    store.finish(store.begin(id).id, "well", "done")
    return id


def exported(store, given, kind):
    file = io.BytesIO()
    transfer.export(store, given, file, kind, looks=webpage.looks(ENGLISH))
    return file.getvalue().decode()


def test_files_show_what_was_heard(store, talk):
    text = exported(store, [talk], "markdown")
    assert "> **What was heard** (Heard by mini)" in text
    assert r"> 0:00 Good \<b\>day\</b\> (?)" in text and text.count("not shared") == 1
    html = exported(store, [talk], "html")
    visible = html.split('<script type="application/json"')[0]
    assert visible.count('<details class="heard">') == 2
    assert "&lt;b&gt;day&lt;/b&gt;" in visible and "<b>day" not in html


def test_a_shared_answer_shows_what_was_heard_of_its_own_recording(store, talk):
    from sessions.webpage import pieces

    last = store.turns(talk)[-1].id
    shown = shares.shown(
        store, store.shares.find(store.shares.secret(store.shares.make(talk, last, alone=True).id))
    )

    class Addresses:
        def sound(self, clip):
            return "x"

        wave = spectrum = lambda self, clip: ""

    html = "".join(pieces([shown.whole(0.0)], Addresses(), webpage.looks(ENGLISH)))
    assert "Good" in html and "not shared" not in html
