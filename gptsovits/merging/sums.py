"""Sums whose last bit does not depend on the machine: in float64, in one order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
LANES = 4096


def total(values: Doubles) -> float:
    """The sum of all values. Lanes are added up row by row and then exactly: no reduction that SIMD could reorder."""
    flat = values.reshape(-1)
    whole = len(flat) // LANES * LANES
    lanes = np.add.reduce(flat[:whole].reshape(-1, LANES), axis=0) if whole else np.zeros(0)
    return math.fsum([*lanes.tolist(), *flat[whole:].tolist()])


def norms(values: Doubles, axes: tuple[int, ...]) -> Doubles:
    """Euclidean norms over `axes`, which stay as axes of extent 1."""
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    rows = np.ascontiguousarray(np.transpose(values, (*axes, *kept))).reshape(-1, *(values.shape[a] for a in kept))
    squares = np.add.reduce(rows * rows, axis=0)
    sizes: Doubles = np.sqrt(squares).reshape([1 if a in axes else values.shape[a] for a in range(values.ndim)])
    return sizes


def double(values: NDArray[Any]) -> Doubles:
    """The values in float64."""
    return values.astype(np.float64)
