"""Cleaning that changes nobody's voice: rumble away, level set, silence at the ends trimmed."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from gptsovits.pipeline.check import FRAME_SECONDS, frame_levels
from gptsovits.pipeline.decode import Recording

RUMBLE_HZ = 50.0
SPEECH_DB = -23.0
PEAK = 0.95
EDGE_SECONDS = 0.2


def clean(recording: Recording) -> Recording:
    """High-passed at 50 Hz (zero phase), speech at -23 dBFS RMS, at most 0.2 s of silence at the ends."""
    rate = recording.sample_rate
    wave = sosfiltfilt(butter(2, RUMBLE_HZ, "highpass", fs=rate, output="sos"), recording.wave.astype(np.float64))
    levels = frame_levels(wave.astype(np.float32), rate)
    speech = levels > np.percentile(levels, 99) - 30.0
    gain = 10 ** ((SPEECH_DB - float(np.mean(levels[speech]))) / 20)
    wave = wave * min(gain, PEAK / max(float(np.abs(wave).max()), 1e-9))
    frames, edge = np.flatnonzero(speech), int(EDGE_SECONDS * rate)
    size = int(rate * FRAME_SECONDS)
    start, end = max(frames[0] * size - edge, 0), min((frames[-1] + 1) * size + edge, len(wave))
    return Recording(wave[start:end].astype(np.float32), rate)
