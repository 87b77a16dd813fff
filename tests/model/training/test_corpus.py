"""The recipe of the corpus: nothing held out is learned from, and one seed makes one corpus."""

import gzip
import json
import random
import shutil
import struct
import wave
import zipfile

import numpy as np
import pytest

from model.errors import EarshotError
from model.spec import SAMPLE_RATE
from model.tasks import TASKS
from model.training import (
    collected,
    corpus,
    instruments,
    manifests,
    naming,
    recordings,
    sounds,
    sources,
    synthesis,
    texts,
)
from model.training.packing import Pack, clips, is_there

SPEAKS = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng on this machine")


def row(**more) -> dict:
    """A line of a manifest."""
    known = {"audio": "alsa-utils/a.wav", "task": "asr", "language": "fr", "text": "Bonjour."}
    return known | {"package": "alsa-utils", "duration": 1.0, "split": "train"} | more


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, n).astype(np.int16)


def lines(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


# Packed sound -------------------------------------------------------------------------------------


def test_packed_clips_lie_where_their_lines_say(tmp_path):
    one, two = noise(1600, 1), noise(2401, 2)
    with Pack(tmp_path, "part") as part:
        part.add(one, {"language": "French."}, gender=None, split="train")
        part.add(two, {"language": "German."}, split="train")
    with wave.open(str(tmp_path / "part.wav")) as packed:
        assert packed.getparams()[:3] == (1, 2, SAMPLE_RATE)
        whole = np.frombuffer(packed.readframes(10_000), "<i2")
    first, second = clips(tmp_path)
    assert "gender" not in first
    start = round(second["start"] * SAMPLE_RATE)
    np.testing.assert_array_equal(whole[start : start + round(second["duration"] * 16_000)], two)


def test_a_part_that_fails_is_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), Pack(tmp_path, "part"):
        1 / 0  # noqa: B018
    assert not is_there(tmp_path, "part")
    assert not list(tmp_path.glob("*wav*"))


# Recordings ---------------------------------------------------------------------------------------


def test_a_language_of_one_source_is_not_asked_about():
    two = [row(package=package) for package in ("one", "two") for _ in range(20)]
    one = [row(language="de", package="one")] * 50
    short = [row(language="ru", package=package, duration=0.4) for package in "abc" * 20]
    tested = [row(language="el", package=package, split="test") for package in "abc" * 20]
    assert recordings.known_languages(two + one + short + tested) == {"fr"}
    assert recordings.known_languages(two[1:]) == set()


def test_what_is_held_out_is_kept_whole_and_what_is_learned_is_capped():
    rows = [row(text=f"{i}") for i in range(50)] + [row(split="test_unseen_speaker")] * 5
    found = recordings.chosen(rows, "fr", most=10)
    assert sum(map(sources.held_out, found)) == 5 and len(found) == 15
    assert found == recordings.chosen(rows, "fr", most=10)


def test_only_english_is_written_down_and_a_letter_tells_no_language():
    english = recordings.answers(row(language="en", text="press 4", gender="f"), "en")
    assert english["transcribe"] == "Press four." and english["gender"] == "A woman."
    french = recordings.answers(row(), "fr")
    assert french == {"language": "French.", "kind of sound": "Speech."}
    assert recordings.answers(row(task="letter", gender="m"), "fr") == {"gender": "A man."}
    assert recordings.answers(row(duration=0.3), "fr") == {}


@pytest.mark.parametrize("split", ["train", "test", "test_unseen_speaker"])
def test_texts_that_are_names_of_files_are_neither_learned_nor_tested(split):
    hog = row(language="en", task="command", text="Boring!", package="hedgewars-data", split=split)
    known = recordings.answers(hog, "en")
    assert known == {"language": "English.", "kind of sound": "Speech."}


# Manifests ----------------------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path):
    with Pack(tmp_path, "speech") as part:
        for i in range(200):
            split = "train" if i < 150 else ("test", "test_unseen_speaker")[i % 2]
            known = {"language": "French." if i % 3 else "German.", "transcribe": f"Word {i}."}
            part.add(noise(1600, i), known, split=split, kind="speech", source="flite")
    return tmp_path


def test_held_out_clips_stand_in_test_manifests_alone(packed):
    written = manifests.write(packed, dev=0.2)
    held_out = {clip["start"] for clip in clips(packed) if sources.held_out(clip)}
    for name, rows in written.items():
        starts = {row["start"] for row in rows}
        assert starts and (starts <= held_out if name.startswith("test") else True), name
        assert name.startswith("test") or not starts & held_out, name
        assert rows == lines(packed / f"{name}.jsonl")
    assert set(written) == {"train", "dev", "test-speech", "test-language"}
    train, dev = ({row["start"] for row in written[name]} for name in ("train", "dev"))
    assert not train & dev, "a clip that is kept apart is kept apart for every task"


