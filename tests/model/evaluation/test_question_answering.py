"""Answers from notes are asked as in a chat and counted as the card says."""

import json

import pytest
import torch

from model import tokenizer
from model.evaluation import question_answering as qa
from model.evaluation.question_answering import ANSWERED, FALSELY, LATER, REFUSED, Question, Report
from model.listening.quoting import ALWAYS
from model.machine import PACKAGED
from model.messages import Message
from model.prompt import Renderer
from model.qwen_audio import QwenAudio, QwenAudioConfig


def asked(kind, *accept, follows=None):
    return Question("", "?", kind, accept, follows)


@pytest.mark.parametrize(
    ("kind", "accept", "answer", "right"),
    [
        ("who", ["Tobias"], "It is Tobias.", True),
        ("who", ["Tobias"], "Tobiasson.", False),
        ("many", ["six", "6"], "6 days.", True),
        ("many", ["six", "6"], "16 days.", False),
        ("where", ["coach F"], "In Coach F.", True),
        ("who", ["Ann"], "Ann " + "and so on " * 9, False),  # 28 words
        ("plain", ["Ann"], "Ann " + "and so on " * 9, True),
        ("whose", ["Agnieszka's"], "Agnieszka’s toes.", True),
        ("who", ["Agnieszka"], "Agnieszka's.", True),
        ("yesno", ["no", "couldn't"], "No, he couldn't.", True),
        ("yesno", ["no"], "Yes, no doubt.", False),
        ("yesno", ["yes"], "No, yes would be wrong.", False),
        ("unanswerable", [], "The recording does not say.", True),
        ("unanswerable", [], "It isn’t mentioned.", True),
        ("unanswerable", [], "Barnaby.", False),
    ],
)
def test_an_answer_is_right_or_not(kind, accept, answer, right):
    assert qa.is_right(asked(kind, *accept), answer) is right


@pytest.mark.parametrize(
    "answer", ["Not on Monday.", "He said no.", "Nobody knows him.", "He never came.", "No."]
)
def test_a_negative_answer_is_no_refusal(answer):
    assert not qa.is_refusal(answer)


def test_what_is_counted():
    report, first = Report(), asked("who", "Ann")
    report.add(first, "Ann.")
    report.add(asked("when", "Friday", follows=first), "The recording does not say.")
    report.add(asked("unanswerable"), "I can't hear that in the recording.")
    report.add(asked("unanswerable", follows=first), "Friday.")
    assert report.counts[ANSWERED] == [True, False]
    assert report.counts[REFUSED] == [True, False]
    assert report.counts[FALSELY] == [False, True]
    assert report.counts[LATER] == [False, False]
    assert next(report.lines()).split()[:5] == ["answered", "rightly", "1", "of", "2"]


def test_a_later_turn_follows_the_one_before_it():
    questions = qa.passages()
    later = next(q for q in questions if q.follows)
    assert later.opening == later.follows.opening and later.follows in questions
    assert later.opening.startswith("Audio 1:\nHeard in recording 1 (0:00 to ")
    assert len(qa.plain()) == 24


@pytest.fixture(scope="module")
def tiny():
    """A tiny model with the vocabulary of the one that ships."""
    torch.manual_seed(1)
    config = json.loads((PACKAGED / "config.json").read_text())
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 16}
    sizes |= {"num_attention_heads": 2, "num_key_value_heads": 1, "layer_types": None}
    config["text_config"] |= sizes
    config["audio_config"] |= {"d_model": 16, "encoder_layers": 1, "encoder_ffn_dim": 16}
    return QwenAudio(QwenAudioConfig(**config)).eval()


@pytest.fixture(scope="module")
def tokens():
    return tokenizer.load(PACKAGED)


def test_questions_are_asked_in_a_chat_with_the_models_own_answers(tiny, tokens):
    first = Question("Audio 1:\nHeard.\n", "Who?", "who", ("Ann",))
    then = Question(first.opening, "And when?", "when", ("Friday",), first)
    answering = qa.Answering(tiny, tokens)
    said, _ = answers = answering.all([first, then])
    messages = answering._messages(then, {id(first): said})
    assert [m.role for m in messages] == ["user", "assistant", "user"]
    assert messages[0].parts == ("Audio 1:\nHeard.\nWho?",) and messages[1].parts == (said,)
    assert all(isinstance(answer, str) for answer in answers)
    prompt = Renderer(tokens, lambda n: 1).chat([Message("user", ("Hi",))], [])
    assert len(prompt) > 5


def test_quoting_keeps_an_untrained_model_to_what_was_heard(tiny, tokens):
    before = 'Audio 1:\nHeard.\n0:00 "The casserole is ready."\n'
    questions = [Question(before, "What is ready?", "what", ("casserole",))]
    free = qa.Answering(tiny, tokens).all(questions)[0]
    kept = qa.Answering(tiny, tokens, quoting=True).all(questions)[0]
    known = set(qa.words(f"{before} What is ready? {' '.join(ALWAYS)}"))
    assert free != kept
    assert qa.words(kept) and not set(qa.words(kept)) - known
