"""Every item asked of an engine, scored, and written down as it comes: an interrupted run goes on
where it stopped."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model import audio
from model.engine import Engine
from model.errors import Unplayable
from model.evaluation.manifest import Item
from model.evaluation.metrics import ACCURACY, WORD_ERROR_RATE, Metric, Score, interval, rate
from model.messages import Message, Sampling


@dataclass(frozen=True)
class Kind:
    """What an item of a task is asked, and how its answer is scored."""

    question: str
    metric: Metric


SPOKEN = Kind("What does the person say?", WORD_ERROR_RATE)
KINDS = {  # tasks of a manifest
    "asr": SPOKEN,
    "command": SPOKEN,
    "word": SPOKEN,
    "digit": SPOKEN,
    "label": Kind("What do you hear?", ACCURACY),
}
MAX_TOKENS = 200


@dataclass(frozen=True)
class Summary:
    """One task over all its items."""

    task: str
    metric: str
    better: str
    value: float
    low: float
    high: float
    items: int
    out_of: int  # words, or items


def run(
    engine: Engine,
    items: Sequence[Item],
    written: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Summary]:
    """Asks what `written` (JSON lines, one an item) does not hold yet, then sums it all up.

    A recording that cannot be read counts as all wrong, and its line says why.
    """
    rows = {}
    if written.exists():
        rows = {row["key"]: row for row in map(json.loads, written.open(encoding="utf-8"))}
    with written.open("a", encoding="utf-8") as file:
        for number, item in enumerate(items):
            progress(number, len(items))
            if _key(item) not in rows:
                rows[_key(item)] = row = _ask(engine, item)
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
    progress(len(items), len(items))
    return summaries([rows[_key(item)] for item in items])


def _key(item: Item) -> str:
    return f"{item.told.get('audio')}|{item.task}|{item.question}"


def _ask(engine: Engine, item: Item) -> dict:
    kind = KINDS.get(item.task, SPOKEN)
    answer, why = "", ""
    try:
        message = Message("user", (audio.decode(item.audio), item.question or kind.question))
        sampling = Sampling(max_tokens=MAX_TOKENS, temperature=0)
        answer = "".join(piece.text for piece in engine.reply([message], sampling))
    except Unplayable as error:
        why = str(error)
    score = kind.metric.score(item.text, answer)
    row = {"key": _key(item), "task": item.task, "true": item.text, "answer": answer}
    return row | {"audio": item.told.get("audio"), **asdict(score), "unplayable": why}


def summaries(rows: Sequence[dict]) -> list[Summary]:
    """One for each task, in the order of their names, and one for all speech together."""
    groups = {task: [row for row in rows if row["task"] == task] for task in _tasks(rows)}
    spoken = [row for row in rows if KINDS.get(row["task"], SPOKEN) is SPOKEN]
    if sum(KINDS.get(task, SPOKEN) is SPOKEN for task in groups) > 1:
        groups["all speech"] = spoken
    found = []
    for task, group in groups.items():
        metric = KINDS.get(task, SPOKEN).metric
        scores = [Score(row["count"], row["out_of"]) for row in group]
        value, (low, high) = rate(scores), interval(scores)
        out_of = sum(score.out_of for score in scores)
        found.append(
            Summary(task, metric.name, metric.better, value, low, high, len(group), out_of)
        )
    return found


def _tasks(rows: Sequence[dict]) -> list[str]:
    return sorted(Counter(row["task"] for row in rows))


def as_table(found: Sequence[Summary]) -> str:
    """For people."""
    lines = [f"{'task':12} {'items':>6} {'out of':>7}  {'figure':>7}  95 % interval"]
    for s in found:
        lines.append(
            f"{s.task:12} {s.items:6} {s.out_of:7}  {s.value:7.1%}  "
            f"{s.low:.1%} to {s.high:.1%}  {s.metric}, {s.better} is better"
        )
    return "\n".join(lines)