def test_another_part_changes_no_line(packed):
    before = manifests.write(packed)
    with Pack(packed, "more") as part:
        for i in range(20):
            part.add(noise(1600, i), {"transcribe": "More."}, split="train", source="flite")
    after = manifests.write(packed)
    old = [row for row in after["train"] if row["audio"] == "speech.wav"]
    assert [r for r in old if r["task"] == "transcribe"] == [
        r for r in before["train"] if r["task"] == "transcribe"
    ]


def test_rare_answers_weigh_more(packed):
    rows = [row for row in manifests.write(packed)["train"] if row["task"] == "language"]
    weight = {row["text"]: row["weight"] for row in rows}
    total = {text: sum(r["weight"] for r in rows if r["text"] == text) for text in weight}
    assert weight["German."] > 1 > weight["French."]
    assert total["German."] == pytest.approx(total["French."], rel=0.05)


def test_no_answer_has_more_rows_than_its_share(packed, monkeypatch):
    monkeypatch.setitem(manifests.MOST, ("language", False), 30)
    written = manifests.write(packed)
    texts_of = [r["text"] for r in written["train"] + written["dev"] if r["task"] == "language"]
    assert {text: texts_of.count(text) for text in texts_of} == {"French.": 30, "German.": 30}


# Sounds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "text", "kind", "phrase"),
    [
        ("animal", "dog bark", "An animal.", "A dog."),
        ("animal", "elephant", "An animal.", "An elephant."),
        ("sound_event", "footsteps on snow", "An event.", "Footsteps on snow."),
        ("sound_event", "ambience of thunder", "An event.", "Thunder."),
        ("sound_event", "door2 close", "An event.", "A door closing."),
        ("sound_event", "bee buzzing", "An animal.", "A bee."),
        ("sound_event", "war drums", "A drum.", "Drums."),
        ("sound_event", "sharpening", "An event.", "Sharpening."),
        ("instrument", "tabla", "A drum.", "A tabla."),
        ("instrument", "harp", "An instrument.", "A harp."),
        ("instrument", "vinyl scratch", None, "A record being scratched."),
        ("drum", "hi-hat", "A drum.", "A hi-hat."),
        ("chord", "F sharp minor7b5", "An instrument.", "A guitar chord."),
        ("vocal", "laughter", "A vocal sound.", "Laughter."),
        ("game_creature", "monster: bat hit", None, None),
        ("sound_event", "collect crate", "An event.", None),
    ],
)
def test_a_label_becomes_a_kind_and_a_phrase(task, text, kind, phrase):
    assert naming.kind_of(row(task=task, text=text)) == kind
    assert naming.phrase(row(task=task, text=text)) == phrase
    assert kind in (None, *naming.KINDS)


def test_a_long_recording_to_learn_from_gives_several_clips_and_a_tested_one_its_beginning():
    long = noise(40 * SAMPLE_RATE)
    assert [len(cut) for cut in sounds.pieces(long, learned=True)] == [8 * SAMPLE_RATE] * 3
    (first,) = sounds.pieces(long, learned=False)
    np.testing.assert_array_equal(first, long[: 8 * SAMPLE_RATE])
    assert sounds.pieces(np.zeros(9000, np.int16), learned=True) == []


def test_collected_sounds_are_found_by_their_names(tmp_path):
    names = ("farm/ox_00.ogg", "farm/ox_01.ogg", "animals/frog.ogg", "click.ogg")
    for name in names:
        file = tmp_path / "widelands-data" / "sound" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = {(row["text"], row["task"]) for row in collected.described(tmp_path)}
    assert found == {("ox", "animal"), ("frog", "animal")}


def test_every_rule_gives_something_to_ask_and_every_package_has_its_licence():
    for package, task, text, _ in collected.rules():
        assert sounds.answers(row(task=task, text=text)), text
        assert package in sources.LICENCES
    assert set(instruments.FONTS) <= set(sources.LICENCES)


def test_sounds_inside_of_archives_are_unpacked(tmp_path):
    inside, _ = collected._ARCHIVES["0ad-data"]
    archive = tmp_path / "0ad-data" / inside
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("audio/actor/fauna/animal/cattle_01.ogg", b"moo")
        file.writestr("art/cow.png", b"a picture")
    collected.unpack("0ad-data", tmp_path)
    (cow,) = collected.described(tmp_path)
    assert (tmp_path / cow["audio"]).read_bytes() == b"moo"
    assert not archive.exists(), "three gigabytes of pictures"


