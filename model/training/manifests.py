"""Which clips of the packed parts are learned from, and what is asked of each: the manifests.

    train.jsonl, dev.jsonl, test-*.jsonl    a line is one clip and one task (model/training/data.py)

Chance is a clip's own: it hangs on the clip's name, so that a part more or less changes no other
line. What is held out stands in test manifests alone.
"""

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

from model.training.packing import clips, write_lines
from model.training.sources import held_out

DEV = 0.03  # share of the training clips kept to watch progress
TESTS = {  # task: the manifest of its held-out clips
    "transcribe": "test-speech",
    "language": "test-language",
    "gender": "test-gender",
    "kind of sound": "test-kind",
    "event": "test-event",
    "instrument family": "test-instrument",
    "instrument": "test-instrument-name",
    "note": "test-note",
}
MOST = {  # (task, whether synthesised): rows with one answer to learn from, so that none rules
    ("language", False): 1200,
    ("language", True): 800,
    ("gender", False): 2000,
    ("gender", True): 800,
    ("kind of sound", False): 1000,
    ("kind of sound", True): 1200,
}
MOST_TESTED = {  # the same, of what is held out
    ("language", False): 200,
    ("gender", False): 300,
    ("kind of sound", False): 120,
    ("kind of sound", True): 40,
}
BALANCED = {"language", "gender", "kind of sound"}  # rare answers are drawn more often
HEAVIEST = 4  # times as often


def write(folder: Path, dev: float = DEV) -> dict[str, list[dict]]:
    """Writes every manifest of the packed parts, and returns their lines. `dev` is the share of the
    training clips that is kept apart."""
    manifests = defaultdict(list)
    for (task, answer, made), found in _by_answer(folder).items():
        learned = [clip for clip in found if not held_out(clip)]
        tested = [clip for clip in found if held_out(clip)]
        for clip in _some(learned, MOST.get((task, made)), task):
            name = "dev" if chance(clip, "dev") < dev else "train"
            manifests[name].append(_row(clip, task, answer) | {"split": name})
        for clip in _some(tested, MOST_TESTED.get((task, made)), task):
            manifests[_test(clip, task)].append(_row(clip, task, answer))
    _balance(manifests["train"])
    for name, rows in manifests.items():
        rows.sort(key=lambda row: (row["audio"], row["start"], row["task"]))
        write_lines(folder / f"{name}.jsonl", rows)
    return dict(manifests)


def _balance(rows: list[dict]) -> None:
    """Gives the rows of BALANCED tasks a weight, so that their answers come equally often."""
    for task in BALANCED:
        asked = [row for row in rows if row["task"] == task]
        count = Counter(row["text"] for row in asked)
        for row in asked:
            row["weight"] = min(HEAVIEST, round(len(asked) / len(count) / count[row["text"]], 2))


def _test(clip: dict, task: str) -> str:
    """Notes of the held-out font apart from instruments that people played."""
    recorded = task == "instrument family" and clip["kind"] != "note"
    return f"{TESTS[task]}-recorded" if recorded else TESTS[task]


def chance(clip: dict, purpose: str) -> float:
    """In [0, 1): the same for the same clip and purpose, on every machine."""
    name = f"{purpose} {clip['audio']} {clip['start']:.4f}"
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) / 2**64


def _by_answer(folder: Path) -> dict[tuple[str, str, bool], list[dict]]:
    """The clips that have an answer, for each (task, answer, whether synthesised)."""
    found = defaultdict(list)
    for clip in clips(folder):
        for task, answer in clip["answers"].items():
            found[task, answer, bool(clip.get("synthetic"))].append(clip)
    return found


def _some(found: list[dict], most: int | None, task: str) -> list[dict]:
    return sorted(found, key=lambda clip: chance(clip, task))[:most]


def _row(clip: dict, task: str, answer: str) -> dict:
    facts = {name: fact for name, fact in clip.items() if name != "answers"}
    place = {name: facts.pop(name) for name in ("audio", "start", "duration")}
    return place | {"task": task, "text": answer, "question": ""} | facts
