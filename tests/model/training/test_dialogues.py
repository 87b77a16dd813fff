"""Made conversations: true to what is known, in words that leave the held-out ones alone."""

import json
import random
import re
from pathlib import Path

import pytest

from model.prompt import Renderer
from model.spec import AUDIO_START, IM_END
from model.tasks import TASKS
from model.training import dialogues, talk
from model.training import wordings as say
from model.training.data import Row
from model.training.dialogues import IGNORED, Dialogue, Turn, converse, held_out, render, small_talk
from model.training.facts import FIELDS, Facts, apart, bare
from tests.model.conftest import Letters

LETTERS = Letters()
TALK = [Turn("Hello!", "Hi.")]
SPEECH = Facts(
    transcript="It's near.",
    language="English.",
    gender="A woman.",
    kind="Speech.",
    samples=16_000,
)
FRENCH = Facts(language="French.", gender="A man.", kind="Speech.", samples=16_000)
NOTE = Facts(
    kind="An instrument.", instrument="A violin.", family="Strings.", note="C4.", samples=16_000
)
DOG = Facts(kind="An animal.", event="A dog.", samples=16_000)
DRUM = Facts(kind="A drum.", event="A snare drum.", samples=16_000)
LAUGHTER = Facts(kind="A vocal sound.", event="Laughter.", samples=16_000)
STEPS = Facts(kind="An event.", event="Footsteps on snow.", samples=16_000)
ALL = [SPEECH, FRENCH, NOTE, DOG, DRUM, LAUGHTER, STEPS]


def drawn(facts=ALL, n=400, text=TALK) -> list[list[list[Turn]]]:
    return [converse(facts, text, random.Random(seed)) for seed in range(n)]


def flat(batches) -> list[Turn]:
    return [turn for batch in batches for turns in batch for turn in turns]


def row(task: str, text: str, number: int = 0, **facts) -> Row:
    known = {"split": "test", "language": "en"} | facts
    return Row(
        audio=Path("/there/clips.wav"),
        start=float(number),
        duration=1.0,
        task=task,
        text=text,
        facts={"audio": "clips.wav", "task": task, "text": text} | known,
    )


