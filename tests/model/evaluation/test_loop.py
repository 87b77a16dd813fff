"""Items asked and written down: cuts, follow-ups, many at once, interrupted, unreadable."""

import json
from dataclasses import replace

import pytest

import launch
from model.audio import cut, export
from model.engine import Parrot
from model.evaluation import loop, manifest
from model.messages import Piece
from tests.model.conftest import noise, tiny_engine


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
    items, written = manifest.read(sample, split="test"), tmp_path / "answers.jsonl"
    (found,) = loop.run(Knowing(), items, written)
    # one word too many; two wrong and one too many; two of three wrong; a file that is not there
    assert found.value == pytest.approx((1 + 3 + 2 + 2) / (2 + 2 + 3 + 2))
    assert found.items == 4
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    assert [bool(row["unplayable"]) for row in rows] == [False, False, False, True]
    assert [row["true"] for row in loop.worst(rows, 2)["asr"]] == ["good bye", "never heard"]


def test_an_interrupted_run_goes_on_where_it_stopped(sample, tmp_path):
    items, written = manifest.read(sample, split="test"), tmp_path / "answers.jsonl"
    loop.run(Knowing(), items[:2], written)
    engine = Knowing()
    loop.run(engine, items, written)
    assert engine.asked == 1  # the third; the fourth cannot be read


def test_answers_of_other_weights_do_not_count(sample, tmp_path):
    items, written = manifest.read(sample, split="test")[:2], tmp_path / "answers.jsonl"
    for weights, asked in (("first", 2), ("first", 0), ("second", 2), ("first", 2)):
        engine = Knowing()
        engine.about = replace(Parrot.about, weights=weights)
        loop.run(engine, items, written)
        assert engine.asked == asked, weights
    assert len(loop.rows(written, items)) == 2


class Asked(Parrot):
    """Says how long each clip is and how many turns there were, and keeps what it was asked."""

    def __init__(self):
        self.talks = []

    def reply(self, messages, sampling, *, task=None):
        self.talks.append(messages)
        heard = [f"{clip.seconds:g}" for message in messages for clip in message.clips]
        yield Piece(f"{' '.join(heard)} s, turn {len(messages)}", (), 1, 0, "stop")


def items_of(folder, *rows):
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest.read(file)


def test_a_line_may_mean_a_part_of_a_file(tmp_path):
    export(noise(3), tmp_path / "packed.wav")
    export(noise(3), tmp_path / "packed.flac", "flac")
    line = {"text": "x", "task": "event", "start": 1.25, "duration": 0.5}
    items = items_of(tmp_path, *({"audio": f"packed.{kind}", **line} for kind in ("wav", "flac")))
    first, second = (loop.clip_of(item.sounds[0]) for item in items)
    expected = cut(noise(3), 1.25, 1.75)
    assert first.digest == second.digest == expected.digest


def test_a_length_without_a_start_is_only_told(tmp_path):
    export(noise(1), tmp_path / "x.wav")
    (item,) = items_of(tmp_path, {"audio": "x.wav", "text": "x", "duration": 0.99})
    assert loop.clip_of(item.sounds[0]).seconds == 1


def test_a_part_beyond_the_end_is_a_sentence(tmp_path):
    export(noise(1), tmp_path / "x.wav")
    line = {"audio": "x.wav", "text": "x", "task": "event", "start": 5, "duration": 1}
    loop.run(Asked(), items_of(tmp_path, line), tmp_path / "answers.jsonl")
    row = json.loads((tmp_path / "answers.jsonl").read_text())
    assert "x.wav has less than 0.1 s of sound from 5 s on" in row["unplayable"]


def test_earlier_questions_are_answered_first_and_only_the_last_answer_counts(tmp_path):
    export(noise(1), tmp_path / "x.wav")
    line = {"audio": "x.wav", "text": "1 s, turn 5", "task": "event"}
    line |= {"before": ["What is it?", "Sure?"], "question": "And which one?"}
    engine = Asked()
    (found,) = loop.run(engine, items_of(tmp_path, line), tmp_path / "answers.jsonl")
    assert found.value == 1
    assert [len(talk) for talk in engine.talks] == [5, 5, 5]  # one list, grown
    told = [part for message in engine.talks[-1] for part in message.parts[-1:]]
    assert told == ["What is it?", "1 s, turn 1", "Sure?", "1 s, turn 3", "And which one?"]


