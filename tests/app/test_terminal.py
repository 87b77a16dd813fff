"""The terminal programs as a person sees them: in tmux, with a virtual microphone."""

import re
import shlex
import shutil
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from app.recorder import Recordings
from benchmarks.virtual import RATE
from model import audio
from model.machine import PACKAGED
from model.resample import Resampler
from model.spec import SAMPLE_RATE
from sessions.store import Store

ROOT = Path(__file__).parents[2]
SPOKEN = PACKAGED.parent / "sample" / "queue-youarenext.g722"  # "Your call is now first in line …"
SHORT = PACKAGED.parent / "sample" / "vm-theperson.g722"  # two seconds
PATIENCE = 60  # seconds, on a busy machine

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux for a terminal")


class Tmux:
    """A terminal of 100 columns with one program in it."""

    def __init__(self, folder, environment, *words):
        self.socket = str(folder / f"tmux-{time.monotonic_ns()}")  # one that was closed lingers
        inside = shlex.join([sys.executable, "launch.py", *words])
        told = [f"{name}={value}" for name, value in environment.items()]
        size = ["-x", "100", "-y", "40"]
        inside = f"env {shlex.join(told)} {inside}; echo ended with $?; sleep 100"
        self.do("new-session", "-d", "-s", "talk", *size, f"cd {ROOT} && {inside}")

    def do(self, *words):
        command = ["tmux", "-S", self.socket, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def screen(self):
        return self.do("capture-pane", "-p", "-t", "talk")

    def press(self, *keys):
        self.do("send-keys", "-t", "talk", *keys)

    def type(self, text):
        self.do("send-keys", "-t", "talk", "-l", text)
        self.press("Enter")

    def wait_for(self, *texts, seconds=PATIENCE):
        """Until all of them are on the screen."""
        end = time.monotonic() + seconds
        while not all(text in (shown := self.screen()) for text in texts):
            assert time.monotonic() < end, shown
            time.sleep(0.1)
        return shown

    def wait_for_sound(self):
        """Until the waveform has risen: what was played has begun to arrive."""
        end = time.monotonic() + PATIENCE
        while not re.search("[▄▅▆▇█]", shown := self.screen()):
            assert time.monotonic() < end, shown
            time.sleep(0.1)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)


@pytest.fixture
def tmux(virtual, tmp_path):
    opened = []

    def open(*words):
        environment = virtual.environment | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        where = ["--data", str(tmp_path / "data")]
        opened.append(Tmux(tmp_path, environment, *words, *where))
        return opened[-1]

    yield open
    for one in opened:
        one.close()


@pytest.fixture
def say(virtual, tmp_path):
    def say(recording=SHORT):
        heard = Resampler(SAMPLE_RATE, RATE).hear(audio.decode(recording).samples)
        path = tmp_path / "said.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((heard * 32768).astype(np.int16).tobytes())
        return virtual.play(path)

    return say


def test_speak_hear_the_answer_follow_up_and_quit(tmux, say, tmp_path):
    terminal = tmux("talk", "--model", "parrot", "--pause", "0.02")
    terminal.wait_for("Listening with Virtual microphone.", "○", "just speak")
    say()
    terminal.wait_for("● 0:0")
    terminal.wait_for("› [0:0", "[heard ", "○")
    terminal.type("and what was before it?")
    terminal.wait_for("› and what was before it?", "\nand what was before it?", "○")
    terminal.type(":save talk.txt")
    terminal.wait_for("The file's name ends in .md, .json, .zip, .html.")
    saved = tmp_path / "talk.md"
    terminal.type(f":save {saved}")
    terminal.wait_for("Saved as")
    terminal.type(":device")
    terminal.wait_for("Virtual microphone (in use)")
    terminal.type(":quit")
    shown = terminal.wait_for("ended with 0")
    assert "Traceback" not in shown
    assert "and what was before it?" in saved.read_text() and "heard" in saved.read_text()
    with Store(tmp_path / "data") as store:  # where the page has its conversations
        (conversation,) = store.conversations()
        spoken, heard, typed, said = store.turns(conversation.id)
    assert spoken.clips[0].seconds == pytest.approx(2.6, abs=0.8)
    assert heard.text.startswith("[heard ") and typed.text == said.text


def test_a_key_begins_and_ends_a_question(tmux, say, tmp_path):
    terminal = tmux("talk", "--model", "parrot")
    terminal.wait_for("○")
    terminal.type(":mode toggle")
    terminal.wait_for("space, speak, space")
    terminal.press("Space")
    terminal.wait_for("● 0:01")
    terminal.press("Escape")
    terminal.wait_for("Thrown away.", "○")
    terminal.type(":mode hold")
    terminal.wait_for("hold space and speak")
    say()
    for _ in range(12):  # a key that is held
        terminal.press("Space")
        time.sleep(0.1)
    terminal.wait_for("› [0:0", "[heard ")
    terminal.press("C-d")
    terminal.wait_for("ended with 0")
    terminal.close()
    terminal = tmux("talk", "--model", "parrot")  # it is kept
    terminal.wait_for("hold space and speak")


def test_what_a_killed_run_left_is_offered(tmux, tmp_path):
    recordings = Recordings(tmp_path / "data")
    recording = recordings.begin(RATE, "Meeting")
    recording.write((9000 * np.sin(np.arange(2 * RATE) / 20)).astype(np.int16))
    recording._file.close()
    recordings.close()  # as a killed process would
    terminal = tmux("talk", "--model", "parrot")
    terminal.wait_for("A recording of 0:02", "was not finished")
    terminal.type(":keep")
    terminal.wait_for("[heard 2.0 s]")
    assert not list((tmp_path / "data" / "recordings").glob("*.wav"))


def test_a_meeting_is_paused_marked_and_becomes_a_conversation(tmux, say, tmp_path):
    terminal = tmux("listen", "--name", "Weekly")
    terminal.wait_for("Recording with Virtual microphone", "● 0:01")
    say()
    terminal.wait_for_sound()
    terminal.press("m")
    marked = re.search(r"Marked (0:\d\d)\.", terminal.wait_for("Marked 0:"))[1]
    terminal.press("p")
    paused = re.search(r"‖ (0:\d\d) paused", terminal.wait_for("paused"))[1]
    time.sleep(1.5)
    assert f"‖ {paused} paused" in terminal.screen()  # what comes now is left out
    terminal.press("p")
    terminal.wait_for("●")
    terminal.press("s")
    terminal.wait_for("“Weekly” is stored", "ended with 0")
    with Store(tmp_path / "data") as store:
        (conversation,) = store.conversations()
        (opening,) = store.turns(conversation.id)
    assert conversation.title == opening.clips[0].name == "Weekly"
    assert opening.text == f"Marked moments: {marked}."
    assert opening.clips[0].seconds >= int(paused[2:])


@pytest.mark.mini
@pytest.mark.skipif(not (PACKAGED / "config.json").exists(), reason="no weights in assets")
def test_earshot_mini_writes_down_what_is_spoken(tmux, say, tmp_path):
    terminal = tmux("talk")
    terminal.wait_for("○", seconds=300)
    say(SPOKEN)
    terminal.wait_for("● 0:0")
    shown = terminal.wait_for("› [0:0", "○", seconds=180).partition("› [0:0")[2].lower()
    assert {"call", "now", "next", "available", "line"} & set(shown.replace(".", "").split())
