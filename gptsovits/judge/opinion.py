"""Predicted opinion scores by DNSMOS P.835 (speechmos), 1 to 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from speechmos import dnsmos

Floats = npt.NDArray[np.float32]
SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Opinion:
    """Predicted means: ``overall``, ``signal`` and ``background`` quality."""

    overall: float
    signal: float
    background: float


def opinion(wave: Floats) -> Opinion:
    """Predicted opinion of speech at 16 kHz; peaks are brought to 0.7 of full scale first."""
    level = max(float(np.abs(wave).max()), 1e-5)
    scores = dnsmos.run((wave * (0.7 / level)).astype(np.float32), SAMPLE_RATE)
    return Opinion(float(scores["ovrl_mos"]), float(scores["sig_mos"]), float(scores["bak_mos"]))


def mean_overall(waves: Sequence[Floats]) -> float:
    """Mean of the overall opinion."""
    return float(np.mean([opinion(wave).overall for wave in waves]))
