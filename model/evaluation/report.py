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

WORST = 20  # items shown with their sound
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #8884; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
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
    parts = [_figures(found), *_confusions(rows), _worst(worst(rows, WORST), where)]
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
            _number(f"{s.value:.1%}"),
            _number(f"{s.low:.1%} to {s.high:.1%}"),
            _number(s.items),
        ]
        for s in found
    ]
    return _table(("task", "metric", "figure", "95 % interval", "items"), body)


def _confusions(rows: Sequence[dict]) -> list[str]:
    """For each task with classes: what was true, what was said instead, how often."""
    parts = []
    for task in sorted({row["task"] for row in rows}):
        if row_of(task).label != "class":
            continue
        pairs = Counter(
            (labels.label(row["true"]), labels.label(row["answer"]))
            for row in rows
            if row["task"] == task
        )
        wrong = [(pair, n) for pair, n in pairs.most_common() if pair[0] != pair[1]]
        body = [[_text(true), _text(said or "nothing"), _number(n)] for (true, said), n in wrong]
        parts.append(f"<h2>{escape(task)}: taken for something else</h2>")
        parts.append(_table(("true", "said", "times"), body) if body else "<p>Never.</p>")
    return parts


def _worst(rows: Sequence[dict], where: dict[str, Sequence[Sound]]) -> str:
    body = []
    for row in rows:
        sound = " ".join(map(_player, where.get(row["key"], ())))
        body.append([_text(row["audio"]), f"<td>{sound}</td>", _text(row["true"])])
        body[-1].append(_text(row["answer"] or row["unplayable"] or "(nothing)"))
    return "<h2>Worst first</h2>" + _table(("recording", "sound", "true", "answer"), body)


def _player(sound: Sound) -> str:
    written = io.BytesIO()
    try:
        audio.export(clip_of(sound), written, "flac")
    except Unplayable:
        return "(not playable)"
    data = base64.b64encode(written.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/flac;base64,{data}"></audio>'
