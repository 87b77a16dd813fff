"""Every item asked of an engine, scored, and written down as it comes: an interrupted run goes on
where it stopped."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model import audio
from model.engine import Engine
from model.errors import DoesNotFit, Unplayable
from model.evaluation.manifest import BadManifest, Item, Sound
from model.evaluation.metrics import METRICS, Metric, Pair
from model.messages import Clip, Message, Sampling
from model.tasks import TASKS, Task

# names of tasks in manifests that are other words for a row of model/tasks.py
ALSO = {name: "transcribe" for name in ("asr", "command", "word", "digit", "letter", "syllable")}
ALSO |= {name: "event" for name in ("sound_event", "animal", "drum", "game_creature")}
ALSO |= {"vocal": "vocal sound", "word_translation": "translate"}
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
    *,
    batch: int = 1,
) -> list[Summary]:
    """Asks what `written` (JSON lines, one an item) does not hold yet, then sums it all up.

    Up to `batch` items are asked at once, where the engine can. A recording that cannot be read, or
    does not fit, counts as all wrong, and its line says why.
    """
    for task in {item.task for item in items}:
        row_of(task)
    done = _read(written)
    todo = sorted((item for item in items if item.key not in done), key=alike)
    with written.open("a", encoding="utf-8") as file:
        for together in _batches(todo, batch):
            progress(len(items) - len(todo) + together.start, len(items))
            for row in _ask(engine, todo[together]):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
    progress(len(items), len(items))
    return summaries(rows(written, items))


def rows(written: Path, items: Sequence[Item]) -> list[dict]:
    """What was written of these items, in their order."""
    done = _read(written)
    return [done[item.key] for item in items]


def _read(written: Path) -> dict[str, dict]:
    if not written.exists():
        return {}
    with written.open(encoding="utf-8") as lines:
        return {row["key"]: row for row in map(json.loads, lines)}


def _kind(item: Item) -> tuple[str, str]:
    return item.task, item.language


def alike(item: Item) -> tuple:
    """To sort by: items with answers and sounds of one length come together."""
    return *_kind(item), len(item.before), float(item.told.get("duration") or 0)


def _batches(items: Sequence[Item], size: int) -> Iterator[slice]:
    """Neighbours of one task and language, at most `size` of them."""
    start = 0
    while start < len(items):
        stop = start + 1
        while stop < min(len(items), start + size) and _kind(items[stop]) == _kind(items[start]):
            stop += 1
        yield slice(start, stop)
        start = stop


# Asking -------------------------------------------------------------------------------------------


class _Talk:
    """The conversation about one item: what is still to be asked, and what was answered."""

    def __init__(self, item: Item, task: Task):
        self.item, self.answer, self.why = item, "", ""
        self.questions = [*item.before, item.question or task.asks]
        self.messages: list[Message] = []

    def ask(self) -> bool:
        """Puts the next question; False when there is none, or the sound cannot be read."""
        if self.why or not self.questions:
            return False
        parts: list = []
        if not self.messages:
            try:
                parts += map(clip_of, self.item.sounds)
            except Unplayable as error:
                self.fail(error)
                return False
        else:
            self.messages.append(Message("assistant", (self.answer,)))
        self.messages.append(Message("user", (*parts, self.questions.pop(0))))
        return True

    def fail(self, why: Exception) -> None:
        self.answer, self.why = "", str(why)

    def row(self) -> dict:
        item = self.item
        told = {"key": item.key, "task": item.task, "true": item.text, "answer": self.answer}
        told |= {"audio": item.told.get("audio"), "unplayable": self.why}
        more = {"question": item.question, "also": item.also, "language": item.language}
        return told | {name: value for name, value in more.items() if value}


def clip_of(sound: Sound) -> Clip:
    """What is heard of a recording. Raises Unplayable."""
    if sound.start is None:
        return audio.decode(sound.file)
    return audio.part(sound.file, sound.start, sound.duration)


def _ask(engine: Engine, items: Sequence[Item]) -> list[dict]:
    """Items of one task, side by side, each with its earlier questions first. A model that does
    not chat is given the task's tags, and of a conversation the last question alone."""
    task = row_of(items[0].task)
    talks = [_Talk(item, task) for item in items]
    tags = None
    if not engine.about.chats:
        tags = task.spoken_in(items[0].language) if items[0].language else task
        for talk in talks:
            del talk.questions[:-1]
    while asked := [talk for talk in talks if talk.ask()]:
        try:
            said = answers(engine, [talk.messages for talk in asked], tags)
        except DoesNotFit:  # one of them: each alone then
            said = [_answer_or_why(engine, talk, tags) for talk in asked]
        for talk, answer in zip(asked, said, strict=True):
            talk.answer = answer
    return [talk.row() for talk in talks]


def answers(
    engine: Engine, talks: Sequence[Sequence[Message]], tags: Task | None = None
) -> list[str]:
    """To each conversation, the likeliest words: at once where the engine can, or one by one."""
    if len(talks) > 1 and hasattr(engine, "reply_all"):
        return engine.reply_all(talks, MAX_TOKENS, task=tags)
    sampling = Sampling(max_tokens=MAX_TOKENS, temperature=0)
    return [
        "".join(piece.text for piece in engine.reply(talk, sampling, task=tags)) for talk in talks
    ]


def _answer_or_why(engine: Engine, talk: _Talk, tags: Task | None) -> str:
    try:
        return answers(engine, [talk.messages], tags)[0]
    except DoesNotFit as error:
        talk.fail(error)
        return ""


# Summing up ---------------------------------------------------------------------------------------


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
    pairs = [_pair(row) for row in rows]
    low, high = metric.interval(pairs)
    return Summary(task, metric.name, metric.better, metric.of(pairs), low, high, len(rows))


def worst(rows: Sequence[dict], n: int = 20) -> list[dict]:
    """The rows whose answers are furthest from what is true."""
    return sorted(rows, key=lambda row: -_badness(row))[:n]


def _badness(row: dict) -> float:
    return METRICS[row_of(row["task"]).metric].badness(_pair(row))


def _pair(row: dict) -> Pair:
    return Pair(
        row["true"],
        row["answer"],
        also=tuple(row.get("also", ())),
        choices=row_of(row["task"]).choices,
        language=row.get("language", "en"),
    )


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
