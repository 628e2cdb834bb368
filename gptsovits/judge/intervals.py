"""Bootstrap intervals (Efron 1979) of means and of differences of paired values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DRAWS = 4000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Percentile interval of the mean of ``values``; raises ValueError for none."""
    if not values:
        raise ValueError("An interval needs at least one value.")
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(len(array), size=(_DRAWS, len(array)))
    low, high = np.percentile(array[drawn].mean(1), [2.5, 97.5])
    return Interval(float(array.mean()), float(low), float(high))


def paired_gain(better: Sequence[float], worse: Sequence[float], seed: int = 0) -> Interval:
    """Interval of the mean of ``better - worse``, sentence by sentence; a gain is sure when ``low`` is above 0."""
    return interval([one - other for one, other in zip(better, worse, strict=True)], seed)
