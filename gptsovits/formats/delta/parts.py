"""The differences of all groups as they are written: upper values, lower bits, escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta import streams
from gptsovits.formats.delta.layout import PART, DeltaError, Header, Reader
from gptsovits.formats.delta.planes import WIDTHS, Bytes, pack, packed_size, unpack, widths_of
from gptsovits.formats.delta.words import Word, Words

UPPER = 8
_COMMON = 0.995
_SAMPLE = 1 << 15
"""So many values, evenly spread, decide how all are coded."""


@dataclass(frozen=True)
class Part:
    """How one group is coded: `upper = value >> shift` if that is below `2 ** width - 1`, else an escape."""

    shift: int
    width: int
    count: int
    escapes: int = 0

    @property
    def cap(self) -> int:
        """The upper value that marks an escape."""
        return (1 << self.width) - 1


def write(groups: Sequence[Words], word: Word) -> bytes:
    """The folded differences of each group, in order."""
    heads, uppers, lowers, rare = [], [], [], []
    for values in groups:
        part = _coding(values, word)
        upper = np.minimum(values >> part.shift, part.cap).astype(np.uint8)
        escaped = upper == part.cap
        rare.append(values[escaped])
        heads.append(PART.pack(part.shift, part.width, part.count, rare[-1].size))
        uppers.append(pack(upper, part.width))
        lower = np.where(escaped, values.dtype.type(0), values)
        lowers += [
            pack(((lower >> at) & ((1 << width) - 1)).astype(np.uint8), width) for at, width in widths_of(part.shift)
        ]
    planes = np.ascontiguousarray(np.concatenate(rare).view(np.uint8).reshape(-1, word.bytes).T)
    escapes = streams.write(list(planes)) if planes.size else b""
    return b"".join([*heads, streams.write(uppers), *(plane.tobytes() for plane in lowers), escapes])


def read(reader: Reader, header: Header) -> tuple[list[int], Words]:
    """How many values each group has, and the folded differences of one after the other."""
    word = header.word
    found = [Part(*PART.unpack(reader.take(PART.size))) for _ in range(len(header.edges) + 1)]
    if any(part.shift > word.top or part.width not in WIDTHS or part.escapes > part.count for part in found):
        raise DeltaError("The delta is damaged: a group makes no sense.")
    if sum(part.count for part in found) != header.count:
        raise DeltaError("The delta is damaged: its groups are not its values.")
    values, places = np.empty(header.count, word.unsigned), []
    packed = streams.read(reader.take, sum(packed_size(part.count, part.width) for part in found))
    at = used = 0
    for part in found:
        end = used + packed_size(part.count, part.width)
        upper = unpack(packed[used:end], part.width, part.count)
        group = values[at : at + part.count]
        group[:] = upper
        _add_lower(group, part, reader)
        if part.escapes:
            places.append(_escaped(upper, part) + at)
        at, used = at + part.count, end
    if places:
        where = np.concatenate(places)
        planes = streams.read(reader.take, len(where) * word.bytes).reshape(word.bytes, -1)
        values[where] = np.ascontiguousarray(planes.T).view(word.unsigned).reshape(-1)
    return [part.count for part in found], values


def _add_lower(values: Words, part: Part, reader: Reader) -> None:
    if part.shift:
        values <<= part.shift
    for at, width in widths_of(part.shift):
        plane = np.frombuffer(reader.take(packed_size(part.count, width)), np.uint8)
        lower = unpack(plane, width, part.count)
        values |= lower.astype(values.dtype) << at if at else lower


def _escaped(upper: Bytes, part: Part) -> NDArray[np.intp]:
    """Where the escapes of a group are in it."""
    places = np.flatnonzero(upper == part.cap)
    if len(places) != part.escapes:
        raise DeltaError("The delta is damaged: its escapes do not fit.")
    return places


def _coding(values: Words, word: Word) -> Part:
    """The cheapest of a few: shifts around what the common values need; small widths where most values are tiny."""
    count = values.size
    if count == 0:
        return Part(0, UPPER, 0)
    values = values[:: -(-count // _SAMPLE)]
    rank = int(_COMMON * (values.size - 1))
    length = int(np.partition(values, rank)[rank]).bit_length()
    shifts = range(max(0, length - UPPER - 1), max(0, length - UPPER + 2) + 1)
    choices = [(shift, UPPER) for shift in shifts if len(widths_of(shift)) <= word.bytes]
    if length <= UPPER // 2:
        choices += [(0, width) for width in WIDTHS[:-1]]
    shift, width = min(choices, key=lambda choice: _bits(values, word, *choice))
    return Part(shift, width, count)


def _bits(values: Words, word: Word, shift: int, width: int) -> float:
    """What these values will cost."""
    cap = (1 << width) - 1
    upper = np.minimum(values >> shift, cap)
    counts = np.bincount(upper.astype(np.intp), minlength=cap + 1)
    share = counts[counts > 0] / values.size
    each = float(-(share * np.log2(share)).sum())
    if width == UPPER:
        each = max(each, 1.0) if each > 0 else 0.0  # a code of whole bits per value
    return values.size * (each + shift) + int(counts[cap]) * 8 * word.bytes
