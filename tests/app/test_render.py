"""Stored turns as HTML: safe, numbered, and honest about how they ended."""

import time
from datetime import date

import pytest

from app import history, render
from app.i18n import LANGUAGES
from model.engine import About
from sessions.records import (
    DONE,
    FAILED,
    INTERRUPTED,
    LENGTH,
    STOPPED,
    WRITING,
    ClipRef,
    Conversation,
    Turn,
    Unheard,
)

ENGLISH = LANGUAGES["en"]
TALK = Conversation(id="c", title="Talk", created=0, updated=0)
DOG, CAT = ClipRef("d" * 32, "dog.wav", 3.4), ClipRef("ca" * 16, "<b>cat</b>.wav", 3600)


ABOUT = {
    "name": "mini",
    "device": "cpu",
    "bits": 4,
    "memory_bytes": 210_000_000,
    "context": 8192,
    "licence": "Apache-2.0",
    "note": "Small.",
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
def test_marks_are_shown_as_people_write_times(text):
    assert '<span class="mark">[2.33 s]</span>' in render.words(text)


def test_a_mark_cannot_be_forged():
    assert "mark" not in render.words("\ue0002.33\ue001")


def test_clips_are_numbered_through_the_conversation():
    turns = [
        turn(DOG, "What?", id=1, role="user"),
        turn("A dog.", id=2),
        turn(CAT, DOG, "And?", id=3, role="user"),
    ]
    html = render.conversation(TALK, turns, ENGLISH)
    assert [html.index(f"<b>Audio {n}</b>") for n in (1, 2, 3)] == sorted(
        html.index(f"<b>Audio {n}</b>") for n in (1, 2, 3)
    )
    assert "Audio 4" not in html
    assert "&lt;b&gt;cat&lt;/b&gt;.wav" in html and "<b>cat" not in html
    assert "<time>0:03</time>" in html and "<time>1:00:00</time>" in html
    assert f"earshot/clips/{DOG.digest}" in html


def test_questions_are_shown_as_they_were_typed():
    html = render.question(turn("a **b** <i>\n<|1.00|>", role="user"), 1, ENGLISH)
    assert "a **b** &lt;i&gt;\n&lt;|1.00|&gt;" in html


@pytest.mark.parametrize(
    "status, sentence",
    [(STOPPED, "Stopped"), (LENGTH, "as long as"), (INTERRUPTED, "Earshot was closed")],
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
    assert "1 question is ahead" in render.answer(writing, ENGLISH, ahead=1)
    assert "2 questions are ahead" in render.answer(writing, ENGLISH, ahead=2)
    assert "Listening" not in render.answer(turn("A", status=WRITING), ENGLISH)


def test_what_was_not_heard_is_said():
    asked = turn(CAT, DOG, id=1, role="user")
    answer = turn("Well.", id=2, unheard=(Unheard(DOG.digest, 30, 130),))
    sentence = render.unheard(answer, [asked, answer], ENGLISH)
    assert sentence == "Not heard, for lack of room: 0:30–2:10 of Audio 2."
    assert sentence in render.answer(answer, ENGLISH, sentence)


def test_what_was_not_heard_stays_said_when_one_goes_on():
    asked, answered = turn(DOG, id=1, role="user"), turn("Well.", id=2)
    answered = turn("Well.", id=2, unheard=(Unheard(DOG.digest, 30, 130),))
    html = render.conversation(TALK, [asked, answered, turn("And?", id=3, role="user")], ENGLISH)
    assert "0:30–2:10 of Audio 1" in html


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


def test_the_bar_says_what_answers():
    about = About(**ABOUT)
    assert "mini · 4 bit · cpu · 0.2 GB" in render.bar(about)
    assert "Small." in render.empty(about, ENGLISH)


def test_every_text_of_the_page_is_in_the_persons_language():
    german = LANGUAGES["de"]
    assert "Audio 1" in render.question(turn(DOG, role="user"), 1, german)
    assert "2 Fragen sind vorher dran" in render.answer(turn(status=WRITING), german, ahead=2)
    assert "Eine Stimme" in render.empty(About(**ABOUT), german)
    ended = "This answer is not finished: wait for it, or stop it first."
    assert "Diese Antwort" in render.answer(turn(status=FAILED, sentence=ended), german)


def test_what_was_found_is_marked_and_nothing_else():
    assert history.marked("a <b> dog", ((6, 9),)) == "a &lt;b&gt; <mark>dog</mark>"
    assert (
        history.marked("dog & dog", ((0, 3), (6, 9))) == "<mark>dog</mark> &amp; <mark>dog</mark>"
    )
