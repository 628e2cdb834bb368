"""Small values packed into bytes, in a way that whole runs are unpacked at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
WIDTHS = (1, 2, 4, 8)


def packed_size(count: int, width: int) -> int:
    """Bytes of `count` packed values below `2 ** width`."""
    return -(-count * width // 8)


def pack(values: Bytes, width: int) -> Bytes:
    """`8 / width` values to a byte: the first run of them in its lowest bits, the next run above it."""
    if width == WIDTHS[-1]:
        return values
    length = packed_size(values.size, width)
    packed = np.zeros(length, np.uint8)
    for number in range(8 // width):
        run = values[number * length : (number + 1) * length]
        packed[: run.size] |= run << np.uint8(number * width)
    return packed


def unpack(packed: Bytes, width: int, count: int) -> Bytes:
    """The opposite of :func:`pack`."""
    if width == WIDTHS[-1]:
        return packed
    runs = packed >> np.arange(0, 8, width, dtype=np.uint8)[:, None]
    runs &= (1 << width) - 1
    return runs.reshape(-1)[:count]


def widths_of(bits: int) -> list[tuple[int, int]]:
    """Bits that carry no pattern, cut into planes that pack without loss: (first bit, width), from the lowest up."""
    found, at = [], 0
    while at < bits:
        width = max(width for width in WIDTHS if width <= bits - at)
        found.append((at, width))
        at += width
    return found
