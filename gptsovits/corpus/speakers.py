"""Teacher speakers: mixtures of the intelligible teacher voices, shifted by resampling.

Mixtures stay inside the voices that speak English intelligibly; timbre and prosody halves are mixed on their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

GOOD_VOICES = ("jm_kumo", "jf_gongitsune", "jf_nezumi")
_HALF = 128
_NOISE = 0.12
_LOWEST, _HIGHEST = 0.93, 1.28


@dataclass(frozen=True)
class Speaker:
    """A style table ``(510, 256)`` and the factor by which its speech is resampled (above 1: higher, smaller head)."""

    number: int
    style: Floats
    shift: float
    pace: float


def speaker(number: int, tables: dict[str, Floats]) -> Speaker:
    """The speaker ``number``: the same number is always the same speaker. Two in three lean to the male voice."""
    source = np.random.default_rng([20260101, number])
    leaning = np.array([3.0, 0.6, 0.6]) if number % 3 else np.array([0.7, 1.2, 1.2])
    mean = np.mean([tables[name] for name in tables if name in GOOD_VOICES], axis=0)
    halves = [_mixture(source.dirichlet(leaning), tables, half) for half in (slice(0, _HALF), slice(_HALF, None))]
    style = np.concatenate(halves, axis=1)
    pull = source.uniform(0.0, 0.25)
    noise = _NOISE * style.std() * source.standard_normal(style.shape[1])
    style = ((1 - pull) * style + pull * mean + noise).astype(np.float32)
    shift = float(source.uniform(_LOWEST, _HIGHEST))
    return Speaker(number, style, shift, float(source.uniform(0.92, 1.15)))


def _mixture(weights: npt.NDArray[np.float64], tables: dict[str, Floats], half: slice) -> Floats:
    mixed = sum(weight * tables[name][:, half] for weight, name in zip(weights, GOOD_VOICES, strict=True))
    return np.asarray(mixed, np.float32)
