"""Groups of values by the exponent of the old value: the larger a float, the larger one step of it, the fewer taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta.words import Word, Words, exponents

GROUPS = 3
"""Six save another two per cent, and make applying a third slower."""
CANDIDATES = 24
FEWEST = 2048
"""A group of its own must be worth its tables."""


def edges_of(before: Words, folded: Words, word: Word) -> tuple[int, ...]:
    """Exponents at which groups best begin, rising: a value takes about as many bits as its group's mean has."""
    found = exponents(before, word)
    counts = np.bincount(found, minlength=256)
    sums = np.bincount(found, weights=folded, minlength=256) + counts
    common = np.argsort(-counts, kind="stable")[:CANDIDATES]
    candidates = sorted(int(one) for one in common if counts[one])[1:]
    below = np.concatenate([[0.0], np.cumsum(counts)]), np.concatenate([[0.0], np.cumsum(sums)])

    def bits(edges: tuple[int, ...]) -> float:
        total = 0.0
        for one, two in pairwise((0, *edges, 256)):
            count, weight = (float(series[two] - series[one]) for series in below)
            if count < FEWEST and edges:
                return np.inf
            total += count * np.log2(weight / count) if count else 0.0
        return total

    choices = (edges for more in range(GROUPS) for edges in combinations(candidates, more))
    return min(choices, key=bits)


def places_of(old: Words, edges: Sequence[int], word: Word) -> Iterator[NDArray[np.intp]]:
    """Where the values of each group are among these old words."""
    magnitudes = old & ((1 << word.top) - 1)
    above = [magnitudes >= (edge << word.exponent_at) for edge in edges]
    yield from (mask.nonzero()[0] for mask in (~above[0], *(one ^ two for one, two in pairwise(above)), above[-1]))
