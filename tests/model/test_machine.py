"""Whether the large model can be held, on machines that are not this one."""

import pytest

from model import machine
from model.machine import BIG, _fit


@pytest.mark.parametrize(
    "free, total, why",
    [(20e9, 24e9, ""), (BIG, BIG, ""), (4e9, 24e9, "taken"), (5e9, 5e9, "small")],
)
def test_a_gpu_holds_it_or_says_why_not(free, total, why):
    fit = _fit("NVIDIA X", free, total, BIG, 4)
    assert (fit.why, fit.device, fit.free, fit.total) == (why, "NVIDIA X", free, total)


def test_this_machine_gets_an_answer():
    assert machine.fit().why in ("", "none", "small", "taken")


def test_what_the_present_model_leaves_counts_as_free(monkeypatch):
    import torch

    from model import placement

    monkeypatch.setattr(placement, "pick_device", lambda wanted="auto": torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4 * 10**9, 12 * 10**9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA X")
    assert machine.fit().why == "taken"
    assert machine.fit(spare=6e9).why == ""
    assert machine.fit(spare=6e10).free == 12e9
