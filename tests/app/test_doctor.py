"""What doctor says of this machine, whatever it is, and of machines that lack something."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app import doctor
from model import machine
from model.machine import Finding
from model.qwen_audio import QwenAudioConfig
from model.training import toy

ROOT = Path(__file__).parents[2]


def sounddevice_that(monkeypatch, folder, code):
    """Stand in for the package, as Python finds it: by a file earlier on the path."""
    (folder / "sounddevice.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)


def checkpoint(folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": QwenAudioConfig.model_type}))
    save_file({"weight": torch.zeros(1)}, folder / "model.safetensors")
    toy.write_tokenizer(folder / "tokenizer.json")
    return folder


def test_every_machine_gets_a_whole_report(tmp_path):
    report = doctor.report(tmp_path, tmp_path / "models")
    subjects = {finding.subject for finding in report}
    assert {"GPU", "Processor", "Memory", "4 bits", "Weights"} <= subjects
    assert {"Sound files", "Microphone", "Disk"} <= subjects
    for finding in report:
        assert finding.sentence.endswith("."), finding
        assert finding.ok is not False or finding.remedy.endswith(("0", ".")), finding
    text = doctor.as_text(report)
    assert max(map(len, text.splitlines())) <= doctor.WIDTH


def test_the_last_line_names_what_is_to_be_mended():
    fine = Finding(True, "GPU", "One.")
    lacking = Finding(False, "Disk", "It is full.", "Free some space.")
    assert doctor.as_text([fine]).endswith("Earshot can run here.")
    text = doctor.as_text([fine, lacking])
    assert text.endswith("To be mended: Disk.") and "To do: Free some space." in text


def test_showing_findings_loads_no_torch():
    code = "import sys, app.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_carried_ffmpeg_reads_sound():
    assert doctor.sound_files().ok


def test_a_missing_ffmpeg_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    finding = doctor.sound_files()
    assert finding.ok is False and "imageio-ffmpeg" in finding.remedy


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    finding = doctor.microphone()
    assert finding.ok is None and finding.remedy == "pip install sounddevice."


@pytest.mark.parametrize(
    "system, words",
    [
        ("Linux", "apt install libportaudio2"),
        ("Darwin", "brew install portaudio"),
        ("Windows", "pip install"),
        ("Plan 9", "Install PortAudio"),
    ],
)
def test_a_missing_portaudio_is_told_in_the_words_of_the_system(
    monkeypatch, tmp_path, system, words
):
    monkeypatch.setattr("platform.system", lambda: system)
    sounddevice_that(monkeypatch, tmp_path, "raise OSError('PortAudio library not found')")
    finding = doctor.microphone()
    assert finding.ok is None and "PortAudio library is missing" in finding.sentence
    assert words in finding.remedy


def test_a_machine_without_microphone_is_told(monkeypatch, tmp_path):
    sounddevice_that(monkeypatch, tmp_path, "query_devices = lambda: []")
    finding = doctor.microphone()
    assert finding.ok is None and "sees no microphone" in finding.sentence


def test_a_portaudio_that_does_not_start_is_told(monkeypatch, tmp_path):
    code = "class PortAudioError(Exception): pass\nraise PortAudioError('no host')"
    sounddevice_that(monkeypatch, tmp_path, code)
    assert "does not start: no host." in doctor.microphone().sentence


def test_microphones_are_named_and_loudspeakers_are_not(monkeypatch, tmp_path):
    devices = [
        {"name": "Tisch-Mikrofon", "max_input_channels": 1},
        {"name": "Speaker", "max_input_channels": 0},
    ]
    sounddevice_that(monkeypatch, tmp_path, f"query_devices = lambda: {devices}")
    assert doctor.microphone() == Finding(True, "Microphone", "1 found: Tisch-Mikrofon.")


def test_the_disk_is_that_of_the_data_folder_even_before_it_exists(tmp_path):
    finding = doctor.disk(tmp_path / "not" / "yet")
    assert "GB free for" in finding.sentence and not (tmp_path / "not").exists()


def test_a_data_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "data").touch()
    finding = doctor.disk(tmp_path / "data")
    assert finding.ok is False and "--data DIR" in finding.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_data_folder_nobody_may_write_to_is_told(tmp_path):
    tmp_path.chmod(0o500)
    assert doctor.disk(tmp_path / "data").ok is False


def test_the_packaged_model_is_missed(tmp_path):
    packaged, other = machine.weights(tmp_path, packaged=tmp_path / "earshot-mini")
    assert packaged.ok is False and "git pull" in packaged.remedy
    assert other.ok is None and "download qwen-audio-chat" in other.remedy


def test_whole_and_broken_checkpoints_are_told_apart(tmp_path):
    mini = checkpoint(tmp_path / "mini")
    folder = tmp_path / "models"
    whole, broken = checkpoint(folder / "a-whole"), checkpoint(folder / "b-broken")
    (broken / "model.safetensors").unlink()
    found = list(machine.weights(folder, packaged=mini))
    assert [finding.ok for finding in found] == [True, True, False]
    assert found[1].sentence.startswith(f"{whole.name} is complete")
    assert found[2].sentence.startswith(f"{broken.name} is incomplete")
    assert found[2].remedy == "python launch.py download b-broken"
    assert str(tmp_path) not in found[2].sentence


def test_a_broken_bitsandbytes_is_told(tmp_path):
    (tmp_path / "bitsandbytes.py").write_text("raise ImportError('libcuda is not here')")
    code = "from model.machine import four_bits; print(four_bits())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "ok=False" in done.stdout and "libcuda is not here" in done.stdout, done.stderr


def test_four_bits_work_here_or_say_why():
    finding = machine.four_bits()
    assert finding.ok or finding.remedy or "Apple" in finding.sentence
