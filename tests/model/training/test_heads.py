"""Fitting the linear heads: features of clips, folds without a source, confidence that holds."""

import json

import numpy as np
import pytest
import torch

from model import checkpoint
from model.listening.heads import REST, HeadConfig, Heads, HeadsConfig
from model.listening.notes import FAMILY, KIND, VOICE
from model.mel import log_mel
from model.placement import Placement
from model.spec import SAMPLE_RATE
from model.training import add_heads, head_features, heads, toy
from model.training.head_features import Features
from model.training.packing import Pack
from tests.model import tiny_whisper
from tests.model.conftest import noise, tiny_model

LANGUAGES = ["en", "nl", "cs", "ja"]
KINDS = ("animal", "instrument", "speech")


@pytest.fixture(scope="module")
def found():
    """What is true of a clip stands in its features, a direction for each fact."""
    draw, rows, spoken = np.random.default_rng(0), [], []
    features = draw.normal(0, 1, (360, 6, 8))
    for i, vector in enumerate(features):
        kind = KINDS[i % 3]
        row = {"kind": kind, "source": f"source {i % 5}", "speaker": f"speaker {i % 7}"}
        chances = np.full(4, 0.1)
        if kind == "speech":
            row["gender"] = ("female", "male")[i % 2]
            row["language"] = LANGUAGES[i // 3 % 3]
            vector[0:2, 0] += 4 * (i % 2)
            vector[4, 1] += 4 * (row["language"] == "nl")
            chances[0 if row["language"] == "nl" else i // 3 % 3] = 0.7  # takes Dutch for English
        if kind == "instrument":
            row["family"] = ("brass", "strings")[i % 2]
            vector[0:2, 2] += 4 * (i % 2)
        vector[3:5, 3] += 5 * KINDS.index(kind)
        rows.append(row)
        spoken.append(np.log(chances))
    return Features(features.astype(np.float16), np.float32(spoken), rows, LANGUAGES)


@pytest.fixture(scope="module")
def fitted(found):
    return heads.build(found)


def right(made, found, about):
    field = heads.FIELDS[about]
    chosen = [i for i, row in enumerate(found.rows) if row.get(field)]
    return heads.measure(made, found, about, chosen)


@pytest.mark.parametrize("about", [KIND, VOICE, FAMILY])
def test_a_head_finds_what_stands_in_the_features(fitted, found, about):
    assert float(right(fitted, found, about).split("= ")[1].split("%")[0]) > 93


def test_the_language_head_mends_what_whisper_takes_for_another(fitted, found):
    assert fitted.language.config.names == ("cs", "en", "nl", REST)
    features = torch.from_numpy(found.found.astype(np.float32))
    dutch = [i for i, row in enumerate(found.rows) if row.get("language") == "nl"]
    told = []
    for i in dutch:
        chances = fitted.languages(
            features[i], dict(zip(LANGUAGES, np.exp(found.spoken[i]), strict=True))
        )
        told.append(max(chances, key=chances.get))
    assert np.mean([code == "nl" for code in told]) > 0.9, "Whisper says en of all of them"


def test_what_was_written_is_read_and_bfloat16_changes_nothing(fitted, found, tmp_path):
    heads.write(fitted, tmp_path)
    again = heads.read(tmp_path, found.width)
    assert again.config == fitted.config
    features = torch.from_numpy(found.found[0].astype(np.float32))
    features = features * 100  # as far from the mean as outliers are
    exact, halved = again.kind(features), again.bfloat16().kind(features)
    torch.testing.assert_close(exact, halved, rtol=0.01, atol=0.02)


def test_a_checkpoint_is_given_its_heads(fitted, tmp_path):
    base, _ = toy.make(tmp_path)
    made = Heads(
        HeadsConfig({KIND: HeadConfig(names=("a", "b"), layers=(1,), sure_from=(1, 1))}), 64
    )
    made.kind.bias.data[1] = 3.0
    heads.write(made, tmp_path / "heads")
    add_heads.main([str(tmp_path / name) for name in ("heads", "base", "out")])
    loaded = checkpoint.load(tmp_path / "out", Placement(torch.device("cpu"), torch.float32, 32))
    assert loaded.heads.config == made.config and loaded.heads.kind.bias.tolist() == [0, 3]


def test_means_may_be_rounded():
    directions = heads.Directions(torch.full((1,), 1000.7), torch.full((1,), 0.5), torch.eye(1))
    head = heads.Fitted(torch.tensor([[1.0], [-1.0]]), torch.tensor([0.2, 0.1]), torch.ones(1))
    parts = heads.rounded(head, directions)
    assert parts["mean"] != directions.mean, "bfloat16 has no 1000.7"
    at_mean = (directions.mean - parts["mean"]) / parts["scale"] @ parts["weight"].T + parts["bias"]
    torch.testing.assert_close(at_mean, head.bias, atol=1e-3, rtol=0)


def test_sure_from_is_where_95_in_100_are_right():
    confidence, even = np.linspace(1, 0.5, 101), np.ones(101)
    wrong = confidence < 0.8  # from there on down, all are wrong
    least = heads.sure_from(confidence, ~wrong, even)
    assert np.mean(~wrong[confidence >= least]) >= 0.95 and 0.78 < least < 0.8
    assert heads.sure_from(confidence, wrong & False, even) > 1, "never sure"
    assert heads.sure_from(confidence / 2, even > 0, even) == 0.5, "not below an even chance"
    assert heads.sure_from(confidence[:5], even[:5] > 0, even[:5]) > 1, "too few to know"


def test_one_source_with_many_clips_does_not_decide_what_is_sure():
    task = heads.Task(
        KIND,
        ("drum", "instrument"),
        torch.zeros(300, 1),
        torch.tensor([1] * 240 + [0] * 60),
        np.array(["notes"] * 240 + ["drums"] * 30 + ["more drums"] * 30),
    )
    logits = torch.zeros(300, 2)  # all is taken for an instrument
    logits[:240, 1], logits[240:250, 1], logits[250:, 1] = 4.0, torch.linspace(3, 1, 10), -2.0
    drum, instrument = heads.thresholds(logits, task)
    assert instrument > 0.9, "of all 250 findings 240 are right, but of both sources not so many"


def test_a_head_is_judged_on_sources_it_did_not_learn_from(found, monkeypatch):
    task, _ = heads.task_of(found, KIND)
    learned, fit = [], heads.fit
    monkeypatch.setattr(heads, "fit", lambda part: learned.append(set(part.groups)) or fit(part))
    heads.unseen(task)
    left_out = [set(task.groups) - groups for groups in learned]
    assert set.union(*left_out) == set(task.groups) and all(left_out)


def test_a_language_of_one_source_is_judged_clip_by_clip():
    sources = np.array(["a", "a", "b", "c", "c", "espeak"])
    languages, made = ["en", "en", "en", "nl", "nl", "nl"], [False] * 5 + [True]
    groups = heads._of_language(sources, languages, made)
    assert groups[0] == groups[1] != groups[2] and len(set(groups[3:])) == 3


# Features -----------------------------------------------------------------------------------------


def test_thinned_padding_is_heard_as_all_of_it():
    encoder, samples = tiny_model().audio, noise(1).samples
    mel, frames, cut = log_mel(samples), 100, []
    with torch.inference_mode():
        encoder.trunk(mel[None], [frames], cut)
    exact = head_features.exactly(encoder, mel, frames)
    thinned = head_features.thinned(encoder, mel, frames)
    assert thinned[0].shape[1] < exact[0].shape[1] / 3
    for some, whole, none in zip(thinned, exact, cut, strict=True):
        apart = (some[:, :50] - whole[:, :50]).std()
        assert apart < (none - whole[:, :50]).std() / 4, "nearer than without any padding"


def test_at_most_so_many_clips_of_a_source_are_learned_from_and_none_held_out(tmp_path):
    tone = np.full(SAMPLE_RATE // 4, 900, np.int16)
    with Pack(tmp_path, "sounds") as part:
        for i in range(head_features.MOST_SOUNDS + 20):
            answers = {"kind of sound": "An event."}
            part.add(tone, answers, split="train", source="a", kind="sound_event", label=f"{i}")
        for split in ("test", "train"):
            answers = {"kind of sound": "An animal.", "instrument family": "Brass."}
            part.add(tone, answers, split=split, source="b", kind="animal")
    clips = head_features.chosen(tmp_path)
    kinds = [head_features.facts(clip)["kind"] for clip in clips]
    assert kinds.count("event") == head_features.MOST_SOUNDS and kinds.count("animal") == 1
    assert head_features.facts(clips[kinds.index("animal")])["family"] == "brass"


@pytest.mark.parametrize("held_out", [False, True])
def test_one_command_keeps_the_features_of_a_corpus(tmp_path, held_out):
    model = tiny_whisper.joined(tmp_path)
    with Pack(tmp_path / "corpus", "sounds") as part:
        for split in ("train", "test", "train"):
            answers = {"kind of sound": "A drum."}
            part.add(noise(0.3).pcm(), answers, split=split, source=split, kind="drum")
    folders = [str(model), *(str(tmp_path / name) for name in ("corpus", "out"))]
    head_features.main([*folders, "--held-out"] if held_out else folders)
    features = Features.read(tmp_path / "out")
    assert [row["split"] for row in features.rows] == (["test"] if held_out else ["train"] * 2)
    assert features.found.shape[1:] == (2, 128) and np.isfinite(features.found).all()
    assert sorted(features.languages) == sorted(tiny_whisper.LANGUAGES)
    assert np.exp(features.spoken).sum(1) == pytest.approx(1, abs=0.01)


def test_a_head_calls_a_voice_as_notes_do():
    clip = {"answers": {"language": "German."}, "kind": "speech", "gender": "f", "language": "de"}
    known = head_features.facts(clip)
    assert known["gender"] == "female" and known["language"] == "de" and known["kind"] == "speech"


def test_features_come_back_from_their_folder(found, tmp_path):
    found.write(tmp_path, 0)
    found.write(tmp_path, 1)
    again = Features.read(tmp_path)
    assert len(again.rows) == 720 and again.rows[0] == found.rows[0] and again.width == 4
    assert json.loads((tmp_path / "languages.json").read_text()) == LANGUAGES
    np.testing.assert_array_equal(again.layers([2, 0])[5, :8], found.found[5, 2].astype(np.float32))
