"""Finding the factors of a prediction: a truncated singular value decomposition, rounded as coarsely as pays.

What a rank costs and gains is known without trying: values of variance v take log2(v) / 2 bits each, and rounding the
factors costs least when its noise is to what is left over as the factors' numbers are to the tensor's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta.layout import FACTOR_SHARE, MOST_RANK
from gptsovits.formats.delta.lowrank import Factors, Floats
from gptsovits.formats.delta.words import Word, Words, exponents, floats

LEAST_SIZE = 4096
"""Values below which factors never pay."""
_BITS_OF_NORMAL = 2.05
"""Entropy of a normal variable whose deviation is one step."""
_MORE = 8
_ROUNDS = 2


def find(before: Words, after: Words, word: Word, shape: Sequence[int]) -> Factors | None:
    """The factors that save most in the estimate, or None where they would save nothing."""
    if len(shape) < 2 or before.size < LEAST_SIZE:
        return None
    old = floats(before, word)
    with np.errstate(invalid="ignore", over="ignore"):
        moves = (floats(after, word) - old).reshape(shape[0], -1)
        total = float(np.square(moves, dtype=np.float64).sum())
    most = min(MOST_RANK, *moves.shape, moves.size // (FACTOR_SHARE * sum(moves.shape)))
    if not most or not 0 < total < math.inf:
        return None
    left, values, right = _decomposed(moves, most)
    rank, step = _choice(values.astype(np.float64), total, _rounding(before, word), moves.shape)
    if not rank:
        return None
    scale = max(-128, min(127, round(math.log2(step))))
    balance = (moves.shape[0] / moves.shape[1]) ** 0.25
    unit = np.sqrt(values[:rank]) / np.float32(2.0 ** (scale / 2))
    return Factors(
        _small(left[:, :rank] * (unit * balance)), _small(right[:rank] * (unit / balance)[:, None]), scale,
        _floor(math.sqrt(total / moves.size), word),
    )  # fmt: skip


def _decomposed(moves: Floats, rank: int) -> tuple[Floats, Floats, Floats]:
    """The greatest singular values with their vectors, by subspace iteration from a fixed start."""
    width = min(rank + _MORE, *moves.shape)
    start = np.random.default_rng(0).standard_normal((moves.shape[1], width), np.float32)
    basis = np.linalg.qr(moves @ start)[0]
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(moves @ np.linalg.qr(moves.T @ basis)[0])[0]
    left, values, right = np.linalg.svd(basis.T @ moves, full_matrices=False)
    return (basis @ left)[:, :rank], values[:rank], right[:rank]


def _choice(values: NDArray[np.float64], total: float, rounding: float, shape: tuple[int, ...]) -> tuple[int, float]:
    """The rank with the least estimated bits (0: none), and the square of its factors' step.

    `values`: singular values, falling. `total`: sum of squares of all moves. `rounding`: variance of the words' own.
    """
    size = math.prod(shape)
    ranks = np.arange(1, len(values) + 1)
    share = ranks * sum(shape) / size
    left = np.maximum(total - np.cumsum(values**2), 0) / size + rounding
    deviations = values / math.sqrt(size)
    squares = np.maximum(6 * share * left / np.maximum(np.cumsum(deviations), 1e-30), 1e-38)
    bits_each = _BITS_OF_NORMAL + 0.5 * np.log2(np.maximum(deviations[:, None] / squares, 0.25))
    factors = np.array([bits_each[:rank, rank - 1].sum() for rank in ranks]) * sum(shape)
    costs = 0.5 * size * np.log2(left * (1 + share)) + factors
    best = int(np.argmin(costs))
    gains = costs[best] < 0.5 * size * math.log2(total / size + rounding)
    return (best + 1, float(squares[best])) if gains else (0, 1.0)


def _rounding(before: Words, word: Word) -> float:
    """Variance of what was lost when the new values became words, from the median old exponent."""
    middle = float(np.median(exponents(before, word)))
    return float(2.0 ** (2 * (middle - word.bias - word.exponent_at)) / 12)


def _floor(deviation: float, word: Word) -> int:
    """The exponent of values no larger than a common move: one step of those says nothing of the way."""
    return max(1, min(255, word.bias + math.ceil(math.log2(deviation)) + 1))


def _small(values: Floats) -> NDArray[np.int8]:
    rounded: NDArray[np.int8] = np.clip(np.rint(values), -127, 127).astype(np.int8)
    return rounded
