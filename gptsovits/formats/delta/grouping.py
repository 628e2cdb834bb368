"""Groups of values by the exponent of the old value: the larger a float, the larger one step of it, the fewer taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_GROUPS = 6
FEWEST = 2048
"""A group of its own must be worth its tables."""


def edges_of(exponents: NDArray[np.uint8]) -> tuple[int, ...]:
    """Where groups begin: the commonest exponents, rising; others join the group below them."""
    counts = np.bincount(exponents, minlength=256)
    common = np.argsort(-counts, kind="stable")[: MOST_GROUPS - 1]
    return tuple(sorted(int(one) for one in common if one and counts[one] >= FEWEST))


def groups_of(exponents: NDArray[np.uint8], edges: Sequence[int]) -> NDArray[np.uint8]:
    """The group of each value: how many edges are at or below its exponent."""
    groups = np.zeros(exponents.shape, np.uint8)
    for edge in edges:
        groups += exponents >= np.uint8(edge)
    return groups
