"""Intervals from few draws: what they are drawn from is what is tested."""

import pytest

from model.evaluation import metrics


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 40)
