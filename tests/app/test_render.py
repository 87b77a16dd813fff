"""Stored turns as HTML: safe, numbered, and honest about how they ended."""

import re
import time
from datetime import date

import pytest

from app import history, render
from app.i18n import LANGUAGES
from app.marks import read
from app.render import Beside, Line, Progress
from model.engine import About
from sessions.records import (
    CIRCLES,
    DAMAGED,
    DONE,
    FAILED,
    GONE,
    INTERRUPTED,
    LENGTH,
    STOPPED,
    WRITING,
    ClipRef,
    Conversation,
    Heard,
    Turn,
    Unheard,
    Versions,
)

ENGLISH = LANGUAGES["en"]
TALK = Conversation(id="c", title="Talk", created=0, updated=0)
HEARD_CAT = Heard(0, 1, "ca" * 16, 0, 28.5)
DOG, CAT = ClipRef("d" * 32, "dog.wav", 3.4), ClipRef("ca" * 16, "<b>cat</b>.wav", 3600)


ABOUT = {
    "name": "mini",
    "device": "cpu",
    "bits": 4,
    "memory_bytes": 210_000_000,
    "context": 8192,
    "licence": "Apache-2.0",
    "note": "Small.",
    "tasks": ("transcribe",),
}


def turn(*parts, id=1, role="assistant", status=DONE, **more):
    now = dict(created=0.0, updated=0.0)
    return Turn(
        id=id, conversation="c", parent=None, role=role, parts=parts, status=status, **now, **more
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=https://example.com/x.png onerror=alert(1)>",
        "![x](https://example.com/x.png)",
        "![x][1]\n\n[1]: https://example.com/x.png",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hello)",
        '[x](https://example.com/"onclick="alert(1))',
        "<iframe src=//example.com>",
        "<style>body{background:url(//example.com)}</style>",
        "a <!-- <b> --> &lt;b&gt;",
        "```<script>\n<b>\n```",
    ],
)
def test_an_answer_can_run_and_load_nothing(text):
    html = render.words(text)
    for tag in ("<script", "<img", "<iframe", "<style", "<b>", "<!--"):
        assert tag not in html
    for address in ('href="javascript', 'href="data', ' onclick="'):
        assert address not in html


def test_links_tell_nobody_where_one_was():
    assert 'rel="noopener noreferrer nofollow"' in render.words("[x](https://example.com)")


def test_markdown_is_shown():
    html = render.words("**two**\n\n- one\n\n| a |\n|---|\n| 1 |")
    assert "<strong>two</strong>" in html and "<li>one</li>" in html and "<td>1</td>" in html


@pytest.mark.parametrize(
    "text", ["at <|2.33|>", "at <|2.33|>(x)", "| a |\n|---|\n| <|2.33|> |", "`<|2.33|>`"]
)
def test_marks_are_chips_that_play_the_clip(text):
    html = render.words(text, DOG, ENGLISH)
    assert f'data-digest="{DOG.digest}"' in html and ">2.33 s</button>" in html
    assert 'data-start="2.33"' in html
    assert '<span class="mark">2.33 s</span>' in render.words(text)  # nothing to play


def test_two_marks_around_words_are_a_stretch():
    marks = read("<|0.00|>so<|0.38|><|0.40|>it <|0.80|> began.\n\nThen <|1.00|>, <|2.00|>.")
    assert [(mark.start, mark.end) for mark in marks] == [
        *[(0.0, 0.38)] * 2,
        *[(0.4, 0.8)] * 2,
        (1.0, None),
        (2.0, None),
    ]
    html = render.words("from <|1.00|> to <|2.00|>", DOG, ENGLISH)
    assert html.count('data-start="1.00" data-end="2.00"') == 2
    assert "1.00 s – 2.00 s of dog.wav" in html


def test_a_mark_cannot_be_forged_and_plays_nothing_that_is_not_there():
    assert "mark" not in render.words("\ue0000\ue001", DOG, ENGLISH)
    assert "<button" not in render.words("<|29.00|>", DOG, ENGLISH)  # the dog is 3.4 s long


def test_clips_are_numbered_in_their_turn_as_the_model_reads_them():
    turns = [
        turn(DOG, "What?", id=1, role="user"),
        turn("A dog.", id=2),
        turn(CAT, DOG, "And?", id=3, role="user"),
    ]
    html = render.conversation(TALK, Line(turns), ENGLISH)
    first, second = html.split('data-turn="2"')
    assert "Audio" not in first and "dog.wav" in first
    assert second.index("<b>Audio 1</b>") < second.index("<b>Audio 2</b>") and "Audio 3" not in html
    assert "&lt;b&gt;cat&lt;/b&gt;.wav" in html and "<b>cat" not in html
    assert "<time>0:03</time>" in html and "<time>1:00:00</time>" in html
    assert f"earshot/clips/{DOG.digest}" in html


