"""Manifests and samples: cuts, packed files, decoded files, windows, and what is left out."""

import json
import wave

import numpy as np
import pytest

from model.evaluation.manifest import BadManifest
from model.spec import SAMPLE_RATE
from model.training import data

RAMP = np.arange(-16_000, 16_000, dtype="<i2")  # two seconds


def write_wav(file, pcm, rate=SAMPLE_RATE):
    with wave.open(str(file), "wb") as opened:
        opened.setparams((1, 2, rate, 0, "NONE", ""))
        opened.writeframes(pcm.tobytes())


def line(**more) -> str:
    return json.dumps({"audio": "a.wav", "task": "transcribe", "text": "Hi.", **more}) + "\n"


@pytest.fixture
def folder(tmp_path):
    write_wav(tmp_path / "a.wav", RAMP)
    return tmp_path


def rows_of(folder, *lines):
    (folder / "m.jsonl").write_text("".join(lines))
    return data.read(folder / "m.jsonl")


def test_a_row_cuts_its_file(folder):
    whole, cut = rows_of(folder, line(), line(start=0.5, duration=0.25))
    assert whole.duration == 2.0
    np.testing.assert_array_equal(data.samples(whole), RAMP.astype(np.float32) / 32768)
    np.testing.assert_array_equal(data.samples(cut), RAMP[8000:12_000].astype(np.float32) / 32768)
    assert isinstance(data.whole(folder / "a.wav"), np.memmap)


def test_other_files_are_decoded_as_they_are_for_the_chat(folder):
    write_wav(folder / "b.wav", np.repeat(RAMP[:8000], 2), 2 * SAMPLE_RATE)
    (row,) = rows_of(folder, line(audio="b.wav"))
    assert not isinstance(data.whole(folder / "b.wav"), np.memmap)
    assert abs(len(data.samples(row)) - 8000) < 20


def test_a_row_knows_the_language_of_its_tags(folder):
    rows = rows_of(
        folder,
        line(language="fr"),
        line(language="cs"),
        line(task="language", language="fr", text="French."),
        line(task="asr"),
    )
    assert rows[0].asked().names[1:4] == ["fr", "transcribe", "fr"]
    assert rows[1].asked().names[1] == "unknown"
    assert "fr" not in rows[2].asked().names  # the tags must not tell the answer
    assert rows[3].task == "transcribe"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"audio": "a.wav"}\n', "line 2"),
        ("nothing\n", "line 2"),
        (line(task="juggling"), "no task 'juggling'"),
        (line(audio="none.wav"), "none.wav is in a manifest"),
    ],
)
def test_a_bad_line_is_named(folder, bad, said):
    with pytest.raises(BadManifest, match=said):
        rows_of(folder, line(), bad)


def test_long_clips_are_cut_or_left_out_and_counted(folder):
    times = [[0.1, 0.4, "one"], [0.5, 0.9, "two"], [1.2, 1.6, "three"]]
    rows = rows_of(
        folder,
        line(times=times),
        line(),
        line(task="language", text="French."),
        line(task="event", text="A dog."),
        line(duration=0.9),
    )
    kept, told = data.within(rows, 1.0)
    assert all(row.duration <= 1.0 for row in kept)
    assert [row.text for row in kept] == ["one two", "three", "French.", "French.", "A dog.", "Hi."]
    assert [round(row.start, 2) for row in kept[:2]] == [0.05, 1.15]
    assert sum(told.values()) == 4 and "transcribe: left out, longer than 1 s" in told
