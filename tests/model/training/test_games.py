"""Adventure games: their own files are read, and only what can be believed is kept."""

import struct

import numpy as np
import pytest

from model.spec import SAMPLE_RATE
from model.training import corpus, drascula, games, queen
from model.training.packing import clips
from model.training.sources import LICENCES, wav


def hum(seconds: float, rate: int = SAMPLE_RATE, before: float = 0.0) -> np.ndarray:
    """Silence, then a tone: (n,) int16."""
    tone = 8000 * np.sin(np.arange(round(seconds * rate)) * 400 * 2 * np.pi / rate)
    return np.concatenate([np.zeros(round(before * rate)), tone]).astype("<i2")


# Flight of the Amazon Queen -----------------------------------------------------------------------


def string(text: str, at: int, align: int) -> bytes:
    """A string as it stands at an offset."""
    data = bytes([len(text)]) + text.encode("latin-1")
    return data + bytes(-(at + len(data)) % align if text else 0)


def conversation(key: int, joe: dict[int, str], other: dict[int, str]) -> bytes:
    body, at = bytearray(32 + 96), []
    for said in (joe, other):
        at.append(len(body))
        for number, text in said.items():
            body += struct.pack(">2H", 7, number)
            body += string(text, len(body), 4)
    struct.pack_into(">5h", body, 0, -1, 9, key, len(joe), len(other))
    struct.pack_into(">h", body, 22, at[1])
    return bytes(20) + bytes(body)


def scene(*texts: str) -> bytes:
    body = bytearray(12)
    for text in texts:
        body += string(text, len(body), 2)
    struct.pack_into(">2h", body, 8, 12, len(body))
    return bytes(20) + bytes(body) + b"\x05TRAIL"


def container(files: dict[str, bytes]) -> bytes:
    head = b"QTBL" + b"CEM10\0\0\0\1" + struct.pack(">H", len(files))
    at, entries = len(head) + 21 * len(files), b""
    for name, data in files.items():
        entries += struct.pack(">12sBII", name.encode(), 1, at, len(data))
        at += len(data)
    return head + entries + b"".join(files.values())


REMARKS = ["It looks nice*03", "Neat", *["a verb"] * 3, "It doesn't seem to open*03"]
REMARKS += ["I'd rather not", *["No"] * 38, "behind"]


@pytest.fixture
def talked():
    spoken = {10: "Hi*24 there, Bob*XY+010,020!", 0x1AB: "Ook ook"}
    return {
        "BOB2.DOG": conversation(4, spoken, {2: "", 31: "What?"}),
        "APE1.DOG": conversation(5, {1: "Hello"}, {1: "Banana"}),
        "C13A.CUT": scene("", "Watch it*02*FL", "", "Ouch, it bites!"),
        "QUEEN2.JAS": "\r\n".join(REMARKS).encode(),
    }


def test_each_segment_of_the_script_has_its_voice(talked):
    said = queen.script(talked)
    assert said["04000AJ1.SB"] == ("joe", "Hi") and said["04000AJ2.SB"] == ("joe", " there, Bob")
    assert said["04000AJ3.SB"] == ("joe", "!")
    assert said["04001FP1.SB"] == ("bob", "What?") and "040002P1.SB" not in said
    assert said["C13A_011.SB"] == (None, "Watch it") and "C13A_012.SB" not in said
    assert said["C13A_031.SB"] == (None, "Ouch, it bites!")
    assert not any("TRAIL" in text for _, text in said.values())
    assert said["JOE00011.SB"] == ("joe", "It doesn't seem to open")
    assert said["JOE00021.SB"] == ("joe", "I'd rather not")
    assert said["JOE00411.SB"] == ("joe", "It looks nice"), "refusals are the first forty"


def test_the_queen_is_read_out_of_its_one_file(tmp_path, talked):
    sound = wav(hum(0.5), SAMPLE_RATE)
    voices = ("04000AJ2", "0401ABJ1", "050001P1", "050001J1", "C13A_031", "999999P1")
    file = tmp_path / queen._FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(container(talked | {f"{name}.SB": sound for name in voices}))
    lines = list(queen.lines(tmp_path))
    assert [(line.text.strip(), line.speaker, line.gender) for line in lines] == [
        ("there, Bob", "queen-joe", "m"),
        ("Hello", "queen-joe", "m"),
        ("Ouch, it bites!", None, None),
    ], "without apes, and what no script has"
    assert {line.sound for line in lines} == {sound}


# Drascula -----------------------------------------------------------------------------------------


