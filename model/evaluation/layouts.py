"""The folders in which published data sets come, as they are unpacked, to items. Reads no sound.

Each reader takes the folder (or one above it) and the part that is wanted, and raises BadManifest
with what it looked for.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from model.evaluation.manifest import BadManifest, Item, Sound

Reader = Callable[[Path, str], list[Item]]


def _find(root: Path, pattern: str) -> list[Path]:
    """What matches in the folder itself, one below or two; the nearest only."""
    for above in ("", "*/", "*/*/"):
        if found := sorted(root.glob(above + pattern)):
            return found
    return []


def _need(root: Path, pattern: str, what: str) -> Path:
    found = _find(root, pattern)
    if not found:
        raise BadManifest(
            f"{root} holds no {what}: looked for {pattern} there and up to two folders below."
        )
    return found[0]


def _item(root: Path, file: Path, text: str, **more) -> Item:
    told = {"audio": str(file.relative_to(root))} | more.pop("told", {})
    return Item(sounds=(Sound(file),), text=text, told=told, **more)


def _lines(file: Path) -> Iterable[str]:
    text = file.read_text(encoding="utf-8-sig")
    return (line for line in text.splitlines() if line.strip())


def _table(file: Path, **form) -> list[dict]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, **form))


def librispeech(root: Path, part: str) -> list[Item]:
    """test-clean/1089/134686/1089-134686.trans.txt: "ID WORDS", beside ID.flac."""
    _need(root, part, f"LibriSpeech {part}")
    items = []
    for file in _find(root, f"{part}/*/*/*.trans.txt"):
        for line in _lines(file):
            name, _, text = line.partition(" ")
            said = {"language": "en"}
            items.append(_item(root, file.with_name(f"{name}.flac"), text.strip(), told=said))
    return items


def aishell1(root: Path, part: str) -> list[Item]:
    """transcript/aishell_transcript_v0.8.txt: "ID WORDS", and wav/test/S0764/ID.wav."""
    file = _need(root, "transcript/aishell_transcript_v*.txt", "Aishell-1")
    texts = dict(line.split(maxsplit=1) for line in _lines(file))
    sounds = sorted((file.parent.parent / "wav" / part).glob("*/*.wav"))
    return [
        _item(root, sound, texts[sound.stem].strip(), told={"language": "zh"})
        for sound in sounds
        if sound.stem in texts  # a few have no transcript
    ]


def aishell2(root: Path, part: str) -> list[Item]:
    """iOS/test/trans.txt: "ID TEXT", and iOS/test/wav/…/ID.wav; also Android, Mic."""
    names = "".join(f"[{letter.lower()}{letter.upper()}]" for letter in part)
    file = _need(root, f"{names}/test/trans.txt", f"Aishell-2 ({part}/test/trans.txt)")
    sounds = {sound.stem: sound for sound in file.parent.rglob("*.wav")}
    rows = [line.split(maxsplit=1) for line in _lines(file)]
    return [
        _item(root, sounds[name], text.strip(), told={"language": "zh"})
        for name, text in rows
        if name in sounds
    ]


def covost2(root: Path, part: str) -> list[Item]:
    """covost_v2.en_de.tsv with path, translation, split, or its test part alone; the recordings of
    Common Voice 4 in clips/ or LANGUAGE/clips/."""
    names = [part.replace("zh", "zh-CN"), part]
    for name in names:
        for ending in ("test.tsv", "tsv"):
            if found := _find(root, f"covost_v2.{name}.{ending}"):
                return _covost2(root, found[0], name)
    raise BadManifest(
        f"{root} holds no CoVoST 2 of {part}: looked for covost_v2.{names[0]}.test.tsv and "
        f"covost_v2.{names[0]}.tsv there and up to two folders below."
    )


def _covost2(root: Path, file: Path, pair: str) -> list[Item]:
    spoken = pair.split("_")[0]
    near = [file.parent / "clips", file.parent / spoken / "clips"]
    clips = next((folder for folder in near if folder.is_dir()), None)
    clips = clips or (_find(root, f"{spoken}/clips") or _find(root, "clips") or [file.parent])[0]
    return [
        _item(root, clips / row["path"], row["translation"], told={"language": spoken[:2]})
        for row in _table(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if row.get("split", "test") == "test"
    ]


def clotho(root: Path, part: str) -> list[Item]:
    """clotho_captions_evaluation.csv: file_name, caption_1 to caption_5; evaluation/NAME."""
    file = _need(root, f"clotho_captions_{part}.csv", "Clotho")
    sounds = _need(root, f"{part}/", "recordings of Clotho")
    items = []
    for row in _table(file):
        captions = [row[f"caption_{i}"] for i in range(1, 6)]
        sound = sounds / row["file_name"]
        items.append(_item(root, sound, captions[0], also=tuple(captions[1:])))
    return items


def cochlscene(root: Path, part: str) -> list[Item]:
    """Test/SubwayStation/NAME.wav: the folder is the place."""
    _need(root, f"{part}/*/*.wav", "CochlScene")
    found = _find(root, f"{part}/*/*.wav")
    return [_item(root, file, _spaced(file.parent.name)) for file in found]


def _spaced(name: str) -> str:
    """SubwayStation: subway station."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def tut2017(root: Path, part: str) -> list[Item]:
    """TUT-acoustic-scenes-2017-evaluation/meta.txt, or evaluation_setup/evaluate.txt in it: lines
    of "audio/1.wav", a tab, the place."""
    folder = f"TUT-acoustic-scenes-2017-{part}"
    names = ("meta.txt", "evaluation_setup/evaluate.txt")
    places = [*(f"{folder}/{name}" for name in names), *names]
    file = next((found[0] for place in places if (found := _find(root, place))), None)
    if file is None:
        raise BadManifest(f"{root} holds no {folder}: looked for {' and '.join(places[:2])}.")
    base = file.parent.parent if file.name == "evaluate.txt" else file.parent
    rows = [line.split("\t") for line in _lines(file)]
    return [_item(root, base / row[0], row[1].strip().replace("_", " ")) for row in rows]


