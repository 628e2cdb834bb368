"""A window shorter than the transform, as the small model uses it."""

from __future__ import annotations

import numpy as np
import torch

from gptsovits.audio.dsp import spectrogram
from gptsovits.config import SpectrogramConfig
from gptsovits.nano.config import FFT_SIZE, HOP, SAMPLE_RATE, WINDOW
from gptsovits.nano.spectral import Spectrogram


def test_a_short_window_lies_in_the_middle_of_its_frame() -> None:
    wave = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1
    found = spectrogram(wave, SpectrogramConfig(SAMPLE_RATE, FFT_SIZE, HOP, WINDOW))
    expected = Spectrogram()(torch.from_numpy(wave)[None])[0].numpy()
    assert found.shape == expected.shape == (257, 100)
    assert np.abs(found - expected).max() < 1e-5