def renderer() -> Renderer:
    return Renderer(LETTERS, lambda samples: -(-samples // 1280))


def test_only_the_assistants_words_are_learned():
    turns = [Turn("What?", "Yes.", 16_000), Turn("Again.", "YES.")]
    made = render(renderer(), turns)
    end = LETTERS.control[IM_END]
    assert [i for i in made.labels if i != IGNORED] == [*b"Yes.", end, *b"YES.", end]
    assert all(label in (i, IGNORED) for i, label in zip(made.ids, made.labels, strict=True))
    cut = render(renderer(), turns, whole=False)
    assert cut == Dialogue(made.ids[:-1], made.labels[:-1], made.said[:-1])


def test_a_turn_holds_two_clips():
    made = render(renderer(), [Turn("Which?", "Audio 2.", (16_000, 8000)), Turn("Thanks.", "Yes.")])
    assert made.ids.count(LETTERS.control[AUDIO_START]) == 2
    text = bytes(i for i in made.ids if i < 256).decode()
    assert "Audio 1:" in text and text.index("Audio 2:") < text.index("Which?")


def test_the_same_seed_makes_the_same_conversations():
    assert drawn(n=20) == drawn(n=20)


def test_every_clip_is_heard_once_and_in_order():
    facts = [Facts(kind="An animal.", event="A dog.", samples=n) for n in range(1, 8)]
    for batch in drawn(facts, 200):
        assert [n for turns in batch for turn in turns for n in turn.samples] == [*range(1, 8)]


def test_the_first_wording_is_the_one_of_the_task():
    for task, name in FIELDS.items():
        assert say.ASKS[name][0] == TASKS[task].asks
        assert len(set(say.ASKS[name])) == len(say.ASKS[name]) >= 8
        assert len(set(say.THEN[name])) == len(say.THEN[name]) >= 8


def test_no_held_out_wording_is_drawn():
    kept = {wording for wordings in say.HELD_OUT.values() for wording in wordings}
    asked = {turn.question for turn in flat(drawn(n=2000))}
    asked |= {prompt.text for prompt in talk.prompts()}
    asked |= {question for line in talk.written() for question, _ in line["turns"]}
    assert not kept & asked
    listed = [say.ASKS, say.THEN, say.IN_EITHER]
    assert not kept & {w for table in listed for wordings in table.values() for w in wordings}


@pytest.mark.parametrize("clip", ALL, ids=lambda clip: clip.shortly())
def test_answers_agree_with_what_is_known(clip):
    unfit = {w for name in clip.misfits for w in say.THEN.get(name, ()) + _asks(name)}
    for turn in flat(drawn([clip], 600, text=[])):
        names = [
            name for name in clip.known if turn.question in say.THEN.get(name, ()) + _asks(name)
        ]
        if names:
            assert turn.answer in {clip.answer(name) for name in names}, turn
        elif turn.question in unfit:
            assert turn.answer == say.CANNOT, turn
        elif turn.question in say.OPEN:
            assert turn.answer == clip.described()
        else:
            assert turn.answer != say.CANNOT, turn


def _asks(name: str) -> tuple[str, ...]:
    return say.ANIMAL if name == "animal" else say.ASKS[name]


def test_what_is_not_known_is_not_asked():
    nameless = Facts(kind="An instrument.", samples=9)
    for turn in flat(drawn([nameless], 600, text=[])):
        for name in ("instrument", "family", "note", "event"):
            assert turn.question not in say.ASKS[name] + say.THEN[name]
    unwritten = {turn.answer for turn in flat(drawn([FRENCH], 600, text=[]))}
    assert "A man speaks French." in unwritten and "" not in unwritten


def test_what_does_not_fit_is_said_to_be_so():
    said = flat(drawn(n=1000))
    share = sum(turn.answer == say.CANNOT for turn in said) / len(said)
    assert 0.04 < share < 0.14
    asked = {turn.question for turn in said if turn.answer == say.CANNOT}
    assert "Which instrument plays?" in asked and "What does the person say?" in asked


def test_yes_and_no_come_as_often_and_are_true():
    true = {"speech", "English", "a woman", "an instrument", "a violin", "C4", "an animal", "a dog"}
    pattern = re.compile("|".join(re.escape(w).replace(r"\{\}", "(.+)") for w in say.WHETHER))
    yes = no = 0
    for turn in flat(drawn([SPEECH, NOTE, DOG], 3000, text=[])):
        if not re.match("Yes|No,", turn.answer) or turn.question not in {
            w.format(thing) for w in say.WHETHER for thing in true | {"a drum", "a man"}
        }:
            continue
        yes, no = yes + (turn.answer == "Yes."), no + (turn.answer != "Yes.")
        thing = next(group for group in pattern.match(turn.question).groups() if group)
        if turn.answer != "Yes.":
            assert turn.answer.removeprefix("No, ").rstrip(".") != thing
        else:
            assert thing in true
    assert 0.7 < yes / no < 1.4


def test_two_clips_in_one_question_are_told_apart():
    pairs = [turn for turn in flat(drawn([SPEECH, NOTE], 6000)) if len(turn.samples) == 2]
    said = {turn.question: turn.answer for turn in pairs}
    assert said["Which of the two is speech?"] == "Audio 1."
    assert said["Which of the two is an instrument?"] == "Audio 2."
    assert said["What do you hear in each?"] == "Audio 1: speech. Audio 2: a violin."
    assert said["Which instrument plays in Audio 2?"] == "A violin."
    assert said["Do you hear speech in both recordings?"] == "No, only Audio 1."
    alike = [turn for turn in flat(drawn([DOG, DOG], 1500)) if len(turn.samples) == 2]
    said = {turn.question: turn.answer for turn in alike}
    assert said["Do you hear an animal in both recordings?"] == "Yes."
    assert not any(turn.answer in ("Audio 1.", "Audio 2.") for turn in alike)


def test_the_words_are_repeated_only_after_they_were_said():
    for batch in drawn([SPEECH], 800):
        for turns in batch:
            at = [i for i, turn in enumerate(turns) if turn.question == "What was the first word?"]
            if at:
                assert turns[at[0]].answer == "It's."
                assert any(SPEECH.transcript in turn.answer for turn in turns[: at[0]])


def test_facts_are_gathered_from_the_rows_of_a_clip():
    rows = [row("instrument", "A violin."), row("note", "C4."), row("scene", "A hall.")]
    facts = Facts.of(rows, 9)
    assert (facts.instrument, facts.note, facts.kind) == ("A violin.", "C4.", "An instrument.")
    assert facts.others == ((TASKS["scene"].asks, "A hall."),) and facts.samples == 9
    assert (
        Facts.of([row("transcribe", "Hello.", gender="f")]).described() == 'A woman says: "Hello."'
    )
    assert Facts.of([row("event", "A dog.", gender="f")]).gender == ""
    assert Facts.of([row("gender", "A woman.", gender="f")]).known == ["gender"]


def test_a_shouted_word_is_not_said_to_be_none():
    shout = Facts(kind="A vocal sound.", event="Somebody shouting no.")
    assert "transcript" in LAUGHTER.misfits
    assert "transcript" not in shout.misfits and "note" in shout.misfits


def test_other_tasks_are_asked_as_they_are():
    own = Facts(others=(("Which machine is it?", "The left one."),), samples=9)
    for turn in flat(drawn([own, own], 100, text=[])):
        assert turn.answer in ("The left one.",) or not turn.samples, turn


def test_labels_that_share_a_word_are_not_told_apart():
    assert apart("A violin.", "A piano.") and apart("C4.", "F sharp 4.")
    assert not apart("A jazz guitar.", "An electric guitar.") and not apart("", "A piano.")
    assert bare("F sharp 3.", "note") == "F sharp 3" and bare("A French horn.") == "a French horn"


def test_held_out_questions_are_balanced_and_answered(tmp_path):
    rows = [row("transcribe", f"Sentence {n}.", n) for n in range(90)]
    rows += [
        row("instrument", name, 100 + n) for n, name in enumerate(["A violin.", "A tuba."] * 45)
    ]
    made = [item for _, item in held_out(rows, 60)]
    assert made == [item for _, item in held_out(rows, 60)] and 50 <= len(made) <= 60
    asked = [item["task"] for item in made]
    assert asked.count("transcribe") == asked.count("instrument") == asked.count("question")
    for item in made:
        name = FIELDS.get(item["task"])
        assert item["text"] == say.CANNOT or item["question"] in say.HELD_OUT[name]
        assert len(item["before"]) == 1
    names = [item["text"] for item in made if item["task"] == "instrument"]
    assert abs(names.count("A violin.") - names.count("A tuba.")) <= 1


def test_the_command_writes_a_manifest_of_held_out_clips_alone(tmp_path):
    (tmp_path / "deep").mkdir()
    manifest, out = tmp_path / "deep" / "test-kind.jsonl", tmp_path / "test-dialogue.jsonl"
    line = {"audio": "a.wav", "start": 1.5, "duration": 2.0, "task": "event", "text": "A dog."}
    manifest.write_text(json.dumps(line | {"split": "test"}))
    dialogues.main([str(manifest), "--out", str(out)])
    (item,) = map(json.loads, out.read_text().splitlines())
    assert (item["audio"], item["start"], item["text"]) == ("deep/a.wav", 1.5, "A dog.")
    assert item["question"] in say.HELD_OUT["event"]
    manifest.write_text(json.dumps(line | {"split": "train"}))
    with pytest.raises(SystemExit):
        dialogues.main([str(manifest), "--out", str(out)])


# Text alone ---------------------------------------------------------------------------------------


def test_prompts_are_many_and_each_comes_once():
    texts = [prompt.text for prompt in talk.prompts()]
    assert len(texts) > 1000 and len(set(texts)) == len(texts)


def test_loops_and_wrong_answers_are_left_out():
    assert talk.sound("The capital of Peru is Lima.", "Lima")
    assert not talk.sound("The capital of Peru is Cusco.", "Lima")
    assert not talk.sound("cat, cat, cat, cat, cat") and not talk.sound("")
    assert not talk.sound("I am SmolLM, trained by Hugging Face.")
    assert talk.sound("An hour has 60 minutes.", "sixty/60")


class Echo:
    """Answers with the question; every third answer is cut."""

    def answer(self, dialogues_):
        return [(f"You said: {said[-1]}", i % 3 > 0) for i, said in enumerate(dialogues_)]


def test_dialogues_are_kept_with_their_second_turns(tmp_path):
    asked = [talk.Prompt(f"Thing number {n}") for n in range(400)]
    rows = [row for rows in talk.dialogues(Echo(), asked) for row in rows]
    two = [row for row in rows if len(row["turns"]) == 2]
    assert len(rows) - len(two) == 400 and len(two) >= talk.BATCH
    file = tmp_path / "talk.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = talk.read(file)
    assert read[0] == ([Turn(*rows[0]["turns"][0])], rows[0]["ended"])


def test_who_it_is_and_that_nothing_was_heard_is_written_by_hand():
    pairs = {tuple(pair) for row in talk.written() for pair in row["turns"]}
    assert ("What is your name?", talk._ME) in pairs
    assert ("What do you hear?", say.NO_RECORDING) in pairs
    beside = small_talk([([Turn(*pair)], True) for pair in pairs])
    assert beside and not any(turn.answer == say.NO_RECORDING for turn in beside)
