"""How a run's rate goes, when it ends, and the picture of its losses."""

import pytest

from model.training import curve
from model.training.course import Course


def test_the_rate_rises_stays_and_falls():
    course = Course(steps=100, warm_up=10)
    rates = [course(step) for step in range(100)]
    assert rates[0] == 0.1 and rates[9:75] == [1.0] * 66
    assert all(a > b for a, b in zip(rates[75:], rates[76:], strict=False))
    assert rates[-1] < 0.1 and course.is_over(100) and not course.is_over(99)


def test_minutes_become_steps_in_time():
    course = Course(minutes=10)
    for step in range(1, 1000):
        course.seconds = step  # a step a second
        course.settle(step)
        if course.is_over(step):
            break
    assert step == pytest.approx(600, abs=2)
    assert course(step - 1) < 0.2 and course(449) == 1


def test_a_resumed_run_keeps_its_end_unless_it_is_given_another_length():
    stopped = Course(minutes=10)
    stopped.seconds, stopped.end = 500, 600
    for minutes, end in ((10, 600), (20, None)):
        course = Course(minutes=minutes)
        wanted = dict(vars(course))
        vars(course).update(vars(stopped))
        course.go_on(wanted)
        assert (course.minutes, course.end, course.seconds) == (minutes, end, 500)


@pytest.mark.parametrize("length", [{}, {"steps": 3, "minutes": 2}, {"minutes": -1}])
def test_a_course_needs_one_length(length):
    with pytest.raises(ValueError):
        Course(**length)


def test_the_curve_is_a_picture_of_the_last_loss_of_each_step(tmp_path):
    file = tmp_path / "loss.jsonl"
    file.write_text(
        '{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 9.0}\n{"step": 2, "loss": 2.5}\n'
    )
    points = [(line["step"], line["loss"]) for line in curve.read(file)]
    assert points == [(1, 3.0), (2, 2.5)]
    picture = curve.draw(points, "a < b")
    assert picture.startswith("<svg") and "a &lt; b" in picture and picture.count("<path") == 2
    assert curve.draw([], "none").startswith("<svg")
    assert curve.running([(i, float(i)) for i in range(40)])[-1] == (39, 38.5)