def test_marks_are_about_the_clip_that_is_named_or_the_only_one():
    turns = [
        turn(DOG, "What?", id=1, role="user"),
        turn("Wuff <|1.00|>", id=2),
        turn(CAT, DOG, "And?", id=3, role="user"),
        turn("Audio 2: <|2.00|>", id=4),
        turn(CAT, id=5, role="user"),
    ]
    html = render.conversation(TALK, Line(turns), ENGLISH)
    assert [chip.split('"')[0] for chip in html.split('class="mark" data-digest="')[1:]] == [
        DOG.digest,
        DOG.digest,
    ]
    later = render.conversation(
        TALK, Line([turn("Still <|3.00|>", id=6), turn("x", id=7)], {}, [(CAT,), (DOG,)]), ENGLISH
    )
    assert f'class="mark" data-digest="{DOG.digest}"' in later


def test_a_mark_counts_in_its_recording_and_plays_nothing_where_that_is_not_known():
    heard = tuple(Heard(0, 1, CAT.digest, *edges) for edges in ((0, 28.5), (28.5, 56.25)))
    asked = turn(CAT, "When?", id=1, role="user")

    def shown(text):
        return render.stretch(Line([asked, turn(text, id=2, heard=heard)]), ENGLISH)

    named = shown("Audio 1 (0:28 to 0:56): from <|5.00|> on")
    assert 'data-start="33.50"' in named and ">33.50 s</button>" in named
    loose = shown("From <|5.00|> on")
    assert "data-start" not in loose and '<span class="mark loose"' in loose
    assert "It is not known from where some times in this answer count" in loose
    assert "It is not known" not in named


def test_a_recording_that_is_lost_says_so_and_so_does_its_answer():
    asked = turn(DOG, CAT, "And?", id=1, role="user")
    lost = (Unheard(DOG.digest, 0, 0, GONE), Unheard(CAT.digest, 0, 0, DAMAGED))
    line = Line([asked, turn("Well.", id=2, unheard=lost, left_out=3)], gone={DOG.digest})
    html = render.stretch(line, LANGUAGES["de"])
    assert html.count("Diese Aufnahme ist nicht mehr gespeichert.") == 1
    assert html.count("Die Datei dieser Aufnahme ist beschädigt.") == 1
    assert "nicht mehr gespeichert: dog.wav." in html
    assert "beschädigt ist: &lt;b&gt;cat&lt;/b&gt;.wav." in html
    assert "3 frühere Beiträge" in html
    later = Line([asked, turn("a", id=2, unheard=lost), turn("b", id=3, heard=(HEARD_CAT,))])
    assert "beschädigt." not in render.stretch(later, LANGUAGES["de"]).split("<article")[1]


def test_a_turn_offers_what_can_be_done_to_it():
    stopped = render.answer(turn("half", status=STOPPED), ENGLISH, Beside(is_newest=True))
    assert all(f'class="tool {name}"' in stopped for name in ("copy", "again", "go_on", "undo"))
    older = render.answer(turn("half", status=STOPPED), ENGLISH)
    assert "go_on" not in older and "undo" not in older and 'class="tool good"' in older
    whole = render.answer(turn("all", good=False, note="No <b>."), ENGLISH, Beside(is_newest=True))
    assert "go_on" not in whole and "No &lt;b&gt;." in whole
    assert 'class="tool bad" aria-pressed="true"' in whole
    assert "tool" not in render.answer(turn("a", status=WRITING), ENGLISH)
    lonely = render.question(turn("?", role="user"), ENGLISH, is_last=True)
    assert 'class="tool again"' in lonely and 'class="tool edit"' in lonely


def test_versions_lead_to_one_another():
    html = render.question(turn("?", id=5, role="user"), ENGLISH, Versions((3, 5, 9), 1))
    assert "<span>2 / 3</span>" in html and "Version 2 of 3" in html
    assert 'data-choose="3"' in html and 'data-choose="9"' in html
    first = render.question(turn("?", id=3, role="user"), ENGLISH, Versions((3, 5), 0))
    assert first.count("data-choose") == 1 and "disabled" in first


def test_questions_are_shown_as_they_were_typed():
    html = render.question(turn("a **b** <i>\n<|1.00|>", role="user"), ENGLISH)
    assert "a **b** &lt;i&gt;\n&lt;|1.00|&gt;" in html


@pytest.mark.parametrize(
    "status, sentence",
    [
        (STOPPED, "Stopped"),
        (LENGTH, "as long as"),
        (CIRCLES, "over and over"),
        (INTERRUPTED, "Earshot was closed"),
    ],
)
def test_every_ending_says_so(status, sentence):
    html = render.answer(turn("as far as", status=status), ENGLISH)
    assert "as far as" in html and sentence in html


def test_a_failure_is_its_sentence():
    html = render.answer(turn(status=FAILED, sentence="Too <long>: start a new one."), ENGLISH)
    assert "Too &lt;long&gt;: start a new one." in html


