"""What is given for how words are chosen: a value that works, or a sentence."""

import json
import math

import pytest
import torch

import launch
from app import chat
from app.i18n import LANGUAGES
from app.shelf import _sampling
from model import checkpoint
from model.generate import Sampler
from model.messages import Sampling

NAMES = ("max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")
NONSENSE = [math.nan, math.inf, -math.inf, -(10**20), 10**400, 1e308, 10**5000]
NONSENSE += ["", "hot", "0.5", True, False, [], {}, "x" * 10**6]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(type(value)))
def test_nonsense_is_refused_with_the_rule_and_the_value(name, value):
    with pytest.raises(ValueError, match=f"^{name} (is|lies) .*; got .") as refused:
        Sampling(**{name: value})
    assert len(str(refused.value)) < 120
    if name in ("max_tokens", "temperature", "top_p", "seed"):
        assert LANGUAGES["fr"].heard(str(refused.value)) != str(refused.value)


def test_a_penalty_that_divides_by_nearly_nothing_is_refused():
    for value in (0, 1e-300, 0.099):
        with pytest.raises(ValueError, match="^repetition_penalty lies between 0.1 and 5"):
            Sampling(repetition_penalty=value)


@pytest.mark.parametrize("name", ["max_tokens", "temperature", "top_p", "top_k"])
def test_nothing_is_no_value_either(name):
    with pytest.raises(ValueError, match=name):
        Sampling(**{name: None})
    with pytest.raises(ValueError, match="max_tokens"):
        Sampling(max_tokens=2.5)


EXTREMES = [
    {"temperature": 1e-300},
    {"temperature": 5e-324},
    {"temperature": 0.01},
    {"temperature": 5, "top_p": 1},
    {"top_p": 1e-300},
    {"top_p": 5e-324, "temperature": 5},
    {"top_k": 1_000_000},
    {"top_k": 1},
    {"repetition_penalty": 0.1, "temperature": 0.01},
    {"repetition_penalty": 5},
    {"seed": 10**18 - 1},
    {"seed": -(10**18) + 1},
]


@pytest.mark.parametrize("values", EXTREMES, ids=str)
def test_whatever_is_allowed_draws_a_token(values):
    scores = torch.tensor([[30.0, -30.0, 29.0, 0.0] * 50])
    sampler = Sampler(Sampling(**values), torch.device("cpu"), banned={5}, begun=[0, 1])
    drawn = [sampler(scores) for _ in range(20)]
    assert all(0 <= token < 200 and token != 5 for token in drawn)


def test_the_coldest_is_the_likeliest_and_whole_numbers_may_have_a_point():
    assert Sampling(temperature=1e-300) == Sampling(temperature=0)
    assert Sampling(max_tokens=3.0, seed=7.0, top_k=2.0) == Sampling(max_tokens=3, seed=7, top_k=2)


def test_only_what_is_allowed_after_the_answer_so_far_is_drawn():
    seen = []

    def allowed(answer):
        seen.append(list(answer))
        return {2} if len(answer) > 1 else {1, 3}

    logits = torch.tensor([[9.0, 1.0, 0.0, 2.0]])
    greedy = Sampler(Sampling(temperature=0), torch.device("cpu"), begun=[0], allowed=allowed)
    assert [greedy(logits), greedy(logits)] == [3, 2] and seen == [[0], [0, 3]]
    warm = Sampling(temperature=2.0, top_p=1.0, seed=1)
    drawn = Sampler(warm, torch.device("cpu"), banned=[3], allowed=lambda answer: {1, 3})
    assert {drawn(logits) for _ in range(30)} == {1}


@pytest.mark.parametrize("value", NONSENSE[:6] + ["hot", True, [1]], ids=repr)
@pytest.mark.parametrize("name", ["max_tokens", "temperature", "top_p", "seed"])
def test_the_page_and_programs_are_told(name, value):
    with pytest.raises(chat.Refused, match=name):
        _sampling({name: value}, Sampling())
    with pytest.raises(chat.Refused, match="max_tokens is at most 8192"):
        _sampling({"max_tokens": 9000}, Sampling())
    assert _sampling({name: ""}, Sampling()) == _sampling({name: None}, Sampling()) == Sampling()


@pytest.mark.parametrize("told", [None, [], "x", 7])
def test_settings_that_are_no_settings_are_a_sentence(told):
    with pytest.raises(chat.Refused, match="cannot be read"):
        _sampling(told, Sampling())
    with pytest.raises(chat.Refused, match="cannot be read"):
        chat.sampling_from(json.dumps(told))


@pytest.mark.parametrize("stored", ['{"temperature": NaN}', '{"seed": 1e308}', "[" * 10**5, "{"])
def test_stored_ones_too(stored):
    with pytest.raises(chat.Refused, match="cannot be read"):
        chat.sampling_from(stored)


def test_a_damaged_generation_config_gives_what_it_can(tmp_path, caplog):
    file = tmp_path / "generation_config.json"
    said = {"do_sample": True, "temperature": "hot", "top_p": 0.9, "top_k": -3, "seed": []}
    file.write_text(json.dumps(said | {"max_new_tokens": 64}))
    assert checkpoint.read_sampling(tmp_path) == Sampling(top_p=0.9, max_tokens=64)
    assert "generation_config.json: temperature lies" in caplog.text and "top_k" in caplog.text
    file.write_text('{"do_sample": true, "temperature": 1e-06}')
    assert checkpoint.read_sampling(tmp_path).temperature == 0
    for content in ("", "[]", "version https://git-lfs", "{"):
        file.write_text(content)
        assert checkpoint.read_sampling(tmp_path) == Sampling()
    assert "Usual values are taken" in caplog.text


@pytest.mark.parametrize(
    "words, said",
    [
        ("ask --temperature nan x", "temperature lies between 0 and 5; got nan"),
        ("ask --temperature=-1 x", "temperature lies between"),
        ("ask --temperature hot x", "invalid float value: 'hot'"),
        ("ask --seed 1e308 x", "invalid int value"),
        ("ask --seed 99999999999999999999 x", "seed is a whole number"),
        ("ask --max-tokens 99999999999 x", "max_tokens is at most"),
        ("evaluate --manifest m --limit -3", "a count of at least 1; got -3"),
        ("evaluate --manifest m --batch 0", "a count of at least 1; got 0"),
        ("ui --port 99999", "a port is a number from 1 to 65535"),
        ("ui --port -1", "a port is a number"),
        ("train --stage adapt --data m --out o --weights note=many", "weights are NAME=NUMBER"),
    ],
)
def test_the_command_line_says_the_rule(words, said, capsys):
    with pytest.raises(SystemExit):
        launch.parse(words.split())
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        ("--steps -5", "--steps is more than 0"),
        ("--steps 0", "--steps is more than 0"),
        ("--minutes nan", "--minutes is more than 0"),
        ("--rate inf", "--rate is more than 0"),
        ("--seconds-per-batch 0.0", "--seconds-per-batch is more than 0"),
        ("--workers -1", "--workers is at least 0"),
        ("--seed -7", "--seed is a whole number"),
        ("--weights note=nan", "--weights"),
        ("--temperature nan", "--temperature is more than 0"),
    ],
)
def test_training_says_the_rule_before_it_reads_a_recording(tmp_path, words, said, capsys):
    command = ["train", "--stage", "adapt", "--data", "none.jsonl", "--out", str(tmp_path / "o")]
    assert launch.main([*command, *words.split()]) == 1
    assert said in capsys.readouterr().err


def test_the_temperature_of_training_is_another():
    words = launch.parse("train --stage adapt --data m --out o --temperature 10".split())
    assert words.temperature == 10
