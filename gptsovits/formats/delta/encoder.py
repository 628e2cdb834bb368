"""Making a delta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from gptsovits.formats.delta import streams
from gptsovits.formats.delta.grouping import edges_of, groups_of
from gptsovits.formats.delta.layout import PART, DeltaError, Header
from gptsovits.formats.delta.words import WORDS, Word, Words, exponents, folded, ordered

UPPER = 8
_COMMON = 0.995
_SAMPLE = 1 << 15
"""So many values, evenly spread, decide how all are coded."""


def encode(base: bytes | memoryview, result: bytes | memoryview, dtype: str) -> bytes:
    """The delta that makes `result` of `base`: raw little-endian values of one type, as many of each.

    Raises:
        DeltaError: another number of values, or a type that has no deltas (see `supports`).
    """
    word = WORDS.get(dtype)
    if word is None or len(base) != len(result) or len(base) % word.bytes:
        raise DeltaError(f"No delta of {dtype} from {len(base)} to {len(result)} bytes is possible.")
    before, after = (np.frombuffer(side, word.unsigned) for side in (base, result))
    found = exponents(before, word)
    edges = edges_of(found)
    values = folded(ordered(after, word) - ordered(before, word), word)
    groups = groups_of(found, edges)
    parts = [_part(values[groups == group] if edges else values, word) for group in range(len(edges) + 1)]
    header = Header(word, len(before), blake3(base).hexdigest(), blake3(result).hexdigest(), edges)
    return header.write() + b"".join(parts)


@dataclass(frozen=True)
class _Coding:
    """`upper = values >> shift` if that is below `2 ** width - 1`, else an escape; `bits` is what it will cost."""

    shift: int
    width: int
    bits: float


def _part(values: Words, word: Word) -> bytes:
    coding = _coding(values, word)
    cap = (1 << coding.width) - 1
    upper = np.minimum(values >> values.dtype.type(coding.shift), values.dtype.type(cap)).astype(np.uint8)
    escaped = upper == cap
    rare = values[escaped]
    lower = np.where(escaped, values.dtype.type(0), values)
    written = [PART.pack(coding.shift, coding.width, len(rare)), streams.write(upper, coding.width)]
    for at, width in streams.widths_of(coding.shift):
        plane = (lower >> values.dtype.type(at)) & values.dtype.type((1 << width) - 1)
        written.append(streams.write_bits(plane.astype(np.uint8), width))
    planes = np.ascontiguousarray(rare.view(np.uint8).reshape(-1, word.bytes).T)
    written += [streams.write(plane) for plane in planes]
    return b"".join(written)


def _coding(values: Words, word: Word) -> _Coding:
    """The cheapest of a few: shifts around what the common values need; small widths where most values are tiny."""
    if values.size == 0:
        return _Coding(0, UPPER, 0.0)
    values = values[:: -(-values.size // _SAMPLE)]
    rank = int(_COMMON * (values.size - 1))
    common = int(np.partition(values, rank)[rank])
    length = common.bit_length()
    shifts = range(max(0, length - UPPER - 1), max(0, length - UPPER + 2) + 1)
    choices = [_cost(values, shift, UPPER, word) for shift in shifts]
    if length <= UPPER // 2:
        choices += [_cost(values, 0, width, word) for width in streams.WIDTHS[:-1]]
    return min(choices, key=lambda choice: choice.bits)


def _cost(values: Words, shift: int, width: int, word: Word) -> _Coding:
    cap = (1 << width) - 1
    upper = np.minimum(values >> values.dtype.type(shift), values.dtype.type(cap))
    counts = np.bincount(upper.astype(np.intp), minlength=cap + 1)
    share = counts[counts > 0] / values.size
    each = float(-(share * np.log2(share)).sum())
    if width == UPPER:
        each = max(each, 1.0) if each > 0 else 0.0  # a code of whole bits per value
    return _Coding(shift, width, values.size * (each + shift) + int(counts[cap]) * 8 * word.bytes)


def as_bytes(array: NDArray[Any]) -> bytes:
    """The raw little-endian bytes of a tensor, as objects of a hub hold them."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
