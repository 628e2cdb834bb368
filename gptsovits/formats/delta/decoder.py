"""Applying a delta: bounded by the size of the tensor that is there already, and believed only by its digest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from blake3 import blake3

from gptsovits.formats.delta import first, parts, streams
from gptsovits.formats.delta.grouping import places_of
from gptsovits.formats.delta.layout import DeltaError, Header, Reader, read_header
from gptsovits.formats.delta.lowrank import Factors, Prediction
from gptsovits.formats.delta.words import Words, ordered, unfolded

BLOCK = 60 << 10
"""Values that are worked on at once: what is made of them fits a core's own cache."""


def decode(delta: bytes | memoryview, base: bytes | memoryview) -> memoryview:
    """The tensor that `delta` makes of `base`, both as raw little-endian bytes.

    A few times the bytes of `base` are allocated at most, whatever the delta says.

    Raises:
        DeltaError: damaged, hostile, or made for another base; nothing of the result is given out.
    """
    reader = Reader(delta)
    header = read_header(reader)
    if header.count * header.word.bytes != len(base):
        raise DeltaError("The delta was made for another tensor.")
    try:
        made = _made(reader, header, np.frombuffer(base, header.word.unsigned)).view(np.uint8).data
        if blake3(made).hexdigest() != header.result:
            raise DeltaError("The delta is damaged: it makes another tensor than it says.")
    except DeltaError:
        if blake3(base).hexdigest() != header.base:  # looked at only now: the digest of the result says more
            raise DeltaError("The delta was made for another tensor.") from None
        raise
    return made


def _made(reader: Reader, header: Header, before: Words) -> Words:
    prediction = None
    if header.rank:
        numbers = streams.read(reader.take, (header.rows + header.columns) * header.rank)
        prediction = Prediction(Factors.of_numbers(numbers, header), header.word, header.grain)
    sizes, values = _of_first(reader, header, before) if header.first else parts.read(reader, header)
    reader.end()
    return _applied(before, header, sizes, values, prediction)


def _of_first(reader: Reader, header: Header, before: Words) -> tuple[list[int], Words]:
    """The same of a delta of the first form, which does not say how large its groups are."""
    sizes = [len(before)]
    if header.edges:
        sizes = [len(places) for places in places_of(before, header.edges, header.word)]
    return sizes, np.concatenate([first.part(reader, header.word, size) for size in sizes])


def _applied(
    before: Words, header: Header, sizes: Sequence[int], values: Words, prediction: Prediction | None
) -> Words:
    result, word = np.empty_like(before), header.word
    rows = max(1, BLOCK // header.columns) if prediction else 0
    groups = _Groups(header, sizes, values)
    block = rows * header.columns or BLOCK
    for number, at in enumerate(range(0, len(before), block)):
        old = before[at : at + block]
        moves = unfolded(groups.in_order(old))
        if prediction:
            moves += prediction.of_rows(number * rows, (number + 1) * rows, old)
        if header.grain:
            moves <<= header.grain
        moves += ordered(old, word)
        result[at : at + block] = ordered(moves, word)
    return result


class _Groups:
    """Values that lie group after group, taken in the order of the tensor."""

    def __init__(self, header: Header, sizes: Sequence[int], values: Words) -> None:
        self._edges, self._word, self._values = header.edges, header.word, values
        self._ends = list(accumulate(sizes))
        self._at = [0, *self._ends[:-1]]

    def in_order(self, old: Words) -> Words:
        """The next values, for these old words; DeltaError where a group has too few."""
        if not self._edges:
            self._at[0] += len(old)
            return self._values[self._at[0] - len(old) : self._at[0]]
        made = np.empty_like(old)
        for group, places in enumerate(places_of(old, self._edges, self._word)):
            at, stop = self._at[group], self._at[group] + len(places)
            if stop > self._ends[group]:
                raise DeltaError("The delta is damaged: its groups are not its values.")
            made[places] = self._values[at:stop]
            self._at[group] = stop
        return made
