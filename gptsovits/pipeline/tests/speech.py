"""Test signals: something that moves like speech, at any length, from a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000


def speech_like(seconds: float, pitch: float = 120.0, seed: int = 0) -> NDArray[np.float32]:
    """A harmonic tone with syllable-like energy and pauses, shape (seconds * 16000,), peak 0.5."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    glide = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3.5 * time) + 0.3, 0, 1) * (np.sin(2 * np.pi * 0.25 * time) > -0.7)
    wave = tone * syllables + 0.002 * rng.standard_normal(len(time))
    return np.asarray(0.5 * wave / np.abs(wave).max(), dtype=np.float32)
