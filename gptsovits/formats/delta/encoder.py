"""Making a delta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from gptsovits.formats.delta import parts, streams
from gptsovits.formats.delta.finding import find
from gptsovits.formats.delta.grouping import edges_of, places_of
from gptsovits.formats.delta.layout import DeltaError, Header
from gptsovits.formats.delta.lowrank import Factors, Prediction
from gptsovits.formats.delta.words import WORDS, Word, Words, folded, ordered

MOST_SHARE, LEAST_SAVED = 0.9, 512
"""A delta has to save a tenth of its tensor, and more bytes than naming it in an answer takes."""


def encode(base: bytes | memoryview, result: bytes | memoryview, dtype: str, shape: Sequence[int] = ()) -> bytes:
    """The delta that makes `result` of `base`: raw little-endian values of one type and, if it is given, one shape.

    Raises:
        DeltaError: another number of values, or a type that has no deltas (see `supports`).
    """
    word = WORDS.get(dtype)
    if word is None or len(base) != len(result) or len(base) % word.bytes:
        raise DeltaError(f"No delta of {dtype} from {len(base)} to {len(result)} bytes is possible.")
    before, after = (np.frombuffer(side, word.unsigned) for side in (base, result))
    digests = blake3(base).hexdigest(), blake3(result).hexdigest()
    made = [_coded(before, after, word, digests, None)]
    factors = find(before, after, word, shape)
    if factors is not None:
        made.append(_coded(before, after, word, digests, factors))
    return min(made, key=len)


def worth(delta: int, whole: int) -> bool:
    """Whether a delta of so many bytes is worth keeping beside its tensor."""
    return delta <= min(MOST_SHARE * whole, whole - LEAST_SAVED)


def _coded(before: Words, after: Words, word: Word, digests: tuple[str, str], factors: Factors | None) -> bytes:
    moves = ordered(after, word) - ordered(before, word)
    grain = _grain(moves)
    moves = (moves.view(f"<i{word.bytes}") >> grain).view(word.unsigned)
    rank = scale = floor = columns = 0
    if factors is not None:
        moves -= Prediction(factors, word, grain).of_rows(0, factors.left.shape[0], before)
        rank, scale, floor, columns = factors.rank, factors.scale, factors.floor, factors.right.shape[1]
    values = folded(moves, word)
    edges = edges_of(before, values, word)
    groups = [values[places] for places in places_of(before, edges, word)] if edges else [values]
    numbers = streams.write([factors.numbers]) if factors is not None else b""
    header = Header(word, len(before), *digests, edges, rank, scale, floor, grain, columns)
    return header.write() + numbers + parts.write(groups, word)


def _grain(moves: Words) -> int:
    """Zero bits that all differences end with: none, but where a change was made coarse (see `coarse`)."""
    every = int(np.bitwise_or.reduce(moves)) if moves.size else 0
    return max(0, (every & -every).bit_length() - 1)


def as_bytes(array: NDArray[Any]) -> bytes:
    """The raw little-endian bytes of a tensor, as objects of a hub hold them."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
