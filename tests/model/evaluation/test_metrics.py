"""Metrics against what was counted by hand."""

import shutil

import numpy as np
import pytest

from model.evaluation import captions, texts
from model.evaluation.metrics import METRICS
from model.evaluation.pair import Pair
from model.tasks import TASKS


def figure(metric, *pairs):
    return METRICS[metric].of([Pair(true, answer) for true, answer in pairs])


def counts(metric, true, answer, **more):
    return tuple(METRICS[metric].counts(Pair(true, answer, **more)))


# Text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "true, answer, errors, words",
    [
        ("Thank you.", "thank you", 0, 2),
        ("the cat sat", "the cat sat down", 1, 3),
        ("the cat sat", "a cat", 2, 3),
        ("the cat sat", "", 3, 3),
        ("I'm here", "i am here!", 0, 3),
        ("<|0.00|>hello<|0.40|>", "hello", 0, 1),
    ],
)
def test_word_errors_are_those_counted_by_hand(true, answer, errors, words):
    assert counts("word error rate", true, answer) == (errors, words)


def test_characters_are_compared_without_spaces():
    assert figure("character error rate", ("今天 天气好", "今天天汽好")) == pytest.approx(1 / 5)


def test_languages_without_spaces_count_characters_and_others_their_own_words():
    assert counts("word error rate", "今天天气好", "今天天汽好", language="zh") == (1, 5)
    assert counts("word error rate", "C'est l'été !", "c est l été", language="fr") == (0, 4)


def test_as_written_nothing_but_case_and_tags_is_made_alike():
    metric = "word error rate as written"
    assert counts(metric, "HE IS MISTER BROWN", "he is mister brown") == (0, 4)
    assert counts(metric, "HE IS MISTER BROWN", "<|en|>He is Mr. Brown.") == (2, 4)
    assert counts(metric, "今天天气好", "今天 天气好。", language="zh") == (1, 5)


def test_bleu_is_1_for_the_same_and_0_for_nothing_shared():
    same = ("the cat sat on the mat", "the cat sat on the mat")
    assert figure("BLEU", same) == pytest.approx(1)
    assert figure("BLEU", ("the cat sat on the mat", "dogs bark")) == 0


def test_bleu_summed_over_items_is_sacrebleus_own():
    from sacrebleu.metrics import BLEU

    told = [("the cat sat on the mat", "the cat sat on a mat"), ("a dog barks loudly", "dog barks")]
    told += [("it is raining again today", "it rains today again"), ("hello", "")]
    expected = BLEU().corpus_score([said for _, said in told], [[true for true, _ in told]])
    assert figure("BLEU", *told) == pytest.approx(expected.score / 100)


def test_chinese_is_translated_by_characters():
    pair = ("今天天气很好啊", "今天天气很好呀")
    assert figure("BLEU", pair) == 0 or figure("BLEU", pair) < 0.2
    # 6, 5, 4 and 3 of 7, 6, 5 and 4 n-grams
    expected = (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    assert figure("BLEU of Chinese", pair) == pytest.approx(expected)


# Classes ------------------------------------------------------------------------------------------


def test_a_label_counts_as_a_word_of_its_own():
    assert figure("accuracy", ("dog", "It is a dog."), ("dog", "It is a hotdog.")) == 0.5
    assert figure("accuracy", ("A dog.", "dog")) == 1


def test_where_all_labels_are_known_no_other_may_be_named():
    def right(true, answer):
        return counts("accuracy", true, answer, choices=("man", "woman"))[0]

    assert right("A man.", "It is a man.") == 1
    assert right("A man.", "It is a man or a woman.") == 0
    assert right("A man.", "A woman.") == 0
    assert right("A man.", "I can't hear that in the recording.") == 0


def test_what_is_as_true_counts_too():
    assert counts("accuracy", "rain", "Water.", also=("water",)) == (1, 1)
    assert counts("accuracy", "rain", "Water.") == (0, 1)


def test_yes_and_no_are_judged_apart_from_the_rest():
    told = [("yes", "Yes."), ("no", "yes"), ("rain", "rain"), ("rain", "wind")]
    assert figure("accuracy", *told) == 0.5
    assert figure("accuracy of yes and no", *told[:3]) == 0.5


def test_mean_average_precision_weighs_classes_alike():
    pairs = [("bright, fast", "bright"), ("dark", "dark"), ("bright", "bright, dark")]
    # bright: always found, 1; dark: one of two said, 1/2; fast: never said, its share, 1/3
    assert figure("mean average precision", *pairs) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def note(pitch=60, instrument="organ", sonic="bright"):
    return (
        f"<|pitch|><|midi_pitch_{pitch}|><|velocity|><|midi_velocity_75|>"
        f"<|sonic|>{sonic}<|instrument|>{instrument}"
    )


def test_a_note_is_right_with_pitch_and_instrument():
    assert figure("note accuracy", (note(), note()), (note(), note(61))) == 0.5
    assert figure("note accuracy", (note(), note(instrument="reed"))) == 0


def test_a_note_told_in_words_needs_no_instrument():
    told = [("C4.", "C4."), ("C4.", "The note is middle C."), ("C4.", "C5."), ("C4.", "A piano.")]
    assert figure("note accuracy", *told) == 0.5


def test_instrument_and_qualities_of_a_note_are_judged_each_for_itself():
    told = [(note(sonic="bright, dark"), note(61)), (note(instrument="reed"), note())]
    assert figure("instrument accuracy", *told) == 0.5
    # bright: said of both, true of both; dark: said of none, true of one of two
    assert figure("mean average precision of qualities", *told) == pytest.approx((1 + 1 / 2) / 2)
    assert figure("instrument accuracy", (note(), "It sounds like an organ.")) == 1


def entity(value, kind):
    return (
        f"<|startofentityvalue|>{value}<|endofentityvalue|>"
        f"<|startofentitytype|>{kind}<|endofentitytype|>"
    )


def test_entities_are_right_with_their_kind():
    true = entity("Paris", "place") + entity("Ann", "person")
    assert figure("F1 of entities", (true, true)) == 1
    assert figure("F1 of entities", (true, entity("Paris", "person"))) == 0
    assert figure("F1 of entities", (true, entity("Ann", "person"))) == pytest.approx(2 / 3)


# Times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, hits",
    [
        ("<|1.00|>dog<|2.00|>", 1),
        ("<|1.19|>a dog<|2.19|>", 1),
        ("<|1.21|>dog<|2.00|>", 0),  # begins too late
        ("<|1.00|>dog<|2.25|>", 0),  # ends too late: over 0.2 s and over a fifth
        ("<|1.00|>cat<|2.00|>", 0),
        ("", 0),
    ],
)
def test_sounds_with_times_begin_and_end_within_a_collar(said, hits):
    total = 1 + bool(said)
    assert counts("F1 of events", "<|1.00|>dog<|2.00|>", said) == (2 * hits, total)