def meld(root: Path, part: str) -> list[Item]:
    """test_sent_emo.csv: Dialogue_ID, Utterance_ID, Emotion; dia0_utt0.mp4 (or another format) in a
    folder of the test part, since all parts name their files alike."""
    file = _need(root, f"{part}_sent_emo.csv", "MELD")
    sounds = [s for s in _find(root, "dia*_utt*.*") if part in s.parent.name] or [
        sound for sound in _find(root, f"*{part}*/dia*_utt*.*")
    ]
    by_name = {sound.stem: sound for sound in sounds if not sound.name.startswith(".")}
    if not by_name:
        raise BadManifest(f"{root} holds no recordings of MELD: looked for *{part}*/dia0_utt0.mp4.")
    items = []
    for row in _table(file):
        name = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        if name in by_name:
            items.append(_item(root, by_name[name], row["Emotion"].strip()))
    return items


def clothoaqa(root: Path, part: str) -> list[Item]:
    """clotho_aqa_test.csv: file_name, QuestionText, answer, in three rows; audio_files/NAME.

    True is the answer that most gave; where several are as frequent, each of them."""
    file = _need(root, f"clotho_aqa_{part}.csv", "ClothoAQA")
    sounds = _need(root, "audio_files/", "recordings of ClothoAQA")
    answers: dict[tuple[str, str], Counter] = {}
    for row in _table(file):
        asked = row["file_name"], row["QuestionText"].strip()
        answers.setdefault(asked, Counter())[row["answer"].strip().lower()] += 1
    items = []
    for (name, question), counted in answers.items():
        most = max(counted.values())
        true, *also = [answer for answer, n in counted.items() if n == most]
        items.append(_item(root, sounds / name, true, also=tuple(also), question=question))
    return items


def vocalsound(root: Path, part: str) -> list[Item]:
    """meta/te_meta.csv lists the speakers; audio_16k/f0003_0_throatclearing.wav is one of them."""
    file = _need(root, f"meta/{part}_meta.csv", "VocalSound")
    speakers = {line.split(",")[0].strip() for line in _lines(file)}
    folder = file.parent.parent
    sounds = sorted(folder.glob("audio_16k/*.wav")) or sorted(folder.glob("*44k/*.wav"))
    words = {"throatclearing": "throat clearing"}
    items = []
    for sound in sounds:
        speaker, *_, kind = sound.stem.split("_")
        if speaker in speakers:
            items.append(_item(root, sound, words.get(kind, kind)))
    return items


def nsynth(root: Path, part: str) -> list[Item]:
    """nsynth-test/examples.json, and nsynth-test/audio/NAME.wav."""
    found = _find(root, f"nsynth-{part}/examples.json") or _find(root, "examples.json")
    if not found:
        raise BadManifest(f"{root} holds no NSynth: looked for nsynth-{part}/examples.json.")
    notes = json.loads(found[0].read_text(encoding="utf-8"))
    return [
        _item(root, found[0].parent / "audio" / f"{name}.wav", _note(note))
        for name, note in sorted(notes.items())
    ]


def _note(told: dict) -> str:
    return (
        f"<|pitch|><|midi_pitch_{told['pitch']}|><|velocity|><|midi_velocity_{told['velocity']}|>"
        f"<|sonic|>{', '.join(told['qualities_str'])}"
        f"<|instrument|>{told['instrument_family_str']}"
    )
