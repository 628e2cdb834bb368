"""Lossy updates: a change made coarser than it is, so that its delta is smaller. Only where somebody asks for it.

What becomes of it is a tensor like any other: its delta is lossless, and predicts and codes coarser steps.
"""

from __future__ import annotations

import math

import numpy as np

from gptsovits.formats.delta.layout import DeltaError
from gptsovits.formats.delta.words import WORDS, Words, floats, ordered


def coarse(base: bytes, result: bytes, dtype: str, error: float) -> tuple[bytes, float]:
    """A tensor near `result` whose change from `base` has fewer bits, and how far its change is off.

    Both errors are shares: root mean squares of what is lost over that of the change. `error` is the most that may be
    lost. A tensor with values that are no numbers stays as it is.

    Raises:
        DeltaError: another number of values, or a type that has no deltas.
    """
    word = WORDS.get(dtype)
    if word is None or len(base) != len(result) or len(base) % word.bytes:
        raise DeltaError(f"No delta of {dtype} from {len(base)} to {len(result)} bytes is possible.")
    before, after = (np.frombuffer(side, word.unsigned) for side in (base, result))
    with np.errstate(invalid="ignore"):  # signalling NaNs
        old, new = (floats(side, word).astype(np.float64) for side in (before, after))
        change = math.sqrt(float(np.square(new - old).sum()))
    if not (np.isfinite(old).all() and np.isfinite(new).all() and change):
        return result, 0.0
    start = ordered(before, word)
    moves = (ordered(after, word) - start).view(f"<i{word.bytes}")
    made, lost = result, 0.0
    for grain in range(1, word.top):
        half = 1 << (grain - 1)
        rounded = ((moves.astype(np.int64) + half) >> grain << grain).astype(moves.dtype)
        tried: Words = ordered(start + rounded.view(word.unsigned), word)
        with np.errstate(invalid="ignore"):
            lost_values = floats(tried, word).astype(np.float64) - new
        share = math.sqrt(float(np.square(lost_values).sum())) / change
        if not share <= error:  # too far, or no number
            break
        made, lost = tried.tobytes(), share
    return made, lost