def test_before_the_first_word_it_listens_or_waits():
    writing = turn(status=WRITING)
    assert "Listening" in render.answer(writing, ENGLISH)
    one, two = Progress(1), Progress(2, 41.0)
    assert "1 question is ahead</p>" in render.answer(writing, ENGLISH, Beside(), one)
    told = render.answer(writing, ENGLISH, Beside(), two)
    assert "2 questions are ahead · about 0:40" in told
    opening = Progress(doing="decoding")
    assert "Opening the recordings" in render.answer(writing, ENGLISH, Beside(), opening)
    assert "Listening" not in render.answer(turn("A", status=WRITING), ENGLISH)


def test_what_was_not_heard_is_said():
    asked = turn(CAT, DOG, id=1, role="user")
    answer = turn("Well.", id=2, unheard=(Unheard(DOG.digest, 30, 130),))
    sentence = render.unheard(answer.unheard, [asked, answer], ENGLISH)
    assert sentence == "Not heard, for lack of room: 0:30–2:10 of dog.wav."
    assert sentence in render.answer(answer, ENGLISH, Beside(unheard=sentence))
    assert "an earlier recording" in render.unheard(answer.unheard, [], ENGLISH)


def test_what_was_not_heard_stays_said_when_one_goes_on():
    asked, answered = turn(DOG, id=1, role="user"), turn("Well.", id=2)
    answered = turn("Well.", id=2, unheard=(Unheard(DOG.digest, 30, 130),))
    turns = [asked, answered, turn("And?", id=3, role="user")]
    assert "0:30–2:10 of dog.wav" in render.conversation(TALK, Line(turns), ENGLISH)


def test_the_list_is_by_day_and_marks_where_one_is():
    now = time.time()
    mine = [
        Conversation(id="a", title="<i>", system="", created=now, updated=now),
        Conversation(id="b", title="Old", system="", created=0, updated=0),
    ]
    html = history.listing(mine, "b", ENGLISH, following="b")
    assert html.index(f"{date.today()}") < html.index("&lt;i&gt;") < html.index("1970")
    assert html.count('aria-current="page"') == 1
    assert 'data-following="b"' in html


def test_an_empty_page_says_what_the_model_can():
    assert "Small." in render.empty(About(**ABOUT), ENGLISH)


def test_an_answer_says_whose_it_is_and_its_words_do_not():
    html = render.answer(turn("So it is.", model="<mini>"), ENGLISH)
    assert 'data-by="&lt;mini&gt;"' in html and "Answered by &lt;mini&gt;" in html
    assert "mini" not in re.sub("<[^>]*>", "", html)
    assert "data-by" not in render.answer(turn("So it is."), ENGLISH)


def test_only_what_the_model_was_taught_is_offered_to_try():
    voice, animal = "example.speech", "example.animal"
    offered = render.empty(About(**ABOUT), ENGLISH)
    assert ENGLISH.say(voice) in offered and ENGLISH.say(animal) not in offered
    taught = About(**ABOUT | {"tasks": ("transcribe", "event")})
    assert ENGLISH.say(animal) in render.empty(taught, ENGLISH)
    for tasks in (("transcribe",), ("transcribe", "event")):  # something to try for each
        page = render.empty(About(**ABOUT | {"tasks": tasks}), ENGLISH)
        assert page.count("data-example=") == 3


def test_of_one_example_what_the_model_can_answer_is_asked():
    kinds = render.empty(About(**ABOUT | {"tasks": ("kind of sound",)}), ENGLISH)
    assert kinds.count("What kind of sound is it?") == 2 and "Which animal" not in kinds
    families = render.empty(About(**ABOUT | {"tasks": ("instrument family", "event")}), ENGLISH)
    assert "Which animal is it?" in families and "Which instrument plays?" in families


def test_questions_are_put_in_a_language_that_the_model_understands():
    german = LANGUAGES["de"]
    assert "Was sagt die Person?" in render.empty(About(**ABOUT), german)
    page = render.empty(About(**ABOUT | {"understands": ("en",)}), german)
    assert "Eine Stimme" in page and "What does the person say?" in page and "Was sagt" not in page


def test_every_text_of_the_page_is_in_the_persons_language():
    german = LANGUAGES["de"]
    assert "dog.wav abspielen" in render.question(turn(DOG, role="user"), german)
    waiting = render.answer(turn(status=WRITING), german, Beside(), Progress(2))
    assert "2 Fragen sind vorher dran" in waiting
    assert "Eine Stimme" in render.empty(About(**ABOUT), german)
    ended = "This answer is not finished: wait for it, or stop it first."
    assert "Diese Antwort" in render.answer(turn(status=FAILED, sentence=ended), german)


def test_what_was_found_is_marked_and_nothing_else():
    assert history.marked("a <b> dog", ((6, 9),)) == "a &lt;b&gt; <mark>dog</mark>"
    assert (
        history.marked("dog & dog", ((0, 3), (6, 9))) == "<mark>dog</mark> &amp; <mark>dog</mark>"
    )
