"""The sample that comes with Earshot: a few held-out recordings of everything it can be asked
about, drawn by chance from the corpus among those that may be passed on (credits.py).

    python -m model.training.sample MANIFESTS CORPUS OUT

MANIFESTS and CORPUS are the folders of model/training/corpus.py; CORPUS/test-dialogue.jsonl holds
follow-ups (model/training/dialogues.py). OUT gets manifest.jsonl and the recordings, as they are in
their packages where these are small, else as FLAC. No model has a say in what is drawn.
"""

import argparse
import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from model import audio
from model.messages import Clip
from model.paths import as_path
from model.training import collected
from model.training.credits import credit
from model.training.manifests import chance
from model.training.packing import write_lines
from model.training.sounds import LONGEST, pieces
from model.training.sources import described, held_out, pcm
from model.training.texts import sentence

PROMPTS = "asterisk-core-sounds-en-g722"  # in English: all of it is written down
GROUPS = {  # languages, and what answers to "What kind of sound is it?" end with: clips of each,
    # and to how many of them a follow-up is asked
    "en": (4, 4),
    **dict.fromkeys(("es", "fr", "it", "ru", "cs", "nl"), (3, 1)),
    "animal": (6, 2),
    "instrument": (7, 2),
    "note": (8, 3),
    "drum": (6, 1),
    "sound": (6, 2),  # of a voice
    "event": (6, 2),
}
SMALL = {".g722", ".ogg", ".oga"}  # copied; others become FLAC
SHORTEST, LONG = 0.3, 5  # seconds of a clip that is no instrument
_FOLLOWING = "test-dialogue"
_TOLD = (  # what a line says after its clip and its task
    *("language", "text", "question", "before", "split", "kind", "label", "speaker", "gender"),
    *("family", "instrument", "pitch", "synthetic", "source"),
)
_SLACK = 0.05  # seconds by which the length in a manifest may be wrong


@dataclass(eq=False)
class Candidate:
    """A held-out clip of the corpus, and what is asked of it."""

    folder: Path  # of the corpus
    listed: list[dict]  # the recordings it may come from
    rows: list[dict] = field(default_factory=list)
    follow_ups: list[dict] = field(default_factory=list)

    @property
    def facts(self) -> dict:
        return (self.rows or self.follow_ups)[0]

    @property
    def group(self) -> str:
        """A name in GROUPS; empty where it is not drawn from."""
        told = {row["task"]: row["text"] for row in self.rows}
        if self.facts["kind"] == "speech":
            is_prompt = self.facts["source"] == PROMPTS and self.facts["said"] != "letter"
            language = self.facts["language"]
            fits = is_prompt if language == "en" else "language" in told
            return language if fits and "gender" in told else ""
        if self.facts["kind"] == "note":
            return "note"
        return told.get("kind of sound", "").rstrip(".").split(" ")[-1]

    @property
    def what(self) -> str:
        """That of which a group shall not have twice, if it can be helped."""
        named = [row["text"] for row in self.rows if row["task"] == "event"]
        return named[0] if named else self.facts.get("family") or self.facts.get("speaker", "")

    @cached_property
    def samples(self) -> np.ndarray:
        """(n,) int16"""
        facts = self.facts
        return audio.part(self.folder / facts["audio"], facts["start"], facts["duration"]).pcm()

    @cached_property
    def origin(self) -> str:
        """The recording that the clip is, or begins: its path from the folder of sources. A note
        has none, and gives its package; empty is what may not be passed on."""
        if self.facts["kind"] == "note":
            return f"{self.facts['source']}/"
        sources = self.folder / "sources"
        for row in self.listed:
            if credit(row["audio"]) and _may_be(row, self.facts):
                first = pieces(_heard(sources / row["audio"]), learned=False)
                if first and np.array_equal(first[0], self.samples):
                    return row["audio"]
        return ""

    @property
    def is_ours(self) -> bool:
        """Whether it is of a fit length, and may be passed on."""
        longest = LONGEST if self.group == "instrument" else LONG  # at LONGEST it is cut
        return SHORTEST <= self.facts["duration"] < longest and bool(self.origin)


def _may_be(row: dict, facts: dict) -> bool:
    """Whether a recording, by what is known of it, can be the one of a clip."""
    if row["package"] != facts["source"]:
        return False
    lasts = min(row.get("duration", facts["duration"]), LONGEST)
    if abs(lasts - facts["duration"]) > _SLACK:
        return False
    return facts["kind"] == "speech" or row["text"] == facts["label"]


