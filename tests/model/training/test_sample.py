"""The sample that ships: only what is held out and may be passed on, with its author named."""

import json
import re

import numpy as np
import pytest

from model import audio
from model.evaluation import manifest
from model.machine import PACKAGED
from model.messages import Clip
from model.spec import SAMPLE_RATE
from model.tasks import TASKS
from model.training import sample
from model.training.credits import credit
from model.training.manifests import TESTS
from model.training.packing import Pack, clips, write_lines

SHIPPED = PACKAGED.parent / "sample"
ALLOWED = re.compile(r"CC0|CC-BY(-SA)?-3\.0|MIT|GPL-[23]\+?")
DOG, CAT = "lugaru-data/Bark.wav", "lugaru-data/Meow.wav"
CURSED = "hedgewars-data/Howl.wav"  # of a licence that is not in the table
PROMPT = f"{sample.PROMPTS}/digits/7.wav"


def noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, int(seconds * SAMPLE_RATE)).astype(np.int16)


def listed(file: str, label: str, seconds: float, **more) -> dict:
    row = {"audio": file, "package": file.split("/")[0], "task": "animal", "text": label}
    return row | {"duration": seconds, "split": "test"} | more


@pytest.fixture
def corpus(tmp_path):
    """Two animals and an animal that is nobody's to give, each a recording and a packed clip."""
    rows = [
        listed(DOG, "dog", 1.0),
        listed(CAT, "cat", 6.0),  # longer than an animal may be
        listed(CURSED, "wolf", 1.0),
        listed(PROMPT, "seven", 0.8, task="digit", language="en", speaker="ann", gender="f"),
    ]
    with Pack(tmp_path, "sounds") as part:
        for seed, row in enumerate(rows):
            pcm = noise(row["duration"], seed)
            file = tmp_path / "sources" / row["audio"]
            file.parent.mkdir(parents=True, exist_ok=True)
            audio.export(Clip.of(pcm), file)
            if row["task"] == "animal":
                named = {"kind of sound": "An animal.", "event": f"A {row['text']}."}
                told = {"split": "test", "kind": "animal", "label": row["text"]}
                part.add(pcm, named, source=row["package"], licence="?", **told)
    tests = {"test-dialogue": []}
    for clip in clips(tmp_path):
        for task, text in clip.pop("answers").items():
            tests.setdefault(TESTS[task], []).append(clip | {"task": task, "text": text})
        follow_up = {"task": "event", "text": f"A {clip['label']}.", "question": "And now?"}
        tests["test-dialogue"].append(clip | follow_up | {"before": ["What do you hear?"]})
    for name, lines in tests.items():
        write_lines(tmp_path / f"{name}.jsonl", lines)
    return tmp_path, rows


def test_what_may_not_be_passed_on_or_is_too_long_is_left_out(corpus, tmp_path):
    folder, rows = corpus
    lines = sample.make(rows, folder, tmp_path / "out")
    assert {line["audio"] for line in lines} == {"digit-7.wav", "dog.flac"}
    assert {(line["licence"], line["by"]) for line in lines if line["audio"] == "dog.flac"} == {
        ("CC-BY-SA-3.0", "Wolfire Games")
    }
    assert [line["task"] for line in lines] == ["transcribe", "event", "kind of sound", "event"]
    assert lines[0]["text"] == "Seven." and lines[-1]["before"] == ["What do you hear?"]


def test_what_is_written_sounds_like_the_clip_and_can_be_evaluated(corpus, tmp_path):
    folder, rows = corpus
    sample.make(rows, folder, tmp_path / "out")
    np.testing.assert_array_equal(audio.decode(tmp_path / "out/dog.flac").pcm(), noise(1.0, 0))
    items = manifest.read(tmp_path / "out/manifest.jsonl", split="test")
    assert len({item.key for item in items}) == len(items) == 4


def test_a_group_has_different_sounds_before_it_has_one_twice(corpus):
    folder, rows = corpus
    found = sample.candidates(rows, folder)
    dogs = [one for one in found if one.facts["label"] == "dog"]
    again = sample.Candidate(folder, rows, dogs[0].rows, [])
    cats = sample.Candidate(folder, rows, [row | {"text": "A cat."} for row in dogs[0].rows], [])
    assert sample.drawn([*dogs, again, cats], 2, follow_ups=1) == [*dogs, cats]


def test_a_file_without_a_row_is_nobodys_to_give():
    assert credit("gnome-audio/usr/share/sounds/phone.wav") is None
    kit = "_collected/gcompris-qt-data/gcompris/src/activities/instruments/resource/drum_kit.ogg"
    assert credit(kit) is None
    assert credit(kit.replace("drum_kit", "violin")).licence == "GPL-3+"


# What ships ---------------------------------------------------------------------------------------


def shipped() -> list[dict]:
    lines = (SHIPPED / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_recording_that_ships_is_named_with_its_author():
    notice = (PACKAGED.parent / "NOTICE.md").read_text(encoding="utf-8")
    for row in shipped():
        assert ALLOWED.fullmatch(row["licence"]), row
        assert f"| {row['source']} |" in notice and row["by"] in notice, row
        assert row["split"] == "test" and row["task"] in TASKS, row
    texts = {file.stem for file in (PACKAGED.parent / "licences").iterdir()}
    assert {row["licence"].rstrip("+") for row in shipped() if "GPL" in row["licence"]} <= texts


def test_the_sample_is_small_and_has_no_file_too_many_or_too_few():
    files = {file.name for file in SHIPPED.iterdir()}
    assert files == {row["audio"] for row in shipped()} | {"manifest.jsonl"}
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 3e6


def test_the_sample_is_wide():
    rows = shipped()
    assert {row["task"] for row in rows} == set(TESTS)
    assert {row.get("language") for row in rows} >= set("en es fr it ru cs nl".split())
    assert sum(bool(row.get("before")) for row in rows) >= 16
