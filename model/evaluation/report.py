"""An evaluation as one HTML file that opens anywhere: figures, confusions, and the worst items with
their sound. Computes no figure itself.
"""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from model import audio, labels
from model.errors import Unplayable
from model.evaluation.loop import Summary, clip_of, row_of, worst
from model.evaluation.manifest import Item, Sound
from model.evaluation.metrics import METRICS

WORST = 12  # items of a task shown with their sound
FEW = 24  # classes at most for a table of all against all
MISTAKES = 60  # listed where there are more classes
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8884; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.same { font-weight: bold; }
.wide { overflow-x: auto; }
audio { height: 2rem; }
"""


def write(
    target: Path,
    model: str,
    found: Sequence[Summary],
    rows: Sequence[dict],
    items: Sequence[Item],
) -> None:
    """`rows` are those that the loop wrote; `items` know where the sounds are."""
    where = {item.key: item.sounds for item in items}
    parts = [_figures(found), *_confusions(rows)]
    parts += [_worst(task, some, where) for task, some in worst(rows, WORST).items() if some]
    target.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(model)}: '
        f"evaluation</title><style>{_STYLE}</style><body><h1>{escape(model)}</h1>" + "".join(parts),
        encoding="utf-8",
    )


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(row) + "</tr>" for row in body)
    return f"<table><tr>{top}</tr>{lines}</table>"


def _text(cell: object) -> str:
    return f"<td>{escape(str(cell))}</td>"


def _number(cell: object) -> str:
    return f'<td class="n">{escape(str(cell))}</td>'


def _figures(found: Sequence[Summary]) -> str:
    body = [
        [
            _text(s.task),
            _text(f"{s.metric} ({s.better} is better)"),
            _number(_shown(s, s.value)),
            _number(f"{_shown(s, s.low)} to {_shown(s, s.high)}"),
            _number(s.items),
            _number(_shown(s, s.published)),
            _number(_shown(s, s.other)),
        ]
        for s in found
    ]
    head = ["task", "metric", "figure", "95 % interval", "items", "Qwen-Audio", "best other"]
    if all(s.published is None for s in found):
        head, body = head[:-2], [row[:-2] for row in body]
    return _table(head, body)


def _shown(s: Summary, figure: float | None) -> str:
    return "" if figure is None else METRICS[s.metric].shown(figure)


def _confusions(rows: Sequence[dict]) -> list[str]:
    """For each task with classes, how often each was taken for which: all of it where they are few,
    the mistakes alone where they are many."""
    parts = []
    for task in sorted({row["task"] for row in rows}):
        row = row_of(task)
        if row.label != "class":
            continue
        pairs = Counter(
            (labels.label(each["true"]), _said(each["answer"], row.choices))
            for each in rows
            if each["task"] == task
        )
        parts.append(f"<h2>{escape(task)}: what was taken for what</h2>")
        few = len({true for true, _ in pairs}) <= FEW and len({said for _, said in pairs}) <= FEW
        parts.append(_matrix(pairs) if few else _mistakes(pairs))
    return parts


def _said(answer: str, choices: Sequence[str]) -> str:
    """The one label that an answer names, where all are known; or its words."""
    named = labels.named(answer, choices)
    return named.pop() if len(named) == 1 else labels.label(answer) or "nothing"


def _matrix(pairs: Counter) -> str:
    """A line for each true label, a column for each said one."""
    true = sorted({true for true, _ in pairs})
    said = [*true, *sorted({said for _, said in pairs} - set(true))]
    body = []
    for one in true:
        cells = (
            f'<td class="n{" same" if one == other else ""}">{pairs[one, other] or ""}</td>'
            for other in said
        )
        body.append([f"<th>{escape(one)}</th>", *cells])
    return '<div class="wide">' + _table(["true, and said as", *said], body) + "</div>"


def _mistakes(pairs: Counter) -> str:
    wrong = [(pair, n) for pair, n in pairs.most_common() if pair[0] != pair[1]]
    if not wrong:
        return "<p>Every answer was right.</p>"
    body = [[_text(true), _text(said), _number(n)] for (true, said), n in wrong[:MISTAKES]]
    rest = len(wrong) - MISTAKES
    return _table(("true", "said", "times"), body) + (f"<p>And {rest} more.</p>" * (rest > 0))


def _worst(task: str, rows: Sequence[dict], where: dict[str, Sequence[Sound]]) -> str:
    body = []
    for row in rows:
        sounds = where.get(row["key"], ())
        names = [f"{s.file.name}{'' if s.start is None else f', {s.start:.1f} s'}" for s in sounds]
        asked = [row["question"]] if row.get("question") else []
        players = " ".join(map(_player, sounds))
        body.append([_text("; ".join(names + asked)), f"<td>{players}</td>", _text(row["true"])])
        body[-1].append(_text(row["answer"] or row["unplayable"] or "(nothing)"))
    head = ("recording", "sound", "true", "answer")
    return f"<h2>{escape(task)}: worst first</h2>" + _table(head, body)


def _player(sound: Sound) -> str:
    written = io.BytesIO()
    try:
        audio.export(clip_of(sound), written, "flac")
    except Unplayable:
        return "(not playable)"
    data = base64.b64encode(written.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/flac;base64,{data}"></audio>'