def test_a_question_may_be_about_two_recordings(tmp_path):
    for seconds in (1, 2):
        export(noise(seconds), tmp_path / f"{seconds}.wav")
    line = {"audio": "1.wav", "text": "1 0.5 s, turn 1", "task": "event"}
    line["clips"] = [{"audio": "2.wav", "start": 1, "duration": 0.5}]
    (found,) = loop.run(Asked(), items_of(tmp_path, line), tmp_path / "answers.jsonl")
    assert found.value == 1


def test_questions_about_one_recording_are_told_apart(tmp_path):
    export(noise(3), tmp_path / "x.wav")
    line = {"audio": "x.wav", "text": "x", "task": "event"}
    other = [{"start": 0, "duration": 1}, {"start": 1, "duration": 1}, {"before": ["What?"]}]
    other += [{"task": "instrument"}, {"question": "Which?"}, {"clips": ["x.wav"]}]
    items = items_of(tmp_path, line, *({**line, **more} for more in other))
    assert len({item.key for item in items}) == len(items)


def test_asking_many_at_once_changes_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "MAX_TOKENS", 16)
    engine, lines = tiny_engine(), []
    for number in range(7):
        export(noise(0.5 + 0.4 * number, seed=number), tmp_path / f"{number}.wav")
        line = {"audio": f"{number}.wav", "text": "x", "task": "event"}
        lines.append(line | ({"before": ["What is it?"]} if number % 2 else {}))
    lines.append({"audio": "gone.wav", "text": "x", "task": "event"})
    items = items_of(tmp_path, *lines)
    for batch in (1, 4):
        engine.sounds.clear()
        loop.run(engine, items, tmp_path / f"{batch}.jsonl", batch=batch)
    one, many = (loop.rows(tmp_path / f"{batch}.jsonl", items) for batch in (1, 4))
    assert one == many
    assert len({row["answer"] for row in one}) > 4


def test_a_question_that_does_not_fit_fails_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "MAX_TOKENS", 4)
    export(noise(1), tmp_path / "x.wav")
    line = {"audio": "x.wav", "text": "x", "task": "event"}
    items = items_of(tmp_path, line, line | {"question": "long " * 2000})
    loop.run(tiny_engine(), items, tmp_path / "answers.jsonl", batch=2)
    one, other = loop.rows(tmp_path / "answers.jsonl", items)
    assert one["answer"] and not other["answer"]
    assert "leaves no room for an answer" in other["unplayable"]


def test_what_does_not_chat_is_given_the_tags_of_the_task_in_the_language_of_the_line(tmp_path):
    class Base(Asked):
        about = replace(Parrot.about, chats=False)

        def reply(self, messages, sampling, *, task=None):
            tags = "".join(text for text, is_tag in task.render() if is_tag)
            self.talks.append(tags)
            yield Piece("x", (), 1, 0, "stop")

    export(noise(1), tmp_path / "x.wav")
    line = {"audio": "x.wav", "text": "x", "before": ["What is it?"]}
    engine = Base()
    lines = [line | {"task": "transcribe", "language": "fr"}, line | {"task": "event"}]
    lines.append(line | {"task": "same speaker", "clips": ["x.wav"]})  # more than it can hear
    loop.run(engine, items_of(tmp_path, *lines), tmp_path / "answers.jsonl")
    assert engine.talks == [
        "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|event|>",
        "<|startoftranscript|><|fr|><|transcribe|><|fr|><|notimestamps|><|wo_itn|>",
    ]


def test_a_model_that_chats_is_asked_many_tasks_at_once_and_one_that_reads_tags_is_not():
    told = [("event", "en")] * 2 + [("transcribe", "en"), ("transcribe", "fr")] * 2
    items = [
        manifest.Item(sounds=(), text="", task=task, told={"language": language})
        for task, language in sorted(told)
    ]
    assert [s.stop - s.start for s in loop._batches(items, 4, True)] == [4, 2]
    assert [s.stop - s.start for s in loop._batches(items, 4, False)] == [2, 2, 2]


def test_labels_of_several_tasks_are_also_summed_up_together():
    told = [("event", "A dog.", "A dog."), ("event", "A cat.", "A dog."), ("note", "C4.", "C4.")]
    told += [("asr", "hello", "hello"), ("vocalsound", "sigh", "sniff")]
    rows = [{"task": task, "true": true, "answer": answer} for task, true, answer in told]
    found = {s.task: s for s in loop.summaries(rows)}
    assert set(found) == {"event", "note", "asr", "vocalsound", "all labels"}
    assert (found["all labels"].value, found["all labels"].items) == (pytest.approx(2 / 3), 3)


