"""Linear heads on the encoder: what they read, how sure they are, how a checkpoint holds them."""

import numpy as np
import pytest
import torch

from model import checkpoint
from model.listening import reader
from model.listening.heads import REST, HeadConfig, Heads, HeadsConfig, sounding, summary
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE
from model.listening.speech_reader import SpeechReader
from model.mel import log_mel, n_frames
from model.placement import Placement
from model.spec import SAMPLE_RATE
from model.training import add_reader, toy
from model.windows import split
from tests.model import tiny_whisper
from tests.model.conftest import noise, tiny_model

WIDTH, LAYERS = 3, 2
CONFIG = {
    KIND: {"names": ["drum", "instrument", "speech"], "layers": [1], "sure_from": [0.9, 0.9, 0.6]},
    VOICE: {"names": ["female", "male"], "layers": [0, 1], "sure_from": [0.8, 0.8]},
    FAMILY: {"names": ["brass", "strings"], "layers": [0], "sure_from": [0.8, 0.8]},
    LANGUAGE: {"names": ["cs", "nl", REST], "layers": [0], "sure_from": [0.9, 0.5, 0.9]},
}


@pytest.fixture
def heads():
    return Heads(HeadsConfig.of(CONFIG), WIDTH).requires_grad_(False)


def lean(heads, about, name, by):
    """Makes a head say a name whatever it reads: logits (0, …, by, …)."""
    head = getattr(heads, about.replace(" ", "_"))
    head.bias[head.config.names.index(name)] = by


def read(heads):
    return heads.labels(torch.zeros(LAYERS, 2 * WIDTH))


@pytest.mark.parametrize(
    ("kind", "asked"), [("speech", VOICE), ("instrument", FAMILY), ("drum", None)]
)
def test_what_suits_the_kind_is_asked_too(heads, kind, asked):
    lean(heads, KIND, kind, 3.0)
    found = read(heads)
    assert found[0].name == kind
    assert [label.about for label in found[1:]] == ([asked] if asked else [])


def test_each_name_has_its_own_confidence_from_which_it_is_sure(heads):
    lean(heads, KIND, "speech", 1.5)  # e^1.5 of e^1.5 + 2: 0.69
    assert read(heads)[0].confidence == pytest.approx(0.691, abs=0.001) and read(heads)[0].is_sure
    lean(heads, KIND, "speech", 0.0)
    lean(heads, KIND, "drum", 1.5)
    assert read(heads)[0].name == "drum" and not read(heads)[0].is_sure


def test_a_head_reads_its_own_layers_standardised(heads):
    head = heads.kind
    head.mean.fill_(2.0)
    head.scale.fill_(4.0)
    head.weight[2, 5] = 1.0
    features = torch.zeros(LAYERS, 2 * WIDTH)
    features[0] = 100.0
    features[1] = 2.0
    features[1, 5] = 10.0
    assert head(features).tolist() == [0.0, 0.0, 2.0]


def test_the_language_head_adds_to_what_whisper_hears(heads):
    spoken = {"en": 0.6, "nl": 0.3, "de": 0.1}
    features = torch.zeros(LAYERS, 2 * WIDTH)
    assert heads.languages(features, spoken) == pytest.approx(spoken)
    lean(heads, LANGUAGE, "nl", float(np.log(6)))  # six times as likely
    told = heads.languages(features, spoken)
    assert told == pytest.approx({"en": 0.24, "nl": 0.72, "de": 0.04})
    assert heads.judged(LANGUAGE, "nl", told["nl"]).is_sure
    assert not heads.judged(LANGUAGE, "ja", 0.8).is_sure, "as the languages without a row"


def test_without_a_language_head_whisper_is_taken_at_its_word():
    heads = Heads(HeadsConfig.of({KIND: CONFIG[KIND]}), WIDTH)
    assert heads.languages(torch.zeros(LAYERS, 2 * WIDTH), {"en": 0.6}) == {"en": 0.6}


@pytest.mark.parametrize(
    "wrong",
    [
        {VOICE: CONFIG[VOICE]},
        {KIND: CONFIG[KIND], "mood": CONFIG[VOICE]},
        {KIND: CONFIG[KIND] | {"sure_from": [0.5]}},
        {KIND: CONFIG[KIND] | {"names": ["drum"], "sure_from": [0.5]}},
    ],
)
def test_a_configuration_without_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        HeadsConfig.of(wrong)