@lru_cache(maxsize=1000)
def _heard(file: Path) -> np.ndarray:
    return pcm(file)


def candidates(listed: list[dict], corpus: Path) -> list[Candidate]:
    """Every clip of the corpus's test manifests, in an order of chance."""
    found: dict[tuple, Candidate] = {}
    for file in sorted(corpus.glob("test-*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            place = row["audio"], row["start"], row["duration"]
            one = found.setdefault(place, Candidate(corpus, listed))
            (one.follow_ups if file.stem == _FOLLOWING else one.rows).append(row)
    return sorted(found.values(), key=lambda one: chance(one.facts, "sample"))


def drawn(clips: list[Candidate], n: int, follow_ups: int) -> list[Candidate]:
    """`n` of them, the first `follow_ups` with a follow-up as far as there are such, and as
    different as may be."""
    left, taken, seen = list(clips), [], Counter()
    for i in range(n):
        asked = [one for one in left if one.follow_ups and i < follow_ups]
        while fit := asked or left:
            one = min(fit, key=lambda one: seen[one.what])  # the first of what is rarest
            left.remove(one)
            asked = [other for other in asked if other is not one]
            if one.is_ours:
                seen[one.what] += 1
                taken.append(one)
                break
    return taken


def make(listed: list[dict], corpus: Path, out: Path) -> list[dict]:
    """Writes the sample, and returns the lines of its manifest. `listed` are the recordings that
    are held out, `audio` from corpus/sources."""
    out.mkdir(parents=True, exist_ok=True)
    lines, names = [], {}
    for row in listed:
        if row["package"] == PROMPTS and row["task"] != "letter":
            names[row["audio"]] = _copied(corpus / "sources" / row["audio"], out)
            told = row | {"task": "transcribe", "text": sentence(row["text"]), "kind": "speech"}
            lines.append(_line(names[row["audio"]], row["audio"], told | {"source": PROMPTS}))
    every = candidates(listed, corpus)
    for group, (n, follow_ups) in GROUPS.items():
        for i, one in enumerate(drawn([c for c in every if c.group == group], n, follow_ups)):
            name = names.get(one.origin) or _written(one, out)
            for row in [*one.rows, *one.follow_ups[: i < follow_ups]]:
                if (row["task"], group) != ("transcribe", "en") or row.get("before"):
                    lines.append(_line(name, one.origin, row))
    write_lines(out / "manifest.jsonl", lines)
    return lines


def _copied(file: Path, out: Path) -> str:
    """A prompt, under the name it goes by."""
    name = f"digit-{file.name}" if file.parent.name == "digits" else file.name
    shutil.copyfile(file, out / name)
    return name


def _written(one: Candidate, out: Path) -> str:
    """The recording as it is where it is small, else its sound."""
    file = one.folder / "sources" / one.origin
    stem = first = _stem(one)
    n = 1
    while list(out.glob(f"{stem}.*")):
        n += 1
        stem = f"{first}-{n}"
    if file.suffix in SMALL:
        name = f"{stem}{file.suffix}"
        shutil.copyfile(file, out / name)
    else:
        name = f"{stem}.flac"
        audio.export(Clip.of(one.samples), out / name, "flac")
    return name


def _stem(one: Candidate) -> str:
    """What is heard, as the name of a file: dog, note-harp, fr."""
    what = one.facts.get("language") or one.facts.get("instrument") or one.what
    letters = re.sub(r"[^a-z0-9]+", "-", re.sub(r"^an? ", "", what.lower())).strip("-")
    return f"note-{letters}" if one.group == "note" else letters


def _line(name: str, origin: str, row: dict) -> dict:
    owed = credit(origin)
    told = {key: row[key] for key in _TOLD if row.get(key)}
    line = {"audio": name, "duration": round(row["duration"], 3), "task": row["task"]} | told
    return line | {"file": Path(origin).name, "licence": owed.licence, "by": owed.by}


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Draw the sample that comes with Earshot.")
    for name in ("manifests", "corpus", "out"):
        cli.add_argument(name, type=as_path)
    args = cli.parse_args(argv)
    listed = described(args.manifests) + collected.described(args.corpus / "sources")
    lines = make([row for row in listed if held_out(row)], args.corpus, args.out)
    for task, n in Counter(line["task"] for line in lines).items():
        print(f"{task}: {n}")


if __name__ == "__main__":
    main()
