"""What was measured, beside what is wanted of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """One figure of one part."""

    what: str
    step: str
    part: str
    figure: Callable[[dict], float]
    wanted: str
    is_met: Callable[[float], bool]


GOALS = (
    Goal(
        "largest difference of logits in float32",
        *("parity", "float32"),
        lambda row: row["worst_logit_diff"],
        *("≤ 1e-4", lambda value: value <= 1e-4),
    ),
    Goal(
        "peak of GPU memory while the model is loaded, GB",
        *("full_shape", "load"),
        lambda row: row["gpu_peak_gb"],
        *("≤ 7.5", lambda value: value <= 7.5),
    ),
    Goal(
        "first token after a clip of 10 s, s",
        *("full_shape", "answer"),
        lambda row: row["first_token_s"],
        *("≤ 0.5", lambda value: value <= 0.5),
    ),
    Goal(
        "first token of a second turn, s",
        *("full_shape", "turns"),
        lambda row: row["warm_first_s"][1],
        *("≤ 0.15", lambda value: value <= 0.15),
    ),
    Goal(
        "share of the memory's bandwidth while decoding",
        *("full_shape", "answer"),
        lambda row: row["bandwidth_share"],
        *("≥ 0.45", lambda value: value >= 0.45),
    ),
    Goal(
        "tokens of the captured step up to the first that the plain one says otherwise",
        *("full_shape", "captured"),
        lambda row: row["first_unlike"][0] if row["first_unlike"] else row["tokens"],
        *("all alike", lambda value: value > 0),  # and the part itself says whether all were
    ),
    Goal(
        "peak of GPU memory on a card of 8 GB with a screen, GB",
        *("memory", "card_of_8_gb_with_a_screen"),
        lambda row: row["gpu_peak_gb"],
        *("≤ 7.0", lambda value: value <= 7.0),
    ),
)


def judged(rows: list[dict]) -> list[tuple[Goal, float | None, bool | None]]:
    """Each goal with its figure and whether it is met; None where it was not measured."""
    found = {(row.get("step"), row.get("part")): row for row in rows}
    told = []
    for goal in GOALS:
        row = found.get((goal.step, goal.part), {})
        try:
            value = goal.figure(row)
        except (KeyError, IndexError, TypeError):
            told.append((goal, None, None))
            continue
        told.append((goal, value, goal.is_met(value) and row.get("ok", True) is not False))
    return told


def write(rows: list[dict], out: Path, *, toy: bool) -> str:
    """The table, also as report.md in `out`."""
    lines = ["| what | wanted | measured | |", "|---|---|---|---|"]
    words = {True: "yes", False: "no", None: "not measured"}
    for goal, value, met in judged(rows):
        shown = "" if value is None else f"{value:g}"
        said = "" if toy and met is not None else words[met]
        lines.append(f"| {goal.what} | {goal.wanted} | {shown} | {said} |")
    failed = [f"{row['step']}: {row.get('part', '')}" for row in rows if row.get("ok") is False]
    lines += ["", f"Failed: {', '.join(failed)}." if failed else "No part failed."]
    if toy:
        lines.append("At toy size, on a processor: the figures say nothing.")
    text = "\n".join(lines) + "\n"
    (out / "report.md").write_text(text, encoding="utf-8")
    return text


def status(rows: list[dict], *, toy: bool) -> int:
    """Exit status: 0 where no part failed and, on a GPU, no goal was missed or left unmeasured."""
    failed = any(row.get("ok") is False or "skipped" in row for row in rows)
    missed = not toy and any(met is not True for _, _, met in judged(rows))
    return int(failed or missed)
