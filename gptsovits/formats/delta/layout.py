"""The file: a head with both digests, the factors of the prediction, then the groups.

```
magic    8 bytes   "VHDELTA2"
head     <BBBbBBQI code of the word, number of edges, rank, scale, floor, grain, number of values, columns
digests  2 x 32    BLAKE3-256 of base and result (raw little-endian bytes, row-major)
edges    n bytes   exponents at which groups begin, rising
factors  stream    (rank > 0) int8: rows x rank, then rank x columns; the prediction is 2^scale times their product, in
                   steps of the old value (as if its exponent were at least `floor`), rounded half to even; a step is
                   2^grain times the least there is, for differences too
parts    (n + 1) x <BBQQ  shift, width, values, escapes of each group
upper    stream    per group its upper values (value >> shift, below 2^width - 1; that itself marks an escape), packed
lower    per group its `shift` lower bits as packed planes (widths 8, 4, 2, 1 as they fit, lowest bits first)
escapes  stream    (if there are any) the values of all escapes: first all lowest bytes, then the next ones
```

A stream is `<BBI` mode, value, size: all bytes are `value` (0), `size` bytes as they are (1), or a frame of zstd (2).
Packing puts `8 / width` values into a byte: the first in its lowest bits, from as many runs of the same length.
The first form, "VHDELTA1", is read too (`first.py`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from gptsovits.errors import VoiceError
from gptsovits.formats.delta.words import BY_CODE, Word

MAGIC = b"VHDELTA2"
MAGIC_OF_FIRST = b"VHDELTA1"
PART = struct.Struct("<BBQQ")
_HEAD = struct.Struct("<BBBbBBQI")
_HEAD_OF_FIRST = struct.Struct("<BBQ")
DIGEST = 32
MOST_GROUPS = 6
MOST_RANK = 16
FACTOR_SHARE = 4
"""Factors have at most a quarter as many numbers as the tensor: more would be of no use."""


class DeltaError(VoiceError):
    """The delta is damaged, hostile, or made for another tensor. Take the whole tensor instead."""


@dataclass(frozen=True)
class Header:
    """What a delta says of itself; digests in hex. `rank` 0: nothing is predicted."""

    word: Word
    count: int
    base: str
    result: str
    edges: tuple[int, ...]
    rank: int = 0
    scale: int = 0
    floor: int = 0
    grain: int = 0
    columns: int = 0
    first: bool = False

    @property
    def rows(self) -> int:
        """Rows of the matrix that is predicted."""
        return self.count // self.columns if self.columns else 0

    def write(self) -> bytes:
        """Its bytes."""
        numbers = (self.word.code, len(self.edges), self.rank, self.scale, self.floor, self.grain)
        head = _HEAD.pack(*numbers, self.count, self.columns)
        return MAGIC + head + bytes.fromhex(self.base + self.result) + bytes(self.edges)


class Reader:
    """Takes bytes from the front; never more than there are."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._rest = memoryview(data)

    def take(self, size: int) -> memoryview:
        """The next bytes; DeltaError if there are fewer."""
        if size > len(self._rest):
            raise DeltaError("The delta is cut short.")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def end(self) -> None:
        """DeltaError if something is left."""
        if len(self._rest):
            raise DeltaError("The delta is damaged: there is more of it than it says.")


def read_header(reader: Reader | bytes) -> Header:
    """The head of a delta; DeltaError when it is none, or of a version that this program does not know."""
    source = Reader(reader) if isinstance(reader, bytes) else reader
    magic = bytes(source.take(len(MAGIC)))
    if magic not in (MAGIC, MAGIC_OF_FIRST):
        known = magic.startswith(MAGIC[:-1])
        raise DeltaError("The delta is of a newer version." if known else "These bytes are no delta of a tensor.")
    if magic == MAGIC:
        code, groups, rank, scale, floor, grain, count, columns = _HEAD.unpack(source.take(_HEAD.size))
    else:
        rank = scale = floor = grain = columns = 0
        code, groups, count = _HEAD_OF_FIRST.unpack(source.take(_HEAD_OF_FIRST.size))
    base, result = (bytes(source.take(DIGEST)).hex() for _ in range(2))
    edges = tuple(source.take(groups)) if groups < MOST_GROUPS else (0,)
    if code not in BY_CODE or any(one >= two for one, two in pairwise((0, *edges))):
        raise DeltaError("The delta is damaged: its head makes no sense.")
    header = Header(BY_CODE[code], count, base, result, edges, rank, scale, floor, grain, columns, magic != MAGIC)
    if grain > header.word.top:
        raise DeltaError("The delta is damaged: its head makes no sense.")
    _check_factors(header)
    return header


def _check_factors(header: Header) -> None:
    if not header.rank:
        return
    fits = header.rank <= MOST_RANK and header.columns and header.count == header.rows * header.columns
    if not fits or (header.rows + header.columns) * header.rank * FACTOR_SHARE > header.count:
        raise DeltaError("The delta is damaged: its prediction makes no sense.")