def test_held_out_packages_of_collected_sounds_are_tested_with(tmp_path):
    file = tmp_path / "_collected/gcompris-qt-data/animals/owl.ogg"
    file.parent.mkdir(parents=True)
    file.touch()
    (owl,) = collected.described(tmp_path)
    assert sources.held_out(owl)


def test_qt_resources_are_read(tmp_path):
    name = "owl.ogg"
    names = struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    content = struct.pack(">I", 4) + b"hoot"
    tree = struct.pack(">IHII", 0, 2, 1, 1) + struct.pack(">IHII", 0, 0, 0, 0)
    at = [20, 20 + len(tree), 20 + len(tree) + len(content)]
    head = b"qres" + struct.pack(">4I", 1, *at)
    (tmp_path / "animals.rcc").write_bytes(head + tree + content + names)
    ((path, read),) = collected._resources(tmp_path)
    assert (path, read()) == (name, b"hoot")


# Instruments --------------------------------------------------------------------------------------


def test_notes_are_spoken_with_sharps():
    named = {60: "C4.", 54: "F sharp 3.", 69: "A4.", 28: "E1.", 96: "C7."}
    assert {pitch: instruments.spoken(pitch) for pitch in named} == named


def test_instruments_are_of_ten_families_and_play_what_they_can():
    assert len(instruments.FAMILIES) == 10
    assert {p.family for n, p in instruments.PRESETS.items() if 41 <= n <= 52} == {"Strings"}
    assert not {48, 53, 54, 55, 56} & set(instruments.PRESETS), "timpani and choirs have no family"
    for preset in instruments.PRESETS.values():
        assert instruments.LOWEST <= preset.low < preset.high <= instruments.HIGHEST, preset
        assert preset.name[0].isupper() and preset.name.endswith("."), preset


def test_families_come_equally_often_and_notes_stay_in_range():
    notes = instruments.drawn(500, random.Random(3))
    families = [note.preset.family for note in notes]
    assert {family: families.count(family) for family in set(families)} == dict.fromkeys(
        instruments.FAMILIES, 50
    )
    for note in notes:
        assert note.preset.low <= note.pitch <= note.preset.high
        assert 50 <= note.velocity <= 120 and 0.6 <= note.hold <= 2.5
    assert notes == instruments.drawn(500, random.Random(3))
    assert notes != instruments.drawn(500, random.Random(4))


def test_tunes_walk_in_the_range_of_their_instrument():
    tunes = instruments.tunes(200, random.Random(3))
    families = [tune.preset.family for tune in tunes]
    assert all(families.count(family) == 20 for family in instruments.FAMILIES)
    for tune in tunes:
        pitches = [pitch for tone in tune.tones for pitch in tone.pitches]
        assert tune.preset.low <= min(pitches) and max(pitches) <= tune.preset.high
        assert 1.5 <= sum(tone.hold for tone in tune.tones) < 5.21
    assert sum(len(tune.tones) > 3 for tune in tunes) > 150
    assert any(len(tone.pitches) == 3 for tune in tunes for tone in tune.tones)
    assert tunes == instruments.tunes(200, random.Random(3))


def test_a_midi_file_holds_its_notes():
    mido = instruments.midi([instruments.Note(instruments.PRESETS[41], 60, 90, 1.0)])
    assert mido[:4] == b"MThd" and struct.unpack(">I", mido[18:22])[0] == len(mido) - 22
    program, on, off = b"\xc0\x28", b"\x90\x3c\x5a", b"\x87\x40\x80\x3c\x00"  # 960 ticks: 1 s
    assert program + b"\0" + on + off in mido
    third = instruments.Tone((60, 64), 90, 1.0)
    mido = instruments.midi([instruments.Tune(instruments.PRESETS[41], (third,))])
    assert b"\0\x90\x3c\x5a\0\x90\x40\x5a" + off + b"\0\x80\x40\x00" in mido


def test_the_held_out_font_makes_test_parts_alone():
    jobs = instruments.jobs(1200, 700, 60)
    fonts = {name: package for name, package, *_ in jobs}
    assert fonts.pop("notes-test") == instruments.TEST_FONT
    assert instruments.TEST_FONT not in fonts.values() and len(set(fonts.values())) == 2
    for kind, n in (("notes", 1200), ("tunes", 700)):
        assert sum(job[2] for job in jobs[:-1] if job[0].startswith(kind)) == n


# Synthesis ----------------------------------------------------------------------------------------


def test_no_text_of_a_held_out_recording_is_spoken():
    rows = [row(text=f"Une phrase {i} de plus.") for i in range(20)]
    rows += [row(text="Un secret bien tenu.", split="test"), row(text="Un secret bien tenu.")]
    rows += [row(text="not what is said", label_quality="english gloss only")]
    said = synthesis.foreign(rows, "fr", sources.Path("nowhere"), 50)
    assert len(said) == 50 and sum(text.isdigit() for text in said) == 10
    assert not {"Un secret bien tenu.", "not what is said"} & set(said)
    assert said == synthesis.foreign(rows, "fr", sources.Path("nowhere"), 50)


