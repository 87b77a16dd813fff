"""The table of published benchmarks, and folders as their data come in, with made-up sound."""

import json
from dataclasses import replace

import pytest

import launch
from model.audio import export
from model.engine import Parrot
from model.evaluation import benchmarks, loop, manifest
from model.evaluation.benchmarks import BENCHMARKS
from model.evaluation.metrics import METRICS
from model.messages import Piece
from model.tasks import TASKS
from tests.model.conftest import noise


class Disk:
    """A folder to be filled."""

    def __init__(self, root):
        self.root, self.n = root, 0

    def sound(self, name):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        self.n += 1
        kind = file.suffix[1:]
        export(noise(0.3, seed=self.n), file, kind if kind in ("wav", "flac", "mp3") else "wav")

    def text(self, name, *lines):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def librispeech(disk):
    for part, reader in (("test-clean", 1089), ("dev-other", 116)):
        base = f"LibriSpeech/{part}/{reader}/134686/{reader}-134686"
        disk.text(f"{base}.trans.txt", f"{reader}-134686-0000 HE HOPED", f"{reader}-134686-0001 NO")
        disk.sound(f"{base}-0000.flac")
        disk.sound(f"{base}-0001.flac")


def aishell1(disk):
    names = "BAC009S0764W0121", "BAC009S0765W0122", "BAC009S0765W0999"
    disk.text(
        "data_aishell/transcript/aishell_transcript_v0.8.txt",
        f"{names[0]} 甚至 出现 交易",
        f"{names[1]} 一二 线 城市",
    )
    disk.sound(f"data_aishell/wav/test/S0764/{names[0]}.wav")
    disk.sound(f"data_aishell/wav/dev/S0765/{names[1]}.wav")
    disk.sound(f"data_aishell/wav/test/S0765/{names[2]}.wav")  # some have no transcript


def aishell2(disk):
    for channel in ("iOS", "Android", "MIC"):
        disk.text(f"AISHELL-DEV-TEST-SET/{channel}/test/trans.txt", "T0055G0002S0001\t换一首歌")
        disk.sound(f"AISHELL-DEV-TEST-SET/{channel}/test/wav/T0055/T0055G0002S0001.wav")


def covost2(disk):
    rows = ["path\ttranslation\tsplit", 'a.mp3\tEr sagte "Ja.\ttest', "b.mp3\tNein.\ttrain"]
    disk.text("covost_v2.en_de.tsv", *rows)
    disk.text("zh/covost_v2.zh-CN_en.test.tsv", "path\tsentence\ttranslation", "c.mp3\t好\tGood.")
    for name in ("clips/a.mp3", "clips/b.mp3", "zh/clips/c.mp3"):
        disk.sound(name)


def clotho(disk):
    head = ",".join(["file_name", *(f"caption_{i}" for i in range(1, 6))])
    row = '"a, b.wav","Rain, heavy.",Rain falls,It rains,Water falls,Drops fall'
    disk.text("clotho_captions_evaluation.csv", head, row)
    disk.sound("evaluation/a, b.wav")


def cochlscene(disk):
    disk.sound("CochlScene/Test/SubwayStation/SubwayStation_user0777_001.wav")
    disk.sound("CochlScene/Test/Bus/Bus_user0001_000.wav")
    disk.sound("CochlScene/Train/Car/Car_user0002_000.wav")


def tut2017(disk):
    base = "TUT-acoustic-scenes-2017-evaluation"
    disk.text(f"{base}/meta.txt", "audio/1.wav\tforest_path\ta", "audio/2.wav\tcafe/restaurant\tb")
    disk.text("TUT-acoustic-scenes-2017-development/meta.txt", "audio/9.wav\tpark\tc")
    for i in (1, 2):
        disk.sound(f"{base}/audio/{i}.wav")


def meld(disk):
    disk.text(
        "test_sent_emo.csv",
        "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode",
        '1,"Oh, no.",Ross,sadness,negative,0,0,1,2',
        "2,Hi.,Joey,joy,positive,12,3,1,2",
        "3,Bye.,Joey,joy,positive,99,9,1,2",
    )
    for folder in ("train_splits", "output_repeated_splits_test"):
        disk.sound(f"{folder}/dia0_utt0.wav")
        disk.sound(f"{folder}/dia12_utt3.wav")


def clothoaqa(disk):
    rows = ["a.wav,Is it raining?,yes,yes", "a.wav,Is it raining?,no,maybe"]
    rows += ["a.wav,Is it raining?,Yes,yes", "a.wav,What falls?,rain,yes"]
    rows += ["a.wav,What falls?,water,yes", "a.wav,What falls?,drops,no"]
    disk.text("clotho_aqa_test.csv", "file_name,QuestionText,answer,confidence", *rows)
    disk.sound("audio_files/a.wav")


