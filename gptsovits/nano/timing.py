"""Phone times to nano tokens: which 40 ms belong to which phone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gptsovits.nano.config import SAMPLE_RATE, SAMPLES_PER_TOKEN
from gptsovits.nano.phones import token_classes

TOKEN_SECONDS = SAMPLES_PER_TOKEN / SAMPLE_RATE
LONGEST_GAP = 0.12
"""A silence inside a sentence that is shorter than this is shared out to its neighbours: nobody hears it."""


class CrowdedError(ValueError):
    """More phones than tokens: no clip of natural speech."""


def without_gaps(
    symbols: Sequence[str], ends: NDArray[np.float32], longest: float = LONGEST_GAP
) -> tuple[list[str], NDArray[np.float32]]:
    """Stretches (``symbols``, '' is silence, with their ``ends`` in seconds) without the short silences between phones.

    The first and the last stretch stay as they are.
    """
    begins = np.concatenate(([0.0], ends[:-1]))
    kept: list[str] = []
    moved: list[float] = []
    for index, symbol in enumerate(symbols):
        inner = 0 < index < len(symbols) - 1
        if not symbol and inner and ends[index] - begins[index] < longest:
            moved[-1] = float(begins[index] + ends[index]) / 2
            continue
        kept.append(symbol)
        moved.append(float(ends[index]))
    return kept, np.array(moved, np.float32)


def stretch_of_tokens(symbols: Sequence[str], ends: NDArray[np.float32], tokens: int) -> NDArray[np.int64]:
    """Index of the stretch that each of ``tokens`` tokens belongs to: in order, every phone at least once.

    Raises :class:`CrowdedError` when there are fewer tokens than phones.
    """
    least = np.array([1 if symbol else 0 for symbol in symbols])
    bounds = np.rint(ends / TOKEN_SECONDS).astype(np.int64)
    for index in range(len(bounds)):
        earliest = (bounds[index - 1] if index else 0) + least[index]
        bounds[index] = max(bounds[index], earliest)
    bounds[-1] = tokens
    for index in range(len(bounds) - 2, -1, -1):
        bounds[index] = min(bounds[index], bounds[index + 1] - least[index + 1])
    if bounds[0] < least[0]:
        raise CrowdedError(f"{int(least.sum())} phones do not fit into {tokens} tokens of 40 ms.")
    return np.repeat(np.arange(len(symbols)), np.diff(bounds, prepend=0))


def tokens_of_stretches(symbols: Sequence[str], stretches: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nano tokens ``(T,)`` of the stretch that each token belongs to."""
    begins = np.diff(stretches, prepend=-1) != 0
    return np.asarray(2 * token_classes(symbols)[stretches] + ~begins, np.int64)
