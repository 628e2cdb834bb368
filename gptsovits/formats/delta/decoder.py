"""Applying a delta: bounded by the size of the tensor that is there already, and believed only by its digest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from gptsovits.formats.delta import streams
from gptsovits.formats.delta.grouping import groups_of
from gptsovits.formats.delta.layout import PART, DeltaError, Header, Reader, read_header
from gptsovits.formats.delta.words import Word, Words, exponents, ordered, unfolded, unordered

BLOCK = 1 << 17
"""Values that are worked on at once: they fit a processor's cache."""


def decode(delta: bytes | memoryview, base: bytes | memoryview) -> memoryview:
    """The tensor that `delta` makes of `base`, both as raw little-endian bytes.

    Nothing larger than `base` is allocated, whatever the delta says.

    Raises:
        DeltaError: damaged, hostile, or made for another base; nothing of the result is given out.
    """
    reader = Reader(delta)
    header = read_header(reader)
    if header.count * header.word.bytes != len(base) or blake3(base).hexdigest() != header.base:
        raise DeltaError("The delta was made for another tensor.")
    before = np.frombuffer(base, header.word.unsigned)
    groups = groups_of(exponents(before, header.word), header.edges) if header.edges else None
    parts = [_part(reader, header.word, size) for size in _sizes(groups, header)]
    reader.end()
    result = _applied(before, groups, parts, header.word)
    made = result.view(np.uint8).data
    if blake3(made).hexdigest() != header.result:
        raise DeltaError("The delta is damaged: it makes another tensor than it says.")
    return made


def _sizes(groups: NDArray[np.uint8] | None, header: Header) -> list[int]:
    if groups is None:
        return [header.count]
    return [int(np.count_nonzero(groups == group)) for group in range(len(header.edges) + 1)]


def _part(reader: Reader, word: Word, count: int) -> Words:
    """The folded differences of one group, in order."""
    shift, width, escapes = PART.unpack(reader.take(PART.size))
    if shift > word.top or width not in streams.WIDTHS or escapes > count:
        raise DeltaError("The delta is damaged: a group makes no sense.")
    kind = word.unsigned.type
    upper = streams.read(reader.take, count)
    values = upper.astype(word.unsigned)
    if shift:
        values <<= kind(shift)
        for at, width_of_plane in streams.widths_of(shift):
            values |= streams.read_bits(reader.take, count, width_of_plane).astype(word.unsigned) << kind(at)
    planes = [streams.read(reader.take, escapes) for _ in range(word.bytes)]
    if escapes:
        places = np.flatnonzero(upper == (1 << width) - 1)
        if len(places) != escapes:
            raise DeltaError("The delta is damaged: its escapes do not fit.")
        values[places] = np.ascontiguousarray(np.stack(planes, axis=1)).view(word.unsigned).reshape(-1)
    return values


def _applied(
    before: Words, groups: NDArray[np.uint8] | None, parts: Sequence[Words], word: Word
) -> Words:
    result = np.empty_like(before)
    used = [0] * len(parts)
    for first in range(0, len(before), BLOCK):
        block = slice(first, min(first + BLOCK, len(before)))
        if groups is None:
            values = parts[0][block]
        else:
            values = np.empty(block.stop - first, word.unsigned)
            for group, part in enumerate(parts):
                places = np.flatnonzero(groups[block] == group)
                values[places] = part[used[group] : used[group] + len(places)]
                used[group] += len(places)
        result[block] = unordered(ordered(before[block], word) + unfolded(values, word), word)
    return result
