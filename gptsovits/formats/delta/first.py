"""The first form of deltas, "VHDELTA1": read, no longer written.

After the head and the edges one part per group: `<BBI` shift, width, escapes; then the stream of the upper values,
`shift` lower bits of each as packed planes, and a stream of escapes per byte of the word. A stream is `<BBI` mode,
value or width, size. Packed values lie side by side: the first in the lowest bits of the first byte, the next above it.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta import streams
from gptsovits.formats.delta.layout import DeltaError, Reader
from gptsovits.formats.delta.planes import WIDTHS, Bytes, packed_size, widths_of
from gptsovits.formats.delta.words import Word, Words

PART = struct.Struct("<BBI")


def part(reader: Reader, word: Word, count: int) -> Words:
    """The folded differences of one group, in order."""
    shift, width, escapes = PART.unpack(reader.take(PART.size))
    if shift > word.top or width not in WIDTHS or escapes > count:
        raise DeltaError("The delta is damaged: a group makes no sense.")
    upper = _stream(reader, count)
    values: Words = upper.astype(word.unsigned) << shift
    for at, width_of_plane in widths_of(shift):
        packed = np.frombuffer(reader.take(packed_size(count, width_of_plane)), np.uint8)
        values |= _unpack(packed, width_of_plane, count).astype(word.unsigned) << at
    planes = [_stream(reader, escapes) for _ in range(word.bytes)]
    if escapes:
        places = np.flatnonzero(upper == (1 << width) - 1)
        if len(places) != escapes:
            raise DeltaError("The delta is damaged: its escapes do not fit.")
        values[places] = np.ascontiguousarray(np.stack(planes, axis=1)).view(word.unsigned).reshape(-1)
    return values


def _stream(reader: Reader, count: int) -> Bytes:
    mode, width, size = streams.HEAD.unpack(reader.take(streams.HEAD.size))
    if mode == streams.SAME and size == 0:
        return np.full(count, width, np.uint8)
    if width not in WIDTHS:
        raise DeltaError("The delta is damaged: a stream has an unknown width.")
    packed, data = packed_size(count, width), reader.take(size)
    if mode == streams.RAW and size == packed:
        return _unpack(np.frombuffer(data, np.uint8), width, count)
    if mode != streams.ZSTD:
        raise DeltaError("The delta is damaged: a stream is of another size than its values.")
    return _unpack(np.frombuffer(streams.inflated(data, packed), np.uint8), width, count)


def _unpack(packed: Bytes, width: int, count: int) -> Bytes:
    made: Bytes = packed if width == WIDTHS[-1] else _table(width)[packed].view(np.uint8)[:count]
    return made


@cache
def _table(width: int) -> NDArray[Any]:
    """For each byte the values packed in it, as one word."""
    each = 8 // width
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(width)
    rows = (np.arange(256, dtype=np.uint8)[:, None] >> shifts) & np.uint8((1 << width) - 1)
    return np.ascontiguousarray(rows).view(f"<u{each}").reshape(256)
