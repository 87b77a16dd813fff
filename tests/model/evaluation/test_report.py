"""The page of an evaluation: figures, confusions, and the worst items with what was heard."""

import base64
import re

import pytest

from model import audio
from model.audio import cut, export
from model.evaluation import loop, manifest, report
from tests.model.conftest import noise


@pytest.fixture
def page(tmp_path):
    """Writes the page of (task, true, answer); every item is the same second of a longer file."""
    export(noise(3), tmp_path / "x.wav")

    def write(*told):
        items, rows = [], []
        for number, (task, true, answer) in enumerate(told):
            line = {"audio": f"x{number}.wav", "text": true, "task": task}
            sound = manifest.Sound(tmp_path / "x.wav", 1.0, 1.0)
            items.append(manifest.Item(sounds=(sound,), text=true, task=task, told=line))
            row = {"key": items[-1].key, "task": task, "true": true, "answer": answer}
            rows.append(row | {"audio": line["audio"], "unplayable": ""})
        report.write(tmp_path / "r.html", "a <model>", loop.summaries(rows), rows, items)
        return (tmp_path / "r.html").read_text()

    return write


def test_it_holds_figures_confusions_and_the_worst_with_their_sound(page):
    text = page(("event", "dog", "dog"), *[("event", "cat", "<b>dog</b>")] * 2)
    assert "33.3%" in text and text.count("<audio") == 2  # of those that are wrong
    assert "event: worst first" in text and "x.wav, 1.0 s" in text
    assert '<th>cat</th><td class="n same"></td><td class="n"></td><td class="n">2</td>' in text
    assert "<b>" not in text and "<model>" not in text and "http" not in text


def test_what_is_played_is_the_part_that_was_asked_about(page):
    data = re.search(r'base64,([^"]+)"', page(("event", "dog", "cat")))[1]
    heard = audio.decode(base64.b64decode(data))
    assert heard.digest == cut(noise(3), 1, 2).digest


def test_an_answer_in_a_sentence_stands_under_its_label(page):
    text = page(
        ("kind of sound", "Speech.", "It is speech."),
        ("kind of sound", "An animal.", "It is speech, I think."),
    )
    assert '<th>animal</th><td class="n same"></td><td class="n">1</td>' in text
    assert '<th>speech</th><td class="n"></td><td class="n same">1</td>' in text


def test_where_labels_are_many_only_mistakes_are_listed(page):
    told = [("event", f"sound {i}", f"sound {i - i % 2}") for i in range(report.FEW + 2)]
    text = page(*told)
    assert '<td>sound 1</td><td>sound 0</td><td class="n">1</td>' in text
    assert "<td>sound 2</td><td>sound 2</td>" not in text


def test_tasks_without_classes_have_no_confusions(page):
    assert "taken for what" not in page(("asr", "hello there", "hello"))
