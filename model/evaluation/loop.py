"""Every item asked of an engine, scored, and written down as it comes: an interrupted run goes on
where it stopped."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model import audio
from model.engine import Engine
from model.errors import Unplayable
from model.evaluation.manifest import BadManifest, Item
from model.evaluation.metrics import METRICS, Metric, Pair
from model.messages import Message, Sampling
from model.tasks import TASKS, Task

# names of tasks in manifests that are other words for a row of model/tasks.py
ALSO = {name: "transcribe" for name in ("asr", "command", "word", "digit", "letter", "syllable")}
MAX_TOKENS = 256  # as in the published evaluation
ALL_SPEECH = "all speech"


@dataclass(frozen=True)
class Summary:
    """One task over all its items."""

    task: str
    metric: str
    better: str
    value: float
    low: float  # the 95 % interval
    high: float
    items: int


def row_of(task: str) -> Task:
    """The row for a task of a manifest. Raises BadManifest for a task, or a metric, not known."""
    row = TASKS.get(ALSO.get(task, task))
    if row is None or row.metric not in METRICS:
        known = ", ".join([*ALSO, *(name for name, r in TASKS.items() if r.metric in METRICS)])
        raise BadManifest(f"There is no way to score the task {task!r}. Known are: {known}.")
    return row


def run(
    engine: Engine,
    items: Sequence[Item],
    written: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Summary]:
    """Asks what `written` (JSON lines, one an item) does not hold yet, then sums it all up.

    A recording that cannot be read counts as all wrong, and its line says why.
    """
    for task in {item.task for item in items}:
        row_of(task)
    done = _read(written)
    with written.open("a", encoding="utf-8") as file:
        for number, item in enumerate(items):
            progress(number, len(items))
            if _key(item) not in done:
                file.write(json.dumps(_ask(engine, item), ensure_ascii=False) + "\n")
                file.flush()
    progress(len(items), len(items))
    return summaries(rows(written, items))


def rows(written: Path, items: Sequence[Item]) -> list[dict]:
    """What was written of these items, in their order."""
    done = _read(written)
    return [done[_key(item)] for item in items]


def _read(written: Path) -> dict[str, dict]:
    if not written.exists():
        return {}
    with written.open(encoding="utf-8") as lines:
        return {row["key"]: row for row in map(json.loads, lines)}


def _key(item: Item) -> str:
    return f"{item.told.get('audio')}|{item.task}|{item.question}"


def _ask(engine: Engine, item: Item) -> dict:
    task, answer, why = row_of(item.task), "", ""
    try:
        message = Message("user", (audio.decode(item.audio), item.question or task.asks))
        sampling = Sampling(max_tokens=MAX_TOKENS, temperature=0)
        answer = "".join(piece.text for piece in engine.reply([message], sampling))
    except Unplayable as error:
        why = str(error)
    row = {"key": _key(item), "task": item.task, "true": item.text, "answer": answer}
    return row | {"audio": item.told.get("audio"), "unplayable": why}


def summaries(rows: Sequence[dict]) -> list[Summary]:
    """One for each task, in the order of their names, and one for all speech together."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["task"], []).append(row)
    found = [_sum_up(task, groups[task]) for task in sorted(groups)]
    spoken = [row for row in rows if row_of(row["task"]).metric == "word error rate"]
    if len({row["task"] for row in spoken}) > 1:
        found.append(_sum_up(ALL_SPEECH, spoken))
    return found


def _sum_up(task: str, rows: Sequence[dict]) -> Summary:
    metric: Metric = METRICS[row_of(rows[0]["task"]).metric]
    pairs = [Pair(row["true"], row["answer"]) for row in rows]
    low, high = metric.interval(pairs)
    return Summary(task, metric.name, metric.better, metric.of(pairs), low, high, len(rows))


def worst(rows: Sequence[dict], n: int = 20) -> list[dict]:
    """The rows whose answers are furthest from what is true."""
    return sorted(rows, key=lambda row: -_badness(row))[:n]


def _badness(row: dict) -> float:
    return METRICS[row_of(row["task"]).metric].badness(Pair(row["true"], row["answer"]))


def as_table(found: Sequence[Summary]) -> str:
    """For people."""
    lines = [f"{'task':20} {'items':>6}  {'figure':>7}  95 % interval"]
    for s in found:
        interval = f"{s.low:.1%} to {s.high:.1%}"
        lines.append(
            f"{s.task:20} {s.items:6}  {s.value:7.1%}  {interval:18}  {s.metric}, {s.better} is "
            "better"
        )
    return "\n".join(lines)


def as_json(model: str, found: Sequence[Summary]) -> str:
    """For programs: one line."""
    return json.dumps({"model": model, "scores": [asdict(one) for one in found]})