def vocalsound(disk):
    disk.text("vs/meta/te_meta.csv", "spk_id,gender", "f0003,female", "m0010,male")
    disk.text("vs/meta/tr_meta.csv", "spk_id,gender", "f0099,female")
    for name in ("f0003_0_throatclearing", "m0010_0_sniff", "f0099_0_cough"):
        disk.sound(f"vs/audio_16k/{name}.wav")


def nsynth(disk):
    note = {"pitch": 60, "velocity": 75, "instrument_family_str": "organ"}
    told = {"organ_electronic_001-060-075": note | {"qualities_str": ["dark", "reverb"]}}
    disk.text("nsynth-test/examples.json", json.dumps(told))
    disk.sound("nsynth-test/audio/organ_electronic_001-060-075.wav")


TRUE = {  # what each folder above holds of its benchmark
    librispeech: ["HE HOPED", "NO", "HE HOPED", "NO"],
    aishell1: ["一二 线 城市", "甚至 出现 交易"],
    aishell2: ["换一首歌"] * 3,
    covost2: ['Er sagte "Ja.', "Good."],
    clotho: ["Rain, heavy."],
    cochlscene: ["bus", "subway station"],
    tut2017: ["forest path", "cafe/restaurant"],
    meld: ["sadness", "joy"],
    clothoaqa: ["yes", "rain"],
    vocalsound: ["throat clearing", "sniff"],
    nsynth: [
        "<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_75|>"
        "<|sonic|>dark, reverb<|instrument|>organ"
    ],
}


@pytest.mark.parametrize("fill", TRUE, ids=lambda fill: fill.__name__)
def test_a_folder_as_it_is_unpacked_is_read_and_judged(fill, tmp_path):
    fill(Disk(tmp_path))
    items = benchmarks.items(fill.__name__, tmp_path)
    assert [item.text for item in items] == TRUE[fill]
    for item in items:
        for sound in item.sounds:
            assert sound.file.is_file(), sound
    found = loop.run(Knowing(items), items, tmp_path / "answers.jsonl")
    for summary in found:
        best = 1 if summary.better == "higher" else 0
        if not summary.metric.startswith(("BLEU", "CIDEr")):  # these need more, and longer, texts
            assert summary.value == best, summary
    assert {s.task for s in found} == {item.task for item in items} or fill is clotho


class Knowing(Parrot):
    """Answers each item truly, as a model that reads tags; keeps what it was asked."""

    def __init__(self, items, chats=False):
        self.about = replace(Parrot.about, chats=chats)
        self.true = {
            (loop.clip_of(item.sounds[0]).digest, item.question): item.text for item in items
        }
        self.asked = []

    def reply(self, messages, sampling, *, task=None):
        words = messages[-1].parts[-1]
        self.asked.append((task, words, sampling.max_tokens))
        (clip,) = messages[-1].clips
        question = words if (clip.digest, words) in self.true else ""
        yield Piece(self.true.get((clip.digest, question), ""), (), 1, 0, "stop")


@pytest.mark.parametrize(
    "fill, tags, limit",
    [
        (librispeech, "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|>", 256),
        (aishell1, "<|startoftranscript|><|zh|><|transcribe|><|zh|><|notimestamps|>", 256),
        (covost2, "<|startoftranscript|><|en|><|translate|><|de|><|notimestamps|><|itn|>", 256),
        (meld, "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|emotion_rec", 4),
        (tut2017, "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|scene|>", 10),
        (clothoaqa, "<|startofanalysis|><|en|><|question|>", 4),
    ],
)
def test_a_pretrained_model_reads_the_published_tags(fill, tags, limit, tmp_path):
    fill(Disk(tmp_path))
    items = benchmarks.items(fill.__name__, tmp_path)
    engine = Knowing(items)
    loop.run(engine, items, tmp_path / "answers.jsonl")
    task, words, max_tokens = engine.asked[0]
    assert "".join(text for text, _ in task.render(words)).startswith(tags)
    assert max_tokens == limit


def test_a_chat_is_asked_in_words_with_the_answers_there_are(tmp_path):
    meld(Disk(tmp_path))
    items = benchmarks.items("meld", tmp_path)
    engine = Knowing(items, chats=True)
    loop.run(engine, items, tmp_path / "answers.jsonl")
    task, words, max_tokens = engine.asked[0]
    assert task is None and max_tokens == 256
    assert words == (
        "In what mood is the speaker? Answer with one of: neutral, joy, sadness, anger, surprise, "
        "fear, disgust."
    )


