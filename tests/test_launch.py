"""The command line, as words and as a program."""

import subprocess
import sys
from pathlib import Path

import pytest

import launch
from model.audio import export
from model.engine import Parrot, Room, Unheard
from model.listening.notes import Word
from model.machine import PACKAGED
from tests.model.conftest import noise
from tests.model.recordings import ffmpeg, voice, wav

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    from model.audio import ffmpeg

    folder = tmp_path_factory.mktemp("sounds")
    for kind in ("wav", "mp3"):
        export(noise(1.5), folder / f"talk.{kind}", kind)
    picture = ["-f", "lavfi", "-i", "color=size=64x64:duration=1.5"]
    command = [ffmpeg(), "-v", "error", *picture, "-i", folder / "talk.wav", "-shortest"]
    subprocess.run([*command, folder / "film.mp4"], check=True)
    (folder / "notes.wav").write_text("Dear diary, " * 40)
    (folder / "empty.wav").touch()
    return folder


def ask(capsys, *words):
    """(exit status, what was printed, what was said on standard error)."""
    status = launch.main(["ask", "--model", "parrot", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out.strip(), printed.err.strip()


@pytest.mark.parametrize("name", ["talk.wav", "talk.mp3", "film.mp4"])
def test_ask_hears_sound_and_film(capsys, sounds, name):
    status, out, _ = ask(capsys, sounds / name, "what is it?")
    assert (status, out) == (0, "[heard 1.5 s] what is it?")


@pytest.mark.parametrize(
    "name, said",
    [
        ("notes.wav", "text"),
        ("empty.wav", "empty"),
        ("nowhere.wav", "There is no file nowhere.wav"),
    ],
)
def test_ask_says_what_is_wrong_with_a_file(capsys, sounds, name, said):
    status, out, err = ask(capsys, sounds / name, "what is it?")
    assert (status, out) == (1, "")
    assert said in err and str(sounds) not in err and "Traceback" not in err


def test_ask_takes_several_clips_and_none(capsys, sounds):
    heard = "[heard 1.5 s] [heard 1.5 s] which?"
    assert ask(capsys, sounds / "talk.wav", sounds / "talk.mp3", "which?")[:2] == (0, heard)
    assert ask(capsys, "hello there")[:2] == (0, "hello there")


def test_ask_goes_on_with_what_was_said(capsys, sounds, monkeypatch):
    heard = []
    real = Parrot.reply

    def reply(self, messages, *how, **more):
        heard.append([(message.role, len(message.clips)) for message in messages])
        return real(self, messages, *how, **more)

    monkeypatch.setattr(Parrot, "reply", reply)
    _, said, _ = ask(capsys, sounds / "talk.wav", "hello", "--then", "and you", "--then", "bye")
    assert said.splitlines()[-2:] == ["and you", "bye"] and "hello" in said
    talk = [("user", 1), *[("assistant", 0), ("user", 0)] * 2]
    assert heard == [talk[:1], talk[:3], talk]


def test_ask_puts_a_task_in_its_own_words_or_in_others(capsys, sounds):
    heard = "[heard 1.5 s] [emotion]"
    said = ask(capsys, sounds / "talk.wav", "--task", "emotion")
    assert said[:2] == (0, f"{heard} In what mood is the speaker?")
    said = ask(capsys, "--task", "emotion", sounds / "talk.wav", "How is she?")
    assert said[:2] == (0, f"{heard} How is she?")


def test_ask_says_that_a_model_was_not_taught_a_task(capsys, sounds):
    *_, told = ask(capsys, sounds / "talk.wav", "--task", "singer")
    assert "parrot was not taught the task 'singer': its answer is a guess." in told


def test_ask_says_which_recording_a_task_leaves_out(capsys, sounds, monkeypatch):
    def room(self, messages, *, task=None):
        first, *_ = messages[0].clips
        return Room(9, 8192, (Unheard(first.digest, 0.0, first.seconds),) if task else ())

    monkeypatch.setattr(Parrot, "room", room)
    *_, told = ask(capsys, sounds / "talk.wav", sounds / "talk.mp3", "--task", "emotion")
    assert told.splitlines() == ["Audio 1 is not heard: the task 'emotion' is about one recording."]
    *_, told = ask(capsys, sounds / "talk.wav", sounds / "talk.mp3", "how?")
    assert told == ""


def test_ask_reads_what_the_engine_noted(capsys, sounds, monkeypatch):
    given = []
    real = Parrot.reply

    def reply(self, messages, *how, **more):
        given.extend(messages[-1].clips)
        return real(self, messages, *how, **more)

    monkeypatch.setattr(Parrot, "reply", reply)
    parrot = Parrot(words=[Word(0.1, 0.4, "Hello")])
    monkeypatch.setattr(launch, "open_engine", lambda words: parrot)
    ask(capsys, sounds / "talk.wav", "what?")
    assert [note.text for clip in given for note in clip.notes] == ["Hello"]


@pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets")
def test_ask_goes_on_after_a_question_that_is_too_long(capsys, sounds):
    words = [sounds / "talk.wav", "What is it?", "--then", "word " * 12_000, "--then", "Well?"]
    status = launch.main(["ask", *map(str, words), "--max-tokens", "8"])
    printed = capsys.readouterr()
    assert status == 1 and len(printed.out.splitlines()) == 2
    assert "shorten it by" in printed.err
    assert "Earlier turns do not fit and are not read: 1." in printed.err


def test_ask_reads_standard_input(sounds):
    command = [sys.executable, "launch.py", "ask", "--model", "parrot", "-", "what?"]
    with (sounds / "talk.mp3").open("rb") as sound:
        done = subprocess.run(command, cwd=ROOT, stdin=sound, capture_output=True, text=True)
    assert done.stdout == "[heard 1.5 s] what?\n", done.stderr
    done = subprocess.run(command, cwd=ROOT, input="", capture_output=True, text=True)
    assert done.returncode == 1 and "Nothing came in" in done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (["ask", "--temperature", "9", "x"], "temperature lies between 0 and 5"),
        (["ask", "--max-tokens", "0", "x"], "max_tokens is a count"),
        (["ask", "--task", "sing", "x"], "invalid choice: 'sing'"),
        (["ask", "launch.py"], "Add a question"),
        (["--bits", "5"], "invalid choice: '5'"),
        (["dance"], "unrecognized arguments: dance"),
        (["train", "--stage", "sft", "--out", "x"], "or try --toy"),
        (["train", "--toy", "--stage", "juggling"], "invalid choice: 'juggling'"),
        (["train", "--toy", "--stage", "sft", "--steps", "1", "--minutes", "1"], "not allowed"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_rule(capsys, words, said):
    with pytest.raises(SystemExit) as refused:
        launch.parse(words)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def test_a_recording_at_home_is_no_question(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "talk.wav").touch()
    with pytest.raises(SystemExit):
        launch.parse(["ask", "~/talk.wav"])
    assert "what do you want to know? Add a question: ask ~/talk.wav" in capsys.readouterr().err
    words = launch.parse(["ask", "--task", "transcribe", "~/talk.wav"])
    assert [str(clip) for clip in words.clips] == ["~/talk.wav"]


def test_without_a_command_it_is_the_page():
    words = launch.parse(["--port", "9000"])
    assert (words.command, words.model) == ("ui", "earshot-mini")


def test_the_page_is_for_this_machine_alone(capsys):
    with pytest.raises(SystemExit):  # others need a password first
        launch.parse(["--host", "0.0.0.0"])
    assert "unrecognized arguments: --host" in capsys.readouterr().err


def test_a_model_that_is_not_here_is_a_sentence(capsys, tmp_path):
    where = ["--model", "qwen-audio-chat", "--data", str(tmp_path)]
    assert launch.main(["ask", *where, "hello"]) == 1
    assert "launch.py download qwen-audio-chat" in capsys.readouterr().err


def test_the_command_knows_every_stage():
    from model.training.stages import STAGES

    assert launch.STAGES == tuple(STAGES)


def test_a_stage_without_an_end_is_a_sentence(capsys, tmp_path):
    words = ["train", "--stage", "sft", "--data", "no.jsonl", "--out", str(tmp_path)]
    assert launch.main(words) == 1
    assert "--minutes or --steps" in capsys.readouterr().err
    assert launch.main([*words, "--steps", "3"]) == 1
    assert "no.jsonl cannot be read" in capsys.readouterr().err


@pytest.mark.mini
@pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets")
def test_info_tells_of_the_packaged_model(capsys):
    assert launch.main(["info"]) == 0
    told = capsys.readouterr().out
    assert "Earshot-mini" in told and "4 bits" in told and "Licence" in told
    assert "Taught the tasks: transcribe, " in told


def test_backup_and_restore_from_the_command_line(capsys, tmp_path):
    from sessions.store import Store

    data = tmp_path / "data"
    where = ["--data", str(data)]
    assert launch.main(["backup", *where]) == 1
    assert "nothing to keep" in capsys.readouterr().err
    with Store(data) as store:
        id = store.start().id
        store.ask(id, ("before",))
        assert launch.main(["backup", *where]) == 0
        assert launch.main(["backup", *where, "--to", str(tmp_path / "all.zip")]) == 0
        assert "comes back with: restore 20" in capsys.readouterr().out
        store.ask(id, ("after",))
        assert launch.main(["restore", *where]) == 1
        assert "is running" in capsys.readouterr().err
    for word in ([], [str(tmp_path / "all.zip")]):
        assert launch.main(["restore", *where, *word]) == 0
        told = capsys.readouterr().out
        assert "conversations in it: 1." in told
        with Store(data) as store:
            assert [turn.text for turn in store.turns(id)] == ["before"]
    assert launch.main(["restore", *where, told.split()[-1]]) == 0
    assert launch.main(["restore", *where, "2001-01-01"]) == 1
    assert "There is no backup of 2001-01-01" in capsys.readouterr().err


def test_a_damaged_store_is_a_sentence_and_no_traceback(capsys, tmp_path):
    (tmp_path / "earshot.db").write_bytes(b"not a database at all " * 500)
    assert launch.main(["--model", "parrot", "--no-browser", "--data", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "launch.py restore" in told and "There is no backup" in told
    (tmp_path / "backups" / "earshot-2026-11-22").mkdir(parents=True)
    assert launch.main(["--model", "parrot", "--no-browser", "--data", str(tmp_path)]) == 1
    assert "There are backups of 2026-11-22." in capsys.readouterr().err


def test_what_is_missing_of_a_recording_is_said_and_a_track_can_be_chosen(tmp_path, capsys):
    one, two = (wav(tmp_path / f"{i}.wav", [voice(i)]) for i in (1, 2))
    both = ffmpeg(tmp_path / "x.mka", "-i", one, "-i", two, "-map", 0, "-map", 1)
    one.write_bytes(one.read_bytes()[:-48_000])
    status, _, said = ask(capsys, "--track", 2, both, "what?")
    assert status == 0 and "Track 2 was heard" in said
    status, _, said = ask(capsys, one, "what?")
    assert status == 0 and "1.wav ends after 1.5 s; its header states 3.0 s." in said