def test_the_end_of_a_long_sound_may_be_off_by_a_share_of_it():
    assert figure("F1 of events", ("<|1.00|>rain<|11.00|>", "<|1.00|>rain<|12.90|>")) == 1


def test_a_sound_is_matched_once():
    true = "<|1.00|>dog<|2.00|><|sil|><|5.00|>cat<|6.00|>"
    twice = "<|1.00|>dog<|2.00|><|1.05|>dog<|2.05|>"
    assert counts("F1 of events", true, twice)[0] == 2


def test_the_average_shift_counts_each_edge_and_a_second_for_those_of_words_alone():
    true = "<|0.00|>one<|0.50|>two<|1.00|>"
    said = "<|0.10|>one<|0.50|>three<|1.00|>"
    # "one" begins 0.1 early; "two" is missing and "three" too much
    assert figure("average shift", (true, said)) == pytest.approx((0.1 + 2 + 2) / 6)
    late = "<|7.00|>one<|9.00|>two<|9.50|>"  # no edge is worse than one of a word that is missing
    assert figure("average shift", (true, late)) == 1.0
    assert figure("average shift", (true, true)) == 0


def test_the_shift_of_words_adds_both_edges_and_counts_silence():
    true = "<|0.00|><|sil|><|0.50|>one<|0.90|>two<|1.30|>"
    said = "<|0.00|><|sil|><|0.40|>one<|0.90|>too<|1.30|>"
    # silence ends 0.1 early, "one" begins 0.1 early, "two" was not found, and "too" is too much
    assert figure("average shift of words", (true, said)) == pytest.approx((0.2 + 2 + 2) / 4)
    assert METRICS["average shift"].shown(0.0515) == "0.051 s"


SHIFTS = ("average shift", "average shift of words")


@pytest.mark.parametrize("answer", ["", "I do not know.", "<|0.00|>three<|9.00|>", "<|0.10|>"])
def test_an_answer_without_a_right_word_has_the_worst_shift_there_is(answer):
    true = "<|0.00|>one<|0.50|>two<|1.00|>three times<|1.50|>"
    shifted = "<|0.40|>one<|0.90|>two<|1.90|>"
    for name in SHIFTS:
        assert (
            figure(name, (true, answer)) >= figure(name, (true, "")) > figure(name, (true, shifted))
        )


def test_the_more_words_are_missing_the_worse_is_the_shift():
    words = [f"<|{i / 10:.2f}|>word{i}" for i in range(10)]
    true = "".join(words) + "<|1.00|>"
    said = ["".join(words[:n]) + f"<|{n / 10:.2f}|>" for n in range(1, 11)]
    for name in SHIFTS:
        figures = [figure(name, (true, one)) for one in said]
        assert figures == sorted(figures, reverse=True) and figures[-1] == 0 < figures[-2]


