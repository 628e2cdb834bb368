"""The audible notice of synthetic speech: "short long, short short" (Morse "AI"), as GB 45438-2025 has it."""

from __future__ import annotations

import numpy as np

from gptsovits.audio.dsp import Floats

SECONDS = 1.0
"""Length with the silence behind it."""
LEVEL_DBFS = -20.0
"""Peak of the tone."""
HERTZ = 880.0
UNIT_SECONDS = 0.06
EDGE_SECONDS = 0.005
_LETTERS = ((1, 3), (1, 1))
_LETTER_GAP = 3


def notice(sample_rate: int) -> Floats:
    """The tone mark ``(sample_rate,)``, the same samples every time."""
    wave = np.zeros(int(SECONDS * sample_rate), np.float32)
    unit, start = UNIT_SECONDS * sample_rate, 0
    for letter in _LETTERS:
        for units in letter:
            begin, end = round(start * unit), round((start + units) * unit)
            wave[begin:end] = _beep(end - begin, sample_rate)
            start += units + 1
        start += _LETTER_GAP - 1
    return wave


def _beep(length: int, sample_rate: int) -> Floats:
    time = np.arange(length) / sample_rate
    edge = np.minimum(time, time[::-1]) / EDGE_SECONDS
    shape = 0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1.0))
    return np.asarray(10 ** (LEVEL_DBFS / 20) * shape * np.sin(2 * np.pi * HERTZ * time), np.float32)
