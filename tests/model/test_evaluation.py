"""Counting what is right: by hand on one side, by the loop on the other."""

import json

import pytest

import launch
from model.audio import export
from model.engine import Parrot
from model.evaluation import loop, manifest
from model.evaluation.metrics import Score, interval, is_label, rate, word_errors
from model.messages import Piece
from tests.model.conftest import noise


@pytest.mark.parametrize(
    "true, answer, errors, words",
    [
        ("Thank you.", "thank you", 0, 2),
        ("the cat sat", "the cat sat down", 1, 3),
        ("the cat sat", "a cat", 2, 3),
        ("the cat sat", "", 3, 3),
        ("I'm here", "i am here!", 0, 3),
    ],
)
def test_word_errors_are_those_counted_by_hand(true, answer, errors, words):
    assert word_errors(true, answer) == Score(errors, words)


def test_a_label_counts_as_a_word_of_its_own():
    assert is_label("dog", "It is a dog.").count == 1
    assert is_label("dog", "It is a hotdog.").count == 0


def test_the_rate_weighs_items_by_their_words_and_lies_in_its_interval():
    scores = [Score(1, 10), Score(0, 2), Score(3, 4)] * 20
    low, high = interval(scores)
    assert rate(scores) == 4 / 16
    assert low < 4 / 16 < high
    assert interval([Score(0, 5)] * 9) == (0, 0)


@pytest.fixture
def sample(tmp_path):
    rows = []
    for number, text in enumerate(["hello there", "good bye", "cat dog bird"]):
        export(noise(1, seed=number), tmp_path / f"{number}.wav")
        rows.append({"audio": f"{number}.wav", "text": text, "task": "asr", "split": "test"})
    rows.append({"audio": "gone.wav", "text": "never heard", "task": "asr", "split": "test"})
    rows.append({"audio": "0.wav", "text": "mine", "task": "asr", "split": "train"})
    file = tmp_path / "sample.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


class Knowing(Parrot):
    """Says the same three words, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    def reply(self, messages, sampling, *, task=None):
        self.asked += 1
        yield Piece("Hello there, bird.", (), 1, 0, "stop")


def test_the_loop_counts_what_an_engine_gets_wrong(sample, tmp_path):
    items = manifest.read(sample, split="test")
    (found,) = loop.run(Knowing(), items, tmp_path / "answers.jsonl")
    # one word too many; two wrong and one too many; two of three wrong; a file that is not there
    assert found.value == pytest.approx((1 + 3 + 2 + 2) / (2 + 2 + 3 + 2))
    assert (found.items, found.out_of) == (4, 9)
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").open()]
    assert [bool(row["unplayable"]) for row in rows] == [False, False, False, True]


def test_an_interrupted_run_goes_on_where_it_stopped(sample, tmp_path):
    items, written = manifest.read(sample, split="test"), tmp_path / "answers.jsonl"
    loop.run(Knowing(), items[:2], written)
    engine = Knowing()
    loop.run(engine, items, written)
    assert engine.asked == 1  # the third; the fourth cannot be read


@pytest.mark.parametrize(
    "content, said",
    [("{", "line 1"), ('{"audio": "x.wav"}', "line 1"), ("", "holds no recording")],
)
def test_a_bad_manifest_names_its_line(tmp_path, content, said):
    file = tmp_path / "bad.jsonl"
    file.write_text(content)
    with pytest.raises(manifest.BadManifest, match=said):
        manifest.read(file)


def test_the_command_prints_a_table_and_one_line_of_json(sample, tmp_path, capsys):
    words = ["evaluate", "--model", "parrot", "--manifest", str(sample), "--split", "test"]
    assert launch.main([*words, "--items", str(tmp_path / "answers.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["task", "items", "out"]
    assert json.loads(lines[-1])["scores"][0]["items"] == 4