def test_who_speaks_when_is_counted_by_hand_whatever_the_names():
    true = "<|0.00|>Ann<|10.00|>Ben<|20.00|>"
    # 2 s of Ben given to Ann, 1 s of Ben to nobody
    said = "<|0.00|>speaker 1<|12.00|>speaker 2<|19.00|>"
    errors, total = counts("diarisation error rate", true, said)
    assert (errors, total) == (pytest.approx(3), pytest.approx(20))
    assert counts("diarisation error rate", true, "") == (20, 20)


# Captions -----------------------------------------------------------------------------------------


def test_captions_are_split_as_in_the_penn_treebank():
    caption = "A person's dog can't bark, and (it) runs - well-known \"x\"; it's 3.5 metres!"
    words = "a person 's dog ca n't bark and it runs well-known x it 's 3.5 metres"
    assert captions.words(caption) == words


def by_hand(true: list[list[str]], said: list[str]) -> list[float]:
    """CIDEr-D from its paper (arXiv 1411.5726, sections 3 and 5): 1 to 4 words, clipped, weighed by
    rareness, with a penalty for length of sigma 6."""

    def grams(text, n):
        words = text.split()
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    figures = []
    for own, answer in zip(true, said, strict=True):
        total = 0.0
        for n in range(1, 5):
            for text in own:
                rare = {
                    gram: np.log(len(true))
                    - np.log(max(1, sum(any(gram in grams(t, n) for t in row) for row in true)))
                    for gram in {*grams(text, n), *grams(answer, n)}
                }
                a, b = (
                    {g: grams(t, n).count(g) * rare[g] for g in grams(t, n)} for t in (answer, text)
                )
                lengths = [np.sqrt(sum(v * v for v in each.values())) for each in (a, b)]
                shared = sum(min(a[g], b[g]) * b[g] for g in a if g in b)
                if all(lengths):
                    shared /= lengths[0] * lengths[1]
                apart = len(answer.split()) - len(text.split())
                total += shared * np.exp(-(apart**2) / (2 * 6.0**2)) / len(own)
        figures.append(10 * total / 4)
    return figures


def test_cider_is_the_papers():
    pytest.importorskip("pycocoevalcap", reason="captions are judged with pycocoevalcap")
    true = [["a dog barks", "the dog is barking loudly"], ["rain falls on a roof", "heavy rain"]]
    said = ["a dog barks loudly", "rain falls"]
    pairs = [
        Pair(first, answer, also=tuple(more))
        for (first, *more), answer in zip(true, said, strict=True)
    ]
    assert list(captions.cider(pairs)) == pytest.approx(by_hand(true, said))
    assert METRICS["CIDEr"].of(pairs) == pytest.approx(np.mean(by_hand(true, said)))


def test_spice_says_what_it_lacks(monkeypatch):
    pytest.importorskip("pycocoevalcap", reason="captions are judged with pycocoevalcap")
    pairs = [Pair("rain falls", "rain falls")]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(captions.NoCounter, match="no java here"):
        captions.spice(pairs)


def test_spider_is_the_mean_of_both(monkeypatch):
    monkeypatch.setattr(captions, "cider", lambda pairs: np.array([1.0, 0.2]))
    monkeypatch.setattr(captions, "spice", lambda pairs: np.array([0.5, 0.0]))
    assert list(captions.spider([])) == pytest.approx([0.75, 0.1])


def test_a_library_that_is_not_here_is_a_sentence():
    with pytest.raises(captions.NoCounter, match="pip install pycocoevalcap"):
        captions._library("nothing.of.this.name")


# Sets ---------------------------------------------------------------------------------------------


def test_the_rate_weighs_items_by_their_words_and_lies_in_its_interval():
    pairs = [Pair("a b c d", "a b c"), Pair("e", "e"), Pair("f g", "x y")] * 20
    figure, low, high = METRICS["word error rate"].judge(pairs)
    assert figure == METRICS["word error rate"].of(pairs) == 3 / 7
    assert low < 3 / 7 < high
    assert METRICS["word error rate"].judge([Pair("a", "a")] * 9) == (0, 0, 0)


@pytest.mark.parametrize("name", ["BLEU", "mean average precision", "accuracy"])
def test_every_form_of_metric_has_an_interval_around_its_figure(name):
    told = [("a cat sat on the mat", "a cat sat on a mat"), ("dogs bark at cars", "cars bark")]
    pairs = [Pair(*each) for each in told * 10]
    figure, low, high = METRICS[name].judge(pairs)
    assert figure == pytest.approx(METRICS[name].of(pairs))
    assert 0 <= low <= figure <= high <= 1
    assert len(METRICS[name].badness(pairs)) == len(pairs)


def test_every_task_has_a_metric():
    assert {task.metric for task in TASKS.values()} <= set(METRICS)


def test_normalising_leaves_nothing_of_tags():
    assert texts.plain("<|en|>Hello, <|0.42|>World!") == "hello world"
