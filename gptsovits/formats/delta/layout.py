"""The file: a head with both digests, then one part per group.

```
magic    8 bytes   "VHDELTA1"
head     <BBQ      code of the word, number of edges, number of values
digests  2 x 32    BLAKE3-256 of base and result (raw little-endian bytes, row-major)
edges    n bytes   exponents at which groups begin, rising
parts    (n + 1) x <BBI  shift, width, escapes; then the stream of the upper values, `shift` lower bits of each as
         packed planes (widths 8, 4, 2, 1 as they fit, lowest bits first), and a stream of escapes per byte of the word
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from gptsovits.errors import VoiceError
from gptsovits.formats.delta.grouping import MOST_GROUPS
from gptsovits.formats.delta.words import BY_CODE, Word

MAGIC = b"VHDELTA1"
PART = struct.Struct("<BBI")
_HEAD = struct.Struct("<BBQ")
DIGEST = 32


class DeltaError(VoiceError):
    """The delta is damaged, hostile, or made for another tensor. Take the whole tensor instead."""


@dataclass(frozen=True)
class Header:
    """What a delta says of itself; digests in hex."""

    word: Word
    count: int
    base: str
    result: str
    edges: tuple[int, ...]

    def write(self) -> bytes:
        """Its bytes."""
        digests = bytes.fromhex(self.base) + bytes.fromhex(self.result)
        return MAGIC + _HEAD.pack(self.word.code, len(self.edges), self.count) + digests + bytes(self.edges)


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
    if magic != MAGIC:
        known = magic.startswith(MAGIC[:-1])
        raise DeltaError("The delta is of a newer version." if known else "These bytes are no delta of a tensor.")
    code, count_of_edges, count = _HEAD.unpack(source.take(_HEAD.size))
    base, result = (bytes(source.take(DIGEST)).hex() for _ in range(2))
    edges = tuple(source.take(count_of_edges)) if count_of_edges < MOST_GROUPS else (0,)
    if code not in BY_CODE or any(one >= two for one, two in pairwise((0, *edges))):
        raise DeltaError("The delta is damaged: its head makes no sense.")
    return Header(BY_CODE[code], count, base, result, edges)
