"""Samples to log-mel, as Whisper computes it. Knows nothing of windows or encoders."""

from functools import cache

import numpy as np
import torch

from model.spec import HOP, MELS, N_FFT, SAMPLE_RATE, WINDOW


@cache
def extractor(n_mels: int):
    """Whisper's front end as transformers has it, with its mel filters; made once."""
    # the import takes a second, and only those who listen need it
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(
        feature_size=n_mels, sampling_rate=SAMPLE_RATE, hop_length=HOP, n_fft=N_FFT
    )


def log_mel(samples: np.ndarray, n_mels: int = MELS) -> torch.Tensor:
    """Samples (n,) at 16 kHz -> (mels, 3000) float32. What is past 30 s is not heard.

    The wave is padded to 30 s first, so that the floor (8 below the maximum, in log10) is the
    same as in training.
    """
    heard = extractor(n_mels)(
        samples[:WINDOW], sampling_rate=SAMPLE_RATE, return_tensors="pt", device="cpu"
    )
    return heard.input_features[0]


def n_frames(n_samples: int) -> int:
    """Mel frames that hold sound: a begun frame does not count, and 30 s is the most."""
    return min(n_samples, WINDOW) // HOP