def test_a_configuration_is_the_same_as_json():
    config = HeadsConfig.of(CONFIG)
    assert HeadsConfig.of(config.as_data()) == config
    assert config.heads[KIND] == HeadConfig(**CONFIG[KIND])


# What is read -------------------------------------------------------------------------------------


def test_quiet_steps_and_padding_do_not_count():
    mels = torch.full((1, 80, 3000), -0.5)
    mels[0, 3, 10:14] = 1.0  # steps 5 and 6
    mels[0, 7, 30] = 0.1  # 36 dB below
    mels[0, 7, 40] = -0.1  # 44 dB below
    mels[0, 7, 100] = 1.0  # past the end
    assert sounding(mels, [60])[0].nonzero().flatten().tolist() == [5, 6, 15]


def test_features_are_means_and_deviations_over_what_sounds():
    mels = torch.full((1, 80, 3000), -0.5)
    mels[0, 0, 0:4] = 1.0  # steps 0 and 1
    layer = torch.full((1, 30, 1), 50.0)
    layer[0, :2, 0] = torch.tensor([1.0, 3.0])
    found = summary([layer, 2 * layer], mels, [60])
    assert found.tolist() == [[[2.0, 1.0], [4.0, 2.0]]]


def test_the_encoder_gives_its_layers_in_the_same_pass():
    encoder, outputs = tiny_model().audio, []
    samples = noise(0.5).samples
    mel, frames = log_mel(samples)[None], [n_frames(len(samples))]
    with torch.inference_mode():
        alone, steps = encoder.trunk(mel, frames), encoder.trunk(mel, frames, outputs)
    assert torch.equal(alone, steps), "bit for bit"
    assert len(outputs) == len(encoder.layers) and outputs[-1] is steps


# In a checkpoint ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    tiny_whisper.make(folder / "whisper")
    base, _ = toy.make(folder)
    model, _ = add_reader.join(folder / "whisper", base)
    model.config.heads = CONFIG
    model.heads = Heads(HeadsConfig.of(CONFIG), model.config.audio_config.d_model)
    model.requires_grad_(False)
    lean(model.heads, KIND, "instrument", 9.0)
    lean(model.heads, FAMILY, "brass", 9.0)
    lean(model.heads, LANGUAGE, "nl", 9.0)
    checkpoint.save(model, folder / "out", beside=base)
    (folder / "whisper" / "tokenizer.json").rename(folder / "out" / checkpoint.READER_TOKENIZER)
    loaded = checkpoint.load(folder / "out", Placement(torch.device("cpu"), torch.float32, 32))
    return SpeechReader.of(loaded, folder / "out")


def test_a_checkpoint_holds_its_heads(listening):
    heads = listening.model.heads
    assert heads.config == HeadsConfig.of(CONFIG)
    assert heads.kind.bias.tolist() == [0.0, 9.0, 0.0]


def test_one_pass_gives_the_readers_steps_and_the_findings(listening, monkeypatch):
    trunk, calls = listening.model.audio.trunk, []
    monkeypatch.setattr(
        listening.model.audio, "trunk", lambda *args: calls.append(1) or trunk(*args)
    )
    found = listening.findings(listening.hear(noise(1).samples))
    assert [label.name for label in found] == ["instrument", "brass"] and len(calls) == 1


def test_part_of_a_sound_has_no_findings_of_the_whole(listening):
    assert listening.findings(listening.hear(noise(1).samples).part(0, 0.5)) == ()


def test_a_note_tells_kind_and_family_where_nobody_speaks(listening):
    clip = noise(1)
    (note,) = reader.read(listening, clip, split(clip))
    assert not note.text and note.label(KIND).name == "instrument"
    assert note.label(FAMILY).name == "brass"


def test_silence_is_told_by_its_level(listening):
    clip = noise(1)
    clip = type(clip).of(np.zeros(SAMPLE_RATE, np.int16))
    (note,) = reader.read(listening, clip, split(clip))
    assert note.label(KIND).name == "silence" and note.label(KIND).is_sure
