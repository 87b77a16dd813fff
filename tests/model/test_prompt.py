"""What people type stays text; clips stand where they were put; keys tell sounds apart."""

import re
from dataclasses import replace
from random import Random

import pytest

from model import spec
from model.listening.notes import Note
from model.messages import Message
from model.prompt import Renderer, clock
from model.tasks import TASKS
from model.training.notes_batches import opening
from model.windows import split
from tests.model.conftest import Letters, noise

LETTERS = Letters()
RENDERER = Renderer(LETTERS, lambda n_samples: n_samples // 16_000)
CONTROL = set(LETTERS.control.values())


def render(*messages, heard=None):
    heard = heard or [split(clip) for message in messages for clip in message.clips]
    return RENDERER.chat(messages, heard)


def shown(prompt):
    """The prompt as text, control tokens by name and slots as dots."""
    names = {i: name for name, i in LETTERS.control.items()} | {
        LETTERS.control[spec.AUDIO_PAD]: "."
    }
    return "".join(names.get(i) or chr(i) for i in prompt.ids)


def test_a_conversation_is_chatml():
    prompt = render(
        Message("user", (noise(2), "what is this?")),
        Message("assistant", ("a dog",)),
        Message("user", ("sure?",)),
    )
    assert shown(prompt) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nAudio 1:<audio>..</audio>\nwhat is this?<|im_end|>\n"
        "<|im_start|>assistant\na dog<|im_end|>\n"
        "<|im_start|>user\nsure?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_clips_are_numbered_through_their_turn_in_the_order_they_were_put():
    prompt = render(Message("user", ("first", noise(1), "then", noise(2), "?")))
    assert "user\nfirstAudio 1:<audio>.</audio>\nthenAudio 2:<audio>..</audio>\n?" in shown(prompt)


@pytest.mark.parametrize("role", ["user", "system", "assistant"])
@pytest.mark.parametrize("name", [*spec.STRUCTURE, *spec.SOUND, "<|extra_0|>"])
def test_typed_control_tokens_stay_text(role, name):
    plain = render(Message("system", ("",)), Message(role, ("hello x there",)))
    typed = render(Message("system", ("",)), Message(role, (f"hello {name} there",)))
    assert [i for i in typed.ids if i in CONTROL] == [i for i in plain.ids if i in CONTROL]


def test_a_typed_path_between_audio_tags_is_text_and_no_clip():
    prompt = render(Message("user", ("<audio>/etc/passwd</audio> what?",)))
    assert prompt.windows == []
    assert LETTERS.control[spec.AUDIO_PAD] not in prompt.ids


def test_only_the_models_own_words_may_hold_marks(monkeypatch):
    allowed = []
    monkeypatch.setattr(LETTERS, "encode", lambda text, tags=(): allowed.append(tags) or [65])
    render(Message("user", ("at <|2.33|>?",)), Message("assistant", ("at <|2.33|>",)))
    with_marks = [tags for tags in allowed if "<|2.33|>" in tags]
    assert len(with_marks) == 1


def test_slot_keys_tell_sounds_apart_and_match_the_ids():
    one, other = noise(2, seed=1), noise(2, seed=2)
    first, second = (render(Message("user", (clip, "?"))) for clip in (one, other))
    assert first.ids == second.ids
    assert first.keys != second.keys
    assert len(first.keys) == len(first.ids) == len(first)
    assert first.keys == render(Message("user", (noise(2, seed=1), "?"))).keys


def test_a_long_recording_stands_window_by_window_with_its_times():
    clip = noise(70)
    windows = split(clip)
    text = shown(render(Message("user", (clip, "?"))))
    assert len(windows) == 3
    assert "Audio 1 (0:00 to 0:2" in text and "to 1:10):<audio>" in text


def test_windows_cover_the_whole_clip_and_are_cut_at_pauses():
    clip = noise(100)
    clip.samples[27 * 16_000 : 27 * 16_000 + 3_200] = 0
    windows = split(clip)
    assert [w.start for w in windows][1:] == [w.end for w in windows][:-1]
    assert windows[0].start == 0 and windows[-1].end == len(clip.samples)
    assert all(w.end - w.start <= spec.WINDOW for w in windows)
    assert 27 <= windows[0].end / 16_000 <= 27.2


def test_the_pretrained_model_reads_tags_after_the_clip():
    window = split(noise(2))[0]
    asked = RENDERER.tagged(window, TASKS["question"], "is it <|answer|> a dog?")
    text = shown(asked)
    assert text.startswith("<audio>..</audio><|startofanalysis|><|en|><|question|>is it")


@pytest.mark.parametrize("seconds, said", [(0.4, "0:00"), (75.2, "1:15"), (3600, "60:00")])
def test_times_are_written_as_people_do(seconds, said):
    assert clock(seconds) == said


def test_an_answer_that_was_begun_is_left_open():
    prompt = render(Message("user", ("what?",)), Message("assistant", ("a d",)))
    assert shown(prompt).endswith("what?<|im_end|>\n<|im_start|>assistant\na d")


def test_a_tagged_answer_that_was_begun_follows_its_tags():
    (window,) = split(noise(1))
    begun = RENDERER.tagged(window, TASKS["caption"], "", "a dog")
    assert shown(begun) == shown(RENDERER.tagged(window, TASKS["caption"])) + "a dog"


def heard(clip, *notes):
    """A clip with (start, end, text) notes."""
    made = (Note(start=a, end=b, reader="x", text=text) for a, b, text in notes)
    return replace(clip, notes=tuple(made))


def test_notes_stand_below_the_sound_of_their_window():
    clip = heard(noise(2), (0.0, 2.0, "Good morning."))
    prompt = render(Message("user", (noise(1), clip, "what is this?")))
    assert shown(prompt).endswith(
        "Audio 1:<audio>.</audio>\n"
        "Audio 2:<audio>..</audio>\n"
        'Heard in recording 2 (0:00 to 0:02).\n0:00 "Good morning."\n'
        "what is this?<|im_end|>\n<|im_start|>assistant\n"
    )
    long = noise(50)
    first, second = split(long)
    edges = [
        (window.start / spec.SAMPLE_RATE, window.end / spec.SAMPLE_RATE)
        for window in (first, second)
    ]
    long = heard(long, (*edges[0], "One."), (*edges[1], "Two."))
    first, second = split(long)
    one = shown(render(Message("user", (long,)), heard=[[second]]))
    assert "Two." in one and "One." not in one  # a window that is not read is not told of
    both = shown(render(Message("user", (long,))))
    assert (
        both.index("Audio 1 (0:00")
        < both.index("One.")
        < both.index("Audio 1 (0:2")
        < both.index("Two.")
    )


@pytest.mark.parametrize("name", [*spec.STRUCTURE, *spec.SOUND, "<|0.50|>", "<|transcribe|>"])
def test_words_of_notes_form_no_control_token(name):
    said = f'a {name} b" {name}\n{name}'
    sounds = [heard(noise(2), (0.0, 2.0, text)) for text in ("a x b", said)]
    plain, spoken = (render(Message("user", (sound, "?"))) for sound in sounds)
    assert [i for i in spoken.ids if i in CONTROL] == [i for i in plain.ids if i in CONTROL]


def test_other_notes_of_the_same_sound_are_another_prompt():
    first, second = (
        render(Message("user", (heard(noise(2), (0.0, 2.0, text)), "?"))) for text in ("a", "b")
    )
    assert first.windows[0].key == second.windows[0].key
    assert first.keys != second.keys and len(first.keys) == len(second.keys)
    assert len(first) == len(first.keys)


def test_the_cost_of_a_window_has_its_notes():
    clip = heard(noise(2), (0.0, 2.0, "Good morning."))
    bare, noted = (split(one)[0] for one in (noise(2), clip))
    more = len(render(Message("user", (clip,)))) - len(render(Message("user", (noise(2),))))
    assert RENDERER.cost(noted) - RENDERER.cost(bare) == more > 0


def test_notes_stand_in_a_chat_as_they_stood_in_training():
    clips = [heard(noise(n), (0.0, float(n), text)) for n, text in ((1, "One."), (2, "Two."))]
    told = shown(render(Message("user", (*clips, "?"))))
    trained = opening([clip.notes for clip in clips], Random(0), lambda note: [])
    text = "".join(part for part in trained if isinstance(part, str))
    assert f"user\n{text}?<|im_end|>" in re.sub(r"<audio>\.*</audio>", "", told)
