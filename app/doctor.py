"""What this machine has and lacks for Earshot, in plain sentences. Changes nothing."""

import io
import os
import platform
import shutil
import textwrap
from pathlib import Path

import numpy as np

from app import proxies
from app.microphone import FIND_MICROPHONE, INSTALL_PORTAUDIO
from app.versions import packages
from model import machine
from model.audio import decode, export
from model.errors import EarshotError
from model.machine import Finding
from model.messages import Clip
from model.spec import SAMPLE_RATE

DOWNLOAD = 18e9  # bytes: Qwen-Audio-Chat in 16 bits, as the hub has it
MODEST = 1e9  # bytes: some nine hours of recordings as wav
WIDTH = 100  # characters
VERDICTS = {True: "has", False: "lacks", None: "note"}

IN_THE_BROWSER = "Recording in the browser and uploading work without it."


def report(data_folder: Path, weights_folder: Path) -> list[Finding]:
    """All findings; downloaded checkpoints are looked for in `weights_folder`."""
    return [
        packages(),
        *machine.findings(weights_folder),
        sound_files(),
        microphone(),
        disk(data_folder),
        *proxies.finding(),
    ]


def as_text(findings: list[Finding]) -> str:
    """One paragraph a finding, what to do below it, and a sentence on the whole."""
    margin = max(len(finding.subject) for finding in findings) + 9
    lines = []
    for finding in findings:
        head = f"{VERDICTS[finding.ok]:<6} {finding.subject}"
        lines += _paragraph(f"{head:<{margin}}", finding.sentence, margin)
        if finding.remedy:
            lines += _paragraph(" " * margin + "To do: ", finding.remedy, margin + 7)
    lacking = [finding.subject for finding in findings if finding.ok is False]
    lines += ["", f"To be mended: {', '.join(lacking)}." if lacking else "Earshot can run here."]
    return "\n".join(lines)


def sound_files() -> Finding:
    """Whether the carried ffmpeg really writes and reads a sound."""
    import imageio_ffmpeg

    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    clip = Clip.of((8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16))
    reinstall = "pip install --force-reinstall imageio-ffmpeg"
    try:
        heard = decode(_wav(clip), name="A test tone")
        version = imageio_ffmpeg.get_ffmpeg_version()
    except EarshotError as error:
        return Finding(False, "Sound files", f"They cannot be read: {error}", reinstall)
    if heard.digest != clip.digest:
        return Finding(False, "Sound files", "ffmpeg changes the samples of a wav file.", reinstall)
    return Finding(True, "Sound files", f"ffmpeg {version.lstrip('n').split('-')[0]} reads them.")


def microphone() -> Finding:
    """PortAudio, and the microphones it sees."""
    system = platform.system()
    try:
        import sounddevice

        devices = sounddevice.query_devices()
    except ImportError:
        sentence, remedy = "The package sounddevice is missing.", "pip install sounddevice"
    except OSError:
        sentence = "The PortAudio library is missing, so this machine's microphone is out of reach."
        remedy = INSTALL_PORTAUDIO.get(system, "Install PortAudio")
    except Exception as error:  # PortAudioError: its name is only known once the import succeeded
        sentence, remedy = f"PortAudio does not start: {error}.", FIND_MICROPHONE.get(system, "")
    else:
        names = [device["name"] for device in devices if device["max_input_channels"] > 0]
        if names:
            return Finding(True, "Microphone", f"{len(names)} found: {', '.join(names)}.")
        sentence = "PortAudio is here and sees no microphone."
        remedy = FIND_MICROPHONE.get(system, "Plug one in")
    return Finding(None, "Microphone", f"{sentence} {IN_THE_BROWSER}", f"{remedy}.")


def disk(data_folder: Path) -> Finding:
    """Room where conversations, clips and downloaded weights are kept."""
    place = Path(data_folder).absolute()
    place = next(folder for folder in (place, *place.parents) if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        return Finding(
            False,
            "Disk",
            f"Nothing can be written to {data_folder}.",
            "Choose another place with --data DIR, or allow writing there.",
        )
    free = shutil.disk_usage(place).free
    sentence = f"{free / 1e9:.1f} GB free for {data_folder}"
    if free >= DOWNLOAD:
        return Finding(True, "Disk", f"{sentence}.")
    remedy = "Free some space, or choose another place with --data DIR."
    if free >= MODEST:
        sentence += f": enough to talk; downloading Qwen-Audio-Chat takes {DOWNLOAD / 1e9:.0f} GB."
        return Finding(None, "Disk", sentence, remedy)
    return Finding(False, "Disk", f"{sentence}: too little to keep recordings.", remedy)


def _wav(clip: Clip) -> bytes:
    buffer = io.BytesIO()
    export(clip, buffer)
    return buffer.getvalue()


def _paragraph(head: str, text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
