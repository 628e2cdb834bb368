"""Bytes of one kind as a stream: one value, as they are, through zstd, or several small ones packed in a byte first."""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta.layout import DeltaError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Bytes = NDArray[np.uint8]
SAME, RAW, ZSTD = 0, 1, 2
_HEAD = struct.Struct("<BBI")
LEVEL = 1
WINDOW_LOG = 27
"""Whoever unpacks allocates no window above 128 MiB."""
WIDTHS = (1, 2, 4, 8)


class _Own(threading.local):
    """zstd's context of this thread: making one costs as much as a small stream."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(level=LEVEL)


_own = _Own()


def write(values: Bytes, width: int = 8) -> bytes:
    """A stream of values below `2 ** width`."""
    first = int(values[0]) if values.size else 0
    if values.size == 0 or not np.any(values != first):
        return _HEAD.pack(SAME, first, 0)
    packed = pack(values, width)
    squeezed = _own.compressor.compress(packed.tobytes(), zstd.ZstdCompressor.FLUSH_FRAME)
    if len(squeezed) < packed.size:
        return _HEAD.pack(ZSTD, width, len(squeezed)) + squeezed
    return _HEAD.pack(RAW, width, packed.size) + packed.tobytes()


def read(take: Callable[[int], memoryview], count: int) -> Bytes:
    """The `count` values of the stream that comes next; `take` gives so many bytes or raises DeltaError."""
    mode, width, size = _HEAD.unpack(take(_HEAD.size))
    if mode == SAME and size == 0:
        return np.full(count, width, np.uint8)
    if width not in WIDTHS:
        raise DeltaError("The delta is damaged: a stream has an unknown width.")
    packed = -(-count * width // 8)
    data = take(size)
    if mode == RAW and size == packed:
        return unpack(np.frombuffer(data, np.uint8), width, count)
    if mode != ZSTD:
        raise DeltaError("The delta is damaged: a stream is of another size than its values.")
    return unpack(np.frombuffer(_inflated(data, packed), np.uint8), width, count)


def widths_of(bits: int) -> list[tuple[int, int]]:
    """Bits that carry no pattern, cut into planes that pack without loss: (first bit, width), from the lowest up."""
    found, at = [], 0
    while at < bits:
        width = max(width for width in WIDTHS if width <= bits - at)
        found.append((at, width))
        at += width
    return found


def write_bits(values: Bytes, width: int) -> bytes:
    """Values below `2 ** width` packed as they are: an entropy coder would find nothing."""
    return pack(values, width).tobytes()


def read_bits(take: Callable[[int], memoryview], count: int, width: int) -> Bytes:
    """The opposite of :func:`write_bits`."""
    return unpack(np.frombuffer(take(-(-count * width // 8)), np.uint8), width, count)


def pack(values: Bytes, width: int) -> Bytes:
    """`8 / width` values to a byte, the first in its lowest bits."""
    if width == 8:
        return values
    each = 8 // width
    padded = np.zeros(-(-values.size // each) * each, np.uint8)
    padded[: values.size] = values
    rows = padded.reshape(-1, each) << (np.arange(each, dtype=np.uint8) * np.uint8(width))
    packed: Bytes = np.bitwise_or.reduce(rows, axis=1)
    return packed


def unpack(packed: Bytes, width: int, count: int) -> Bytes:
    """The opposite of :func:`pack`."""
    return packed if width == 8 else _table(width)[packed].view(np.uint8)[:count]


@cache
def _table(width: int) -> NDArray[Any]:
    """For each byte the values packed in it, as one word."""
    each = 8 // width
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(width)
    rows = (np.arange(256, dtype=np.uint8)[:, None] >> shifts) & np.uint8((1 << width) - 1)
    return np.ascontiguousarray(rows).view(f"<u{each}").reshape(256)


def _inflated(data: memoryview, size: int) -> bytes:
    """What zstd unpacks; the size that the frame announces is checked before anything is allocated."""
    try:
        if zstd.get_frame_info(data).decompressed_size != size:
            raise DeltaError("The delta is damaged: a stream is of another size than its values.")
        unpacker = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
        inflated = unpacker.decompress(data, size)
    except zstd.ZstdError as error:
        raise DeltaError(f"The delta is damaged: {error}.") from error
    if len(inflated) != size or not unpacker.eof:
        raise DeltaError("The delta is damaged: a stream is of another size than its values.")
    return inflated
