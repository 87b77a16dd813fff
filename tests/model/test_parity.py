"""Our numbers beside the original's, on the fixtures beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import parity
from model.mel import log_mel, n_frames
from tests.model.conftest import noise, tiny_model

FIXTURES = Path(__file__).parents[3] / "shared/parity"


@pytest.mark.parity
@pytest.mark.skipif(not FIXTURES.exists(), reason="no parity fixtures beside the checkout")
def test_every_case_agrees_with_the_original(capsys):
    status = parity.main([str(FIXTURES)])
    assert status == 0, capsys.readouterr()


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_here_is_refused(capsys, tmp_path, device):
    with pytest.raises(SystemExit):
        parity.main([str(tmp_path), "--device", device])
    said = capsys.readouterr().err
    assert "There is no" in said or "cannot be used" in said


@pytest.mark.parity
@pytest.mark.skipif(not FIXTURES.exists(), reason="no parity fixtures beside the checkout")
def test_products_are_exact_while_it_is_measured(monkeypatch):
    seen = []
    monkeypatch.setattr(
        parity, "check", lambda *_: seen.append(torch.backends.cudnn.allow_tf32) or {}
    )
    with pytest.raises(KeyError):  # the summary has nothing to count
        parity.run(FIXTURES)
    assert seen and not any(seen) and torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    "samples, slots", [(160, 0), (800, 1), (16_000, 25), (480_000, 750), (10**6, 750)]
)
def test_slots_are_40_ms_each(samples, slots):
    assert tiny_model().audio.n_slots_of(samples) == slots


def test_the_log_mel_is_padded_before_its_floor_is_taken():
    mel = log_mel(noise(2).samples)
    assert mel.shape == (80, 3000)
    assert mel.max() - mel.min() <= 2.0 + 1e-5  # (8 in log10) / 4
    assert n_frames(32_000) == 200


@torch.inference_mode()
def test_shorter_windows_in_a_batch_do_not_hear_their_padding():
    model = tiny_model()
    mels = torch.stack([log_mel(noise(seconds).samples) for seconds in (1.0, 2.5)])
    together = model.audio(mels, [100, 250])
    alone = [model.audio(mels[i : i + 1], [n])[0] for i, n in enumerate((100, 250))]
    assert [len(span) for span in together] == [27, 64]
    torch.testing.assert_close(together[1], alone[1], atol=1e-5, rtol=1e-4)
    # only the convolution's edge differs: the last slots
    torch.testing.assert_close(together[0][:20], alone[0][:20], atol=0.5, rtol=0.5)
    assert np.isfinite(together[0].numpy()).all()