def array(*texts: str) -> bytes:
    """A speaker's texts, the same in every language but for the words."""
    data = struct.pack(">H", len(texts))
    for language in range(6):
        said = b"\0\0"
        for text in texts:
            characters = (text if language == 0 else "HOLA").encode() if text else b""
            padded = characters + bytes(2 + len(characters) % 2)
            said += struct.pack(">H", 2 + len(padded)) + padded
        data += struct.pack(">H", len(said)) + said
    return data


@pytest.fixture
def drascula_folder(tmp_path):
    """The hero's first line has a voice, and the count's."""
    folder = tmp_path / drascula.PACKAGE / drascula._FOLDER
    folder.mkdir(parents=True)
    hero = array("", "THAT'S THE SECOND BIGGEST DOOR I'VE SEEN IN MY LIFE", "NOT REALLY")
    others = [array("", f"I AM {name or 'JOHN'}") for name in drascula._SPEAKERS[1:]]
    (folder / "drascula.dat").write_bytes(b"DRASCULA\6\0 tables" + hero + b"".join(others))
    for name, seconds in (("1", 3), ("D1", 0.6)):
        eight_bits = hum(seconds, 11_025, before=1.0) // 256 + 128
        eight_bits.astype(np.uint8).tofile(folder / f"{name}.ALS")
    return tmp_path


def test_the_english_texts_of_drascula_are_read(drascula_folder):
    folder = drascula_folder / drascula.PACKAGE
    data = (folder / drascula._FOLDER / "drascula.dat").read_bytes()
    assert drascula.script(data)["VB"] == ["", "I AM VB"]
    hero, count = drascula.lines(folder)
    assert (hero.speaker, count.speaker) == ("drascula-john", "drascula-d")
    assert count.text == "I am d"


@pytest.mark.parametrize(
    ("capitals", "written"),
    [
        ("HI! I'M JOHN, AND YOU?", "Hi! I'm John, and you?"),
        ('"DEAR B.J.", SAYS VON BRAUN', '"Dear B.J.", says Von Braun'),
        ("WELL... MAYBE. HE IS", "Well... maybe. He is"),
        ("HA, HA...! GOOD ONE", "Ha, ha...! Good one"),
        ("WHAT?, WHO?", "What?, who?"),
    ],
)
def test_capitals_stay_where_they_belong(capitals, written):
    assert drascula.small(capitals) == written


# Both ---------------------------------------------------------------------------------------------


def test_a_game_becomes_a_part_of_speech_to_learn_from(drascula_folder, tmp_path):
    out = tmp_path / "out"
    games.pack(drascula.PACKAGE, drascula.lines, drascula_folder, out)
    hero, count = clips(out)
    text = "That's the second biggest door I've seen in my life."
    assert hero["answers"] == {"transcribe": text}
    assert hero["duration"] == pytest.approx(3.15, abs=0.03), "without the silence before it"
    assert count["answers"] == {"transcribe": "I am d."}
    assert hero["split"] == "train" and hero["speaker"] == "drascula-john"
    assert hero["source"] == "drascula" and "not sold alone" in hero["licence"]
    assert "gender" not in hero, "none is known"


@pytest.mark.parametrize(
    ("text", "seconds", "why"),
    [
        ("A sentence of usual length.", 2.0, ""),
        ("A sentence of usual length.", 0.7, "rate"),
        ("Short.", 6.0, "rate"),
        ("Oh.", 0.3, "length"),
        ("Oh " * 60, 26, "length"),
        ("?!", 1.0, "no words"),
        ("Ma\xf1ana is tomorrow.", 2.0, "no words"),
        ("", 1.0, "no words"),
    ],
)
def test_what_cannot_be_is_doubted(text, seconds, why):
    assert games.doubt(text, seconds) == why


def test_a_line_is_spelled_as_the_model_writes():
    assert games.spelled("I can\x92t,you...know it`s 42") == "I can't, you, know it's forty two."
    assert games.spelled("In 1922, huh?") == "", "nineteen twenty two, or one nine two two"


def test_silence_is_cut_off_and_a_margin_kept():
    heard = np.concatenate([hum(0.5, before=1.0), np.zeros(SAMPLE_RATE, np.int16)])
    kept = games.trimmed(heard, hiss=200)
    assert len(kept) / SAMPLE_RATE == pytest.approx(0.8, abs=0.02)
    assert not kept[: SAMPLE_RATE // 8].any() and kept.any()
    assert len(games.trimmed(np.zeros(5, np.int16), 200)) == 0
    assert len(games.trimmed(np.full(5000, 150, np.int16), 200)) == 0


def test_every_game_of_the_corpus_has_its_licence():
    assert set(corpus.GAMES) == {"drascula", "flight-of-the-amazon-queen"} <= set(LICENCES)
