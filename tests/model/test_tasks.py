"""Every row of the table says what is needed, and every form of label reads back."""

import pytest

from model import labels, spec
from model.labels import Note, Timed
from model.tasks import MUSIC, SOUND, SPEECH, TASKS

PUBLISHED = {  # what follows the clip in the published evaluation
    "transcribe": "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>",
    "transcribe with times": (
        "<|startoftranscript|><|en|><|transcribe|><|en|><|timestamps|><|0.00|>"
    ),
    "translate": "<|startoftranscript|><|zh|><|translate|><|en|><|notimestamps|><|itn|>",
    "caption": (
        "<|startofanalysis|><|unknown|><|caption|><|en|><|notimestamps|><|caption_clotho|>"
    ),
    "scene": "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|scene|>",
    "emotion": (
        "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|emotion_recognition|>"
    ),
    "vocal sound": (
        "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|vocal_classification|>"
    ),
    "note": "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|note_analysis|>",
    "question": "<|startofanalysis|><|en|><|question|>is it a dog?<|answer|>",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tasks_have_the_published_tags(name):
    rendered = "".join(text for text, _ in TASKS[name].render("is it a dog?"))
    assert rendered == PUBLISHED[name]
    assert TASKS[name].published


def test_every_tag_is_in_the_vocabulary_and_every_form_has_a_reader():
    for task in TASKS.values():
        assert {f"<|{name}|>" for name in task.names} <= set(spec.TAGS), task.name
        assert task.label in labels.READERS, task.name


def test_the_table_has_the_papers_thirty_and_more_over_speech_sound_and_music():
    assert len(TASKS) >= 30
    assert {task.domain for task in TASKS.values()} == {SPEECH, SOUND, MUSIC}


def test_no_two_tasks_are_asked_alike():
    prompts = [tuple(task.render()) for task in TASKS.values()]
    assert len(set(prompts)) == len(prompts)


def test_what_is_asked_in_words_is_no_tag():
    (_, is_tag), (words, is_word), _ = TASKS["question"].render("<|en|>?")
    assert (is_tag, words, is_word) == (True, "<|en|>?", False)


TIMES = "<|0.00|><|sil|><|0.42|>the<|0.60|> cat<|1.05|>"


@pytest.mark.parametrize(
    "form, text, value",
    [
        ("text", "<|0.00|>hello  there<|0.42|>", "hello there"),
        ("class", "Dog.", "dog"),
        ("classes", "Dog, cat , ", ("dog", "cat")),
        ("yes or no", "Yes, it is.", True),
        ("yes or no", "No.", False),
        ("yes or no", "Perhaps", None),
        ("timed words", TIMES, (Timed("the", 0.42, 0.6), Timed("cat", 0.6, 1.05))),
        (
            "entities",
            "<|startofentityvalue|>Paris<|endofentityvalue|>"
            "<|startofentitytype|>place<|endofentitytype|>",
            (("place", "Paris"),),
        ),
        (
            "note",
            "<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_75|>organ",
            Note(60, 75, "organ"),
        ),
        ("note", "a bell", Note(None, None, "bell")),
        ("note", "C4.", Note(60, None, "")),
        ("note", "F sharp 3.", Note(54, None, "")),
        ("note", "The note is B flat 3, played on a violin.", Note(58, None, "violin")),
        ("note", "It is a c#5 on an organ", Note(73, None, "organ")),
        ("note", "Middle C.", Note(60, None, "")),
        ("note", "A piano plays middle C4.", Note(60, None, "")),
        (
            "note",
            "I can't hear that in the recording.",
            Note(None, None, "i can't hear that in the recording"),
        ),
        ("class", "A vocal sound.", "vocal sound"),
        ("class", "An oboe", "oboe"),
        ("class", "A", "a"),
    ],
)
def test_labels_read_back(form, text, value):
    assert labels.READERS[form](text) == value


def test_a_label_within_a_longer_one_is_not_named_by_it():
    choices = ("bass", "guitar", "bass guitar", "drum")
    assert labels.named("It is a bass guitar.", choices) == {"bass guitar"}
    assert labels.named("A drum, or a guitar?", choices) == {"drum", "guitar"}
    assert labels.named("Drumming.", choices) == set()


def test_few_labels_are_all_in_the_row_as_they_are_read():
    for task in TASKS.values():
        assert [labels.label(choice) for choice in task.choices] == list(task.choices)
    assert len(TASKS["kind of sound"].choices) == 6
    assert len(TASKS["instrument family"].choices) == 10
