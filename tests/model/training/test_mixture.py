"""The order of batches: a function of seed and number, with the shares that were asked for."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.spec import SAMPLE_RATE
from model.training import mixture
from model.training.data import Row


def row(task="transcribe", start=0.0, duration=1.0, **facts) -> Row:
    return Row(audio=Path("a"), start=start, duration=duration, task=task, text="Yes.", facts=facts)


def rows(**tasks: int) -> list[Row]:
    """So many clips of each task, of 0.3 to 6 s."""
    draw, made = np.random.default_rng(0), []
    for task, n in tasks.items():
        for _ in range(n):
            made.append(row(task, start=float(len(made)), duration=float(draw.uniform(0.3, 6))))
    return made


def mixed(of, chances=None, **more) -> mixture.Mixture:
    chances = mixture.weights(of) if chances is None else chances
    return mixture.Mixture(of, chances, **{"seed": 0, "seconds": 24} | more)


def drawn(mix: mixture.Mixture, n: int) -> Counter:
    return Counter(row for number in range(n) for unit in mix[number].units for row in unit)


def test_a_batch_depends_on_seed_and_number_alone():
    of = rows(transcribe=80, language=40)
    one, other = mixed(of), mixed(of)
    backwards = [other[n] for n in reversed(range(20))]
    assert [one[n] for n in range(20)] == backwards[::-1]
    assert one[3] != one[4] and one[3] != mixed(of, seed=1)[3]


def test_temperature_evens_out_the_tasks_and_weights_count_after_it():
    of = rows(transcribe=400, event=4)
    tasks = np.array([r.task for r in of])

    def share(**more) -> float:
        return mixture.weights(of, **more)[tasks == "event"].sum()

    assert share() == pytest.approx(4 / 404)
    assert share(temperature=2) == pytest.approx(2 / 22)
    assert share(temperature=1e9) == pytest.approx(0.5)
    assert share(temperature=2, given={"event": 10}) == pytest.approx(20 / 40)


def test_facts_weigh_rows_within_their_task():
    of = [row(start=0, source="a"), row(start=1, source="b", synthetic=True), row("event", start=2)]
    chance = mixture.weights(of, given={"synthetic": 0.5, "a": 2})
    assert chance == pytest.approx([2 / 3 * 0.8, 2 / 3 * 0.2, 1 / 3])
    assert mixture.weights(of, given={"a": 0})[0] == 0


def test_rows_come_as_often_as_they_should():
    of = rows(transcribe=30, language=10)
    found = drawn(mixed(of, mixture.weights(of, given={"language": 2})), 1500)
    by_task = Counter()
    for r, n in found.items():
        by_task[r.task] += n
    assert by_task["language"] / sum(by_task.values()) == pytest.approx(20 / 50, abs=0.03)
    each = np.array([found[r] for r in of if r.task == "transcribe"])
    assert each.std() / each.mean() < 0.25  # long clips as often as short ones


def test_rows_of_one_clip_come_together_each_as_often_as_it_should():
    of = [r for i in range(20) for r in (row("note", float(i)), row("event", float(i)))]
    chances = mixture.weights(of, given={"event": 0.25})
    found = drawn(mixed(of, chances, seconds=6), 400)
    notes, events = (sum(n for r, n in found.items() if r.task == t) for t in ("note", "event"))
    assert events / notes == pytest.approx(0.25, abs=0.05)
    whole = mixed(of, chances, whole=True)
    assert all(len(unit) == 2 for unit in whole[0].units)


def test_batches_have_few_shapes_and_alike_amounts_of_sound():
    mix = mixed(rows(transcribe=300, note=100))
    lengths = set()
    for number in range(0, 200, 2):
        batch, neighbour = mix[number], mix[number + 1]
        assert batch.n_samples == neighbour.n_samples and batch.n_samples % mixture.BUCKET == 0
        assert 17 < len(batch.units) * batch.n_samples / SAMPLE_RATE < 32
        lengths.add(batch.n_samples)
        for unit, speed in zip(batch.units, batch.speeds, strict=True):
            assert unit[0].duration / speed * SAMPLE_RATE <= batch.n_samples + 1
            assert speed == 1 or unit[0].task != "note"
    assert len(lengths) < 12
