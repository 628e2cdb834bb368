"""Pitch of a recording by Praat's autocorrelation (Boersma 1993), in two passes that find the speaker's own range."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import parselmouth

from gptsovits.nano.config import FRAMES_PER_SECOND, SAMPLE_RATE

_WIDEST = (55.0, 500.0)


def pitch_of(wave: npt.NDArray[np.float32], frames: int) -> npt.NDArray[np.float32]:
    """Hz at each of ``frames`` frames of 10 ms (their middles), 0 where unvoiced."""
    first = _track(wave, *_WIDEST)
    voiced = first.ts(), first.selected_array["frequency"]
    heard = voiced[1][voiced[1] > 0]
    if len(heard) == 0:
        return np.zeros(frames, np.float32)
    middle = float(np.median(heard))
    track = _track(wave, max(0.5 * middle, _WIDEST[0]), min(2.2 * middle, _WIDEST[1]))
    times = (np.arange(frames) + 0.5) / FRAMES_PER_SECOND
    nearest = np.abs(track.ts()[:, None] - times).argmin(0)
    return np.asarray(track.selected_array["frequency"][nearest], np.float32)


def _track(wave: npt.NDArray[np.float32], floor: float, ceiling: float) -> parselmouth.Pitch:
    sound = parselmouth.Sound(wave.astype(np.float64), SAMPLE_RATE)
    return sound.to_pitch_ac(time_step=1 / FRAMES_PER_SECOND, pitch_floor=floor, pitch_ceiling=ceiling)