def test_some_are_always_the_same_and_in_their_order():
    items = [manifest.Item(sounds=(), text=str(number)) for number in range(50)]
    few = manifest.some(items, 9)
    assert few == manifest.some(items, 9) and len(few) == 9
    assert [int(item.text) for item in few] == sorted(int(item.text) for item in few)
    assert few != items[:9] and manifest.some(items, 99) == items


@pytest.mark.parametrize(
    "content, said",
    [("{", "line 1"), ('{"audio": "x.wav"}', "line 1"), ("", "holds no recording")],
)
def test_a_bad_manifest_names_its_line(tmp_path, content, said):
    file = tmp_path / "bad.jsonl"
    file.write_text(content)
    with pytest.raises(manifest.BadManifest, match=said):
        manifest.read(file)


def test_a_filter_that_leaves_nothing_says_which(sample):
    with pytest.raises(manifest.BadManifest, match="of split 'test' and language 'fr'"):
        manifest.read(sample, split="test", language="fr")


def test_a_task_that_cannot_be_scored_is_refused_before_anything_is_asked(sample, tmp_path):
    sample.write_text('{"audio": "0.wav", "text": "x", "task": "taste"}')
    with pytest.raises(manifest.BadManifest, match="'taste'. Known are: asr"):
        loop.run(Knowing(), manifest.read(sample), tmp_path / "answers.jsonl")


def test_the_command_prints_a_table_and_one_line_of_json(sample, tmp_path, capsys):
    words = ["evaluate", "--model", "parrot", "--manifest", str(sample), "--split", "test"]
    words += ["--items", str(tmp_path / "answers.jsonl"), "--report", str(tmp_path / "r.html")]
    assert launch.main(words) == 0
    assert "worst first" in (tmp_path / "r.html").read_text()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["task", "items"]
    assert json.loads(lines[-1])["scores"][0]["items"] == 4


def test_answers_are_in_the_data_folder_unless_told_otherwise(sample, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("EARSHOT_DATA", str(tmp_path / "data"))
    words = ["evaluate", "--model", "parrot", "--manifest", str(sample), "--limit", "1"]
    assert launch.main(words) == 0
    assert [*(tmp_path / "here").iterdir()] == []
    (written,) = (tmp_path / "data").rglob("*.jsonl")
    assert written.parent == tmp_path / "data" / "evaluations"
    told = ["--items", str(tmp_path / "a" / "b"), "--report", str(tmp_path / "c" / "d.html")]
    assert launch.main([*words, *told]) == 0
    assert (tmp_path / "a" / "b").exists() and (tmp_path / "c" / "d.html").exists()


def test_a_run_that_was_killed_in_mid_line_goes_on(sample, tmp_path):
    items, written = manifest.read(sample, split="test"), tmp_path / "answers.jsonl"
    loop.run(Knowing(), items[:2], written)
    whole = written.read_bytes()
    written.write_bytes(whole[:-9])
    loop.run(Knowing(), items, written)
    assert [json.loads(line)["key"] for line in written.read_text().splitlines()] == [
        item.key for item in items
    ]


@pytest.mark.parametrize(
    "content", [b'{"audio": "x.wav"}\n', b"\xff\xfe\n", b"[]\n", b"Dear diary"]
)
def test_answers_are_added_to_no_other_file(sample, tmp_path, content):
    (tmp_path / "mine").write_bytes(content)
    with pytest.raises(manifest.BadManifest, match="holds no answers"):
        loop.run(Knowing(), manifest.read(sample), tmp_path / "mine")
    assert (tmp_path / "mine").read_bytes() == content


def test_an_item_of_which_a_recording_would_not_be_heard_at_all_is_not_scored(tmp_path):
    names = [f"{i}.wav" for i in range(9)]
    for i, name in enumerate(names):
        export(noise(29, seed=i), tmp_path / name)
    line = {"audio": names[0], "text": "x", "task": "event"}
    items = items_of(tmp_path, line | {"clips": [{"audio": name} for name in names[1:]]})
    loop.run(tiny_engine(), items, tmp_path / "answers.jsonl")
    (row,) = loop.rows(tmp_path / "answers.jsonl", items)
    assert not row["answer"] and "would not be heard at all" in row["unplayable"]
