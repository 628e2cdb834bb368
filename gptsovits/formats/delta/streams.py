"""Bytes of one kind as a stream: one value, as they are, or through zstd."""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np

from gptsovits.formats.delta.layout import DeltaError
from gptsovits.formats.delta.planes import Bytes

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SAME, RAW, ZSTD = 0, 1, 2
HEAD = struct.Struct("<BBI")
LEVEL, SHORTEST_MATCH, HASH_LOG = 1, 7, 12
"""Little but runs repeats in differences: what else looks like it costs more than it saves, and slows unpacking."""
WINDOW_LOG = 27
"""Whoever unpacks allocates no window above 128 MiB."""


class _Own(threading.local):
    """zstd's context of this thread: making one costs as much as a small stream."""

    def __init__(self) -> None:
        option = zstd.CompressionParameter
        self.compressor = zstd.ZstdCompressor(
            options={option.compression_level: LEVEL, option.min_match: SHORTEST_MATCH, option.hash_log: HASH_LOG}
        )


_own = _Own()


def write(pieces: Sequence[Bytes]) -> bytes:
    """A stream of all pieces; each has statistics of its own."""
    pieces = [piece for piece in pieces if piece.size]
    total = sum(piece.size for piece in pieces)
    first = int(pieces[0][0]) if pieces else 0
    if not any(np.any(piece != first) for piece in pieces):
        return HEAD.pack(SAME, first, 0)
    compressor = _own.compressor
    compressor.set_pledged_input_size(total)
    squeezed = b"".join(compressor.compress(piece.tobytes(), compressor.FLUSH_BLOCK) for piece in pieces)
    squeezed += compressor.flush(compressor.FLUSH_FRAME)
    if len(squeezed) < total:
        return HEAD.pack(ZSTD, 0, len(squeezed)) + squeezed
    return HEAD.pack(RAW, 0, total) + b"".join(piece.tobytes() for piece in pieces)


def read(take: Callable[[int], memoryview], total: int) -> Bytes:
    """The `total` bytes of the stream that comes next; `take` gives so many bytes or raises DeltaError."""
    mode, value, size = HEAD.unpack(take(HEAD.size))
    if mode == SAME and size == 0:
        return np.full(total, value, np.uint8)
    data = take(size)
    if mode == RAW and size == total:
        return np.frombuffer(data, np.uint8)
    if mode != ZSTD:
        raise DeltaError("The delta is damaged: a stream is of another size than its values.")
    return np.frombuffer(inflated(data, total), np.uint8)


def inflated(data: memoryview, size: int) -> bytes:
    """What zstd unpacks; the size that the frame announces is checked before anything is allocated."""
    try:
        if zstd.get_frame_info(data).decompressed_size != size:
            raise DeltaError("The delta is damaged: a stream is of another size than its values.")
        unpacker = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
        unpacked = unpacker.decompress(data, size)
    except zstd.ZstdError as error:
        raise DeltaError(f"The delta is damaged: {error}.") from error
    if len(unpacked) != size or not unpacker.eof:
        raise DeltaError("The delta is damaged: a stream is of another size than its values.")
    return unpacked