def test_an_answer_to_tags_that_begin_with_a_time_is_given_that_time(tmp_path):
    export(noise(1), tmp_path / "x.wav")
    row = {"audio": "x.wav", "text": "<|0.00|>好<|0.50|>", "task": "timestamps"}
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    items = manifest.read(tmp_path / "m.jsonl")
    engine = Knowing(items)
    engine.true = dict.fromkeys(engine.true, "好<|0.60|>")
    (found,) = loop.run(engine, items, tmp_path / "answers.jsonl")
    assert found.value == pytest.approx(0.1)
    assert (found.published, found.other) == (0.0515, 0.0603)


def test_the_table_has_the_papers_figures_and_known_metrics():
    names = {name.split("/")[0] for name in BENCHMARKS}
    assert names == {fill.__name__ for fill in TRUE} | {"timestamps"}
    published = [f for b in BENCHMARKS.values() for f in b.figures if f.published is not None]
    assert len(published) == 28
    for figure in published:
        better = figure.published > figure.other
        if METRICS[figure.metric].better == "lower":
            better = figure.published < figure.other
        assert better or (figure.published, figure.other) == (0.031, 0.029), figure
    for benchmark in BENCHMARKS.values():
        assert benchmark.row.published, benchmark.name


def test_a_choice_reads_as_itself():
    for benchmark in BENCHMARKS.values():
        for choice in benchmark.row.choices:
            assert METRICS["accuracy"].of(
                [loop.Pair(choice, choice, choices=benchmark.row.choices)]
            )


@pytest.mark.parametrize("task", [*TASKS, *benchmarks.ALSO])
def test_every_task_of_a_manifest_can_be_judged(task):
    assert benchmarks.judged(task).figures


def command(*words):
    return launch.main(["evaluate", "--model", "parrot", *map(str, words)])


def test_the_command_prints_ours_beside_the_published(tmp_path, capsys):
    tut2017(Disk(tmp_path))
    answers = tmp_path / "answers.jsonl"
    assert command("--benchmark", "tut2017", "--root", tmp_path, "--items", answers) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Qwen-Audio best other" in lines[0]
    assert lines[1].split()[:3] == ["tut2017", "2", "0.0%"] and "64.9%" in lines[1]
    (score,) = json.loads(lines[-1])["scores"]
    assert (score["published"], score["other"], score["value"]) == (0.649, 0.353, 0)


def test_one_part_alone_and_some_items_at_random(tmp_path, capsys):
    librispeech(Disk(tmp_path))
    words = ["--root", tmp_path, "--items", tmp_path / "answers.jsonl"]
    assert command("--benchmark", "librispeech/dev-other", "--limit", "1", *words) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])["scores"]
    assert {(s["task"], s["items"]) for s in scores} == {("librispeech/dev-other", 1)}


def test_a_manifest_may_stand_for_the_folder(tmp_path, capsys):
    export(noise(1), tmp_path / "x.wav")
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "x.wav", "text": "sigh"}))
    words = ["--manifest", tmp_path / "m.jsonl", "--items", tmp_path / "answers.jsonl"]
    assert command("--benchmark", "vocalsound", *words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["scores"][0]["published"] == 0.9289


@pytest.mark.parametrize(
    "words, said",
    [
        (["--benchmark", "librispeach", "--root", "."], "There are: librispeech, aishell1"),
        (["--benchmark", "clotho", "--root", "."], "looked for clotho_captions_evaluation.csv"),
        (["--benchmark", "timestamps", "--root", "."], "--manifest FILE, with the times"),
        (["--benchmark", "covost2", "--root", "."], "covost_v2.en_de.test.tsv"),
    ],
)
def test_what_is_not_there_is_a_sentence(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(*words) == 1
    assert said in capsys.readouterr().err


def test_without_recordings_it_says_what_to_give(capsys):
    with pytest.raises(SystemExit):
        command("--benchmark", "clotho")
    assert "--benchmark NAME with --root DIR" in capsys.readouterr().err


def test_a_figure_whose_counter_is_missing_is_said_and_the_others_stay(tmp_path, monkeypatch):
    from model.evaluation import captions

    def lacking(pairs):
        raise captions.NoCounter("There is no java here.")

    clotho(Disk(tmp_path))
    items = benchmarks.items("clotho", tmp_path)
    counted = {
        name: replace(METRICS[name], each=lambda pairs: captions.np.zeros(len(pairs)))
        for name in ("CIDEr", "SPIDEr")
    }
    for name, metric in (counted | {"SPICE": replace(METRICS["SPICE"], each=lacking)}).items():
        monkeypatch.setitem(METRICS, name, metric)
    found = loop.run(Knowing(items), items, tmp_path / "answers.jsonl")
    assert [s.metric for s in found] == ["CIDEr", "SPIDEr"]
    rows = loop.rows(tmp_path / "answers.jsonl", items)
    assert loop.missing(rows) == ["SPICE is not counted. There is no java here."]
    assert loop.worst(rows) == {"clotho": rows}