def test_captions_of_stamps_are_read_in_their_language(tmp_path):
    (tmp_path / "cow.txt").write_text("A cow.\nde.utf8=Eine Kuh.\nda.utf8=En ko.\n", "utf-8")
    assert synthesis.captions(tmp_path, "de") == {"Eine Kuh."}


def test_texts_are_written_and_scored_in_one_way():
    assert texts.sentence("press 42 to EXTRACT it...") == "Press forty two to extract it."
    assert texts.words("`It's a 30-millimetre WRENCH!'") == "it's a thirty millimetre wrench"


@pytest.mark.parametrize(
    ("shouted", "written"),
    [
        ("I CAN'T DO IT", "I can't do it."),
        ("IT'S OK, I'M FINE!", "It's ok, I'm fine!"),
        ("you DON'T say", "You don't say."),
        ("We'LL see, it is Joe's", "We'll see, it is Joe's."),
        ("the 'EXIT' sign", "The 'exit' sign."),
    ],
)
def test_shouted_words_are_written_small_with_their_apostrophes(shouted, written):
    assert texts.sentence(shouted) == written


def test_an_engine_from_pip_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr(synthesis.importlib.util, "find_spec", lambda name: None)
    synthesis.missing_engines.cache_clear()
    try:
        with pytest.raises(EarshotError, match="hibari-tts cannot.*pip install hibari-tts"):
            synthesis.need_all()
    finally:
        synthesis.missing_engines.cache_clear()


def test_hibari_speaks_faster_and_higher_by_chance_and_the_same_with_one_seed(monkeypatch):
    asked = []

    def voice(text, speed, seed):
        asked.append(speed)
        return np.sin(np.arange(round(24_000 / speed)) / 20).astype(np.float32)

    monkeypatch.setattr(synthesis, "_hibari_voice", lambda: voice)
    said = [synthesis._hibari("Hello.", "en", random.Random(seed)) for seed in (1, 2, 1)]
    np.testing.assert_array_equal(said[0].pcm, said[2].pcm)
    assert asked[0] == asked[2] != asked[1]
    pitches = [random.Random(seed) for seed in (1, 2)]
    for draw, clip in zip(pitches, said[:2], strict=True):
        speed, _ = draw.uniform(0.85, 1.25), draw.uniform(0.82, 1.1)
        assert len(clip.pcm) == pytest.approx(SAMPLE_RATE / speed, rel=0.01), "of what is asked"
    assert said[0].engine in sources.LICENCES and said[0].gender == "f"


# The whole ----------------------------------------------------------------------------------------


@SPEAKS
def test_a_small_corpus_is_made_twice_the_same_and_once_only(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "SMALL", {"en": 4, "fr": 2})
    # Pico says the same text a little differently from call to call
    monkeypatch.setattr(synthesis, "_PICO", {})
    monkeypatch.delitem(synthesis._ENGLISH, "pico")
    written = corpus.build_small(tmp_path / "one")
    again = corpus.build_small(tmp_path / "two")
    assert written == again
    for name in {row["audio"] for row in written["train"]}:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    before = (tmp_path / "one" / "spoken-fr-00.wav").stat().st_mtime_ns
    corpus.build_small(tmp_path / "one")
    assert (tmp_path / "one" / "spoken-fr-00.wav").stat().st_mtime_ns == before
    assert {"transcribe", "language", "gender"} <= {row["task"] for row in written["train"]}
    used = json.loads((tmp_path / "one" / "sources.json").read_text())
    assert used["espeak-ng"]["licence"] == "GPL-3+" and used["espeak-ng"]["clips"] > 0
    assert "| espeak-ng | GPL-3+ |" in (tmp_path / "one" / "LICENCES.md").read_text()


def test_a_missing_tool_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthesis, "missing_engines", lambda: dict.fromkeys(synthesis._ENGINES))
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(SystemExit):
        corpus.main(["--small", str(tmp_path)])
    told = capsys.readouterr().err
    assert "apt-get install espeak-ng" in told and "Traceback" not in told
    with pytest.raises(EarshotError, match="apt-get install fluidsynth"):
        instruments.need_all()


def test_manifests_and_their_packages_are_read(tmp_path):
    with gzip.open(tmp_path / "manifest_a.jsonl.gz", "wt") as file:
        file.write(json.dumps(row()) + "\n")
    assert sources.described(tmp_path) == [row()]


def test_every_task_that_is_asked_is_known():
    assert set(manifests.TESTS) <= set(TASKS)
