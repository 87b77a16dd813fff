"""The loss of a run as a picture: JSON lines to SVG, without a plotting library."""

import json
from pathlib import Path

_WIDE, _HIGH, _EDGE = 720, 360, 48  # pixels
SMOOTH = 0.05  # share of the points so far that a mean runs over


def read(file: Path) -> list[dict]:
    """The lines of loss.jsonl: step, loss and more. After a stop, a step may stand there twice: the
    later counts."""
    if not file.exists():
        return []
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return sorted({line["step"]: line for line in lines}.values(), key=lambda line: line["step"])


def draw(points: list[tuple[int, float]], title: str) -> str:
    """Steps and losses -> an SVG: each loss a dot, the line their running mean."""
    if not points:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{_HIGH}"/>'
    losses = [loss for _, loss in points]
    low, high, last = min(losses), max(losses), max(step for step, _ in points)
    spread = (high - low) or 1.0

    def at(step: float, loss: float) -> str:
        x = _EDGE + (_WIDE - 2 * _EDGE) * step / max(1, last)
        y = _HIGH - _EDGE - (_HIGH - 2 * _EDGE) * (loss - low) / spread
        return f"{x:.1f},{y:.1f}"

    dots = "".join(f'<path d="M{at(*p)}h0"/>' for p in points)
    line = " ".join(at(step, mean) for step, mean in running(points))
    words = [_word(_WIDE / 2, 24, title, "middle")]
    words += [_word(_WIDE - _EDGE, _HIGH - 16, f"step {last}", "end"), _word(8, 24, "loss")]
    for share in (0, 0.5, 1):
        y = _HIGH - _EDGE - (_HIGH - 2 * _EDGE) * share
        words.append(_word(8, y + 4, f"{low + spread * share:.2f}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{_HIGH}" '
        'font-family="sans-serif" font-size="12" fill="#555">'
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#fff"/>'
        f'<g stroke="#b8c4d6" stroke-width="3" stroke-linecap="round">{dots}</g>'
        f'<polyline points="{line}" fill="none" stroke="#2f6fb3" stroke-width="2"/>'
        f"{''.join(words)}</svg>\n"
    )


def running(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means over the last few points: more of them as there are more."""
    n = max(1, round(len(points) * SMOOTH))
    means = []
    for i, (step, _) in enumerate(points):
        recent = [loss for _, loss in points[max(0, i + 1 - n) : i + 1]]
        means.append((step, sum(recent) / len(recent)))
    return means


def _word(x: float, y: float, text: str, anchor: str = "start") -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'
