"""Every item asked of an engine, scored, and written down as it comes: an interrupted run goes on
where it stopped."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from model import audio
from model.engine import Engine
from model.errors import DoesNotFit, Unplayable
from model.evaluation.benchmarks import MAX_TOKENS, Benchmark, Figure, judged
from model.evaluation.captions import NoCounter
from model.evaluation.manifest import BadManifest, Item, Sound
from model.evaluation.metrics import METRICS
from model.evaluation.pair import Pair
from model.messages import Clip, Message, Sampling
from model.tasks import Task

TOGETHER = {  # what several tasks of one manifest are summed up as, by their metrics
    "all speech": ("word error rate",),
    "all labels": ("accuracy", "note accuracy"),
}
BEGINNING = b'{"key": '  # of a line of answers


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
    published: float | None = None  # Qwen-Audio's, where it is a benchmark
    other: float | None = None  # the best other's


def row_of(task: str) -> Task:
    """The row of model/tasks.py for a task of a manifest. Raises BadManifest."""
    return judged(task).row


def run(
    engine: Engine,
    items: Sequence[Item],
    written: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    batch: int = 1,
) -> list[Summary]:
    """Asks what `written` (JSON lines, one an item) does not hold yet, then sums it all up. Answers
    of other weights, or of the same in other bits, do not count: a model is trained on, and asked
    again.

    Up to `batch` items are asked at once, where the engine can. A recording that cannot be read, or
    does not fit, counts as all wrong, and its line says why.
    """
    for task in {item.task for item in items}:
        judged(task)
    by = f"{engine.about.weights} in {engine.about.bits} bits" if engine.about.weights else ""
    done = {key for key, row in _read(written).items() if row.get("by", "") == by}
    todo = sorted((item for item in items if item.key not in done), key=alike)
    with _appending(written) as file:
        for together in _batches(todo, batch, engine.about.chats):
            progress(len(items) - len(todo) + together.start, len(items))
            for row in _ask(engine, todo[together]):
                file.write(json.dumps(row | {"by": by}, ensure_ascii=False) + "\n")
            file.flush()
    progress(len(items), len(items))
    return summaries(rows(written, items))


def rows(written: Path, items: Sequence[Item]) -> list[dict]:
    """What was last written of these items, in their order."""
    done = _read(written)
    return [done[item.key] for item in items]


def _read(written: Path) -> dict[str, dict]:
    """What is written already. The last line of a run that was killed may be half a line. Raises
    BadManifest where it is no file of answers: nothing is added to another."""
    if not written.exists():
        return {}
    lines, half = _whole_lines(written)
    try:
        done = {row["key"]: row for row in map(json.loads, lines.splitlines())}
    except (ValueError, TypeError, KeyError):
        done = None
    if done is None or not half.startswith(BEGINNING[: len(half)]):
        raise BadManifest(
            f"{written} is there already and holds no answers of an evaluation: give another name "
            "with --items."
        )
    return done


def _whole_lines(written: Path) -> tuple[bytes, bytes]:
    """All whole lines, and what comes after the last of them."""
    try:
        content = written.read_bytes()
    except OSError as error:
        raise BadManifest(f"{written} cannot be read: {error.strerror}.") from None
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


@contextmanager
def _appending(written: Path) -> Iterator[TextIO]:
    """To add to the whole lines of a file, which is made if need be."""
    whole = len(_whole_lines(written)[0]) if written.exists() else 0
    written.parent.mkdir(parents=True, exist_ok=True)
    with written.open("a", encoding="utf-8") as file:
        file.truncate(whole)
        yield file


def alike(item: Item) -> tuple:
    """To sort by: items with answers and sounds of one length come together."""
    return item.task, item.language, len(item.before), float(item.told.get("duration") or 0)


def _batches(items: Sequence[Item], size: int, chats: bool) -> Iterator[slice]:
    """Neighbours, at most `size` of them; for a model that reads tags, those with the same tags."""
    start = 0
    while start < len(items):
        stop = start + 1
        while stop < min(len(items), start + size) and (
            chats or alike(items[stop])[:2] == alike(items[start])[:2]
        ):
            stop += 1
        yield slice(start, stop)
        start = stop


# Asking -------------------------------------------------------------------------------------------


class _Talk:
    """The conversation about one item: what is still to be asked, and what was answered."""

    def __init__(self, item: Item, benchmark: Benchmark, chats: bool):
        self.item, self.chats, self.answer, self.why = item, chats, "", ""
        self.questions = [*item.before, item.question or benchmark.row.asks]
        if chats:
            self.questions[-1] += benchmark.chat
        else:
            del self.questions[:-1]
        self.messages: list[Message] = []

    def ask(self) -> bool:
        """Puts the next question; False when there is none, or the sound cannot be read."""
        if self.why or not self.questions:
            return False
        parts: list = []
        if not self.chats and len(self.item.sounds) > 1:
            self.why = "A model that reads tags hears one recording at a time."
            return False
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
    """Items side by side, each with its earlier questions first. A model that does not chat is
    given the tags that they share, and of a conversation the last question alone."""
    chats = engine.about.chats
    talks = [_Talk(item, judged(item.task), chats) for item in items]
    how = {"max_tokens": MAX_TOKENS}
    if not chats:
        benchmark, language = judged(items[0].task), items[0].language
        tags = benchmark.row.spoken_in(language) if language else benchmark.row
        how = {"max_tokens": benchmark.max_tokens, "tags": tags}
    while asked := [talk for talk in talks if talk.ask() and _is_heard(engine, talk)]:
        try:
            said = answers(engine, [talk.messages for talk in asked], **how)
        except DoesNotFit:  # one of them: each alone then
            said = [_answer_or_why(engine, talk, how) for talk in asked]
        for talk, answer in zip(asked, said, strict=True):
            talk.answer = answer
    return [talk.row() for talk in talks]


def _is_heard(engine: Engine, talk: _Talk) -> bool:
    """Whether something of each of its recordings is; else it is not asked."""
    room = engine.room(talk.messages)
    if room.has_answer and any(one.start == 0 for one in room.unheard):
        talk.fail(DoesNotFit("One of its recordings does not fit, and would not be heard at all."))
    return not talk.why


def answers(
    engine: Engine,
    talks: Sequence[Sequence[Message]],
    *,
    max_tokens: int = MAX_TOKENS,
    tags: Task | None = None,
) -> list[str]:
    """To each conversation, the likeliest words: at once where the engine can, or one by one."""
    if len(talks) > 1 and hasattr(engine, "reply_all"):
        found = engine.reply_all(talks, max_tokens, task=tags)
    else:
        sampling = Sampling(max_tokens=max_tokens, temperature=0)
        streams = (engine.reply(talk, sampling, task=tags) for talk in talks)
        found = ["".join(piece.text for piece in stream) for stream in streams]
    opening = tags.opening if tags else ""
    return [opening + text for text in found]


def _answer_or_why(engine: Engine, talk: _Talk, how: dict) -> str:
    try:
        return answers(engine, [talk.messages], **how)[0]
    except DoesNotFit as error:
        talk.fail(error)
        return ""


# Summing up ---------------------------------------------------------------------------------------


def summaries(rows: Sequence[dict]) -> list[Summary]:
    """One for each figure of each task, in the order of their names; then all that was written
    down, and all labels, together. Figures whose counter is not here are left out: see `missing`.
    """
    found = []
    for task, some in _grouped(rows).items():
        for figure in judged(task).figures:
            with suppress(NoCounter):
                found.append(_sum_up(task, figure, some))
    for name, metrics in TOGETHER.items():
        some = [row for row in rows if _only_metric(row) in metrics]
        if len({row["task"] for row in some}) > 1:
            counts = [METRICS[_only_metric(row)].counts(_pair(row)) for row in some]
            metric = METRICS[metrics[0]]
            judged_together = metric.judge_counts(np.array(counts, dtype=float))
            found.append(Summary(name, metric.name, metric.better, *judged_together, len(some)))
    return found


def _only_metric(row: dict) -> str:
    """Of a task; empty for a benchmark."""
    figures = judged(row["task"]).figures
    return figures[0].metric if len(figures) == 1 and figures[0].published is None else ""


def missing(rows: Sequence[dict]) -> list[str]:
    """A sentence for each figure that cannot be counted here, and what would help."""
    found = {}
    for task, some in _grouped(rows).items():
        for figure in judged(task).figures:
            try:
                METRICS[figure.metric].of([_pair(some[0])])
            except NoCounter as error:
                found[f"{figure.metric} is not counted. {error}"] = None
    return list(found)


def _grouped(rows: Sequence[dict]) -> dict[str, list[dict]]:
    groups: dict[str, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["task"]):
        groups.setdefault(row["task"], []).append(row)
    return groups


def _sum_up(task: str, figure: Figure, rows: Sequence[dict]) -> Summary:
    metric = METRICS[figure.metric]
    value, low, high = metric.judge([_pair(row) for row in rows])
    published = (figure.published, figure.other)
    return Summary(task, metric.name, metric.better, value, low, high, len(rows), *published)


def worst(rows: Sequence[dict], n: int = 20) -> dict[str, list[dict]]:
    """For each task, the rows whose answers are furthest from what is true; none that are right."""
    found = {}
    for task, some in _grouped(rows).items():
        for figure in judged(task).figures:
            with suppress(NoCounter):
                metric = METRICS[figure.metric]
                bad = zip(metric.badness(list(map(_pair, some))), some, strict=True)
                right = 0 if metric.better == "lower" else -1
                wrong = [(how, row) for how, row in bad if how > right]
                found[task] = [row for _, row in sorted(wrong, key=lambda each: -each[0])[:n]]
                break
    return found


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
    compared = any(s.published is not None for s in found)
    head = f"{'task':22} {'items':>6} {'figure':>9}  {'95 % interval':20}"
    head += f" {'Qwen-Audio':>10} {'best other':>10}" if compared else ""
    lines = [head.rstrip()]
    for s in found:
        shown = METRICS[s.metric].shown
        line = f"{s.task:22} {s.items:6} {shown(s.value):>9}  "
        line += f"{shown(s.low) + ' to ' + shown(s.high):20}"
        if compared:
            others = ("" if at is None else shown(at) for at in (s.published, s.other))
            line += "".join(f" {other:>10}" for other in others)
        lines.append(f"{line}  {s.metric}, {s.better} is better")
    return "\n".join(lines)


def as_json(model: str, found: Sequence[Summary]) -> str:
    """For programs: one line."""
    scores = [{k: v for k, v in asdict(one).items() if v is not None} for one in found]
    return json.dumps({"model": model, "scores": scores})
