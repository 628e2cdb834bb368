"""Floating-point words as integers of the same order, and differences of those as small non-negative numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[Any]
"""Unsigned integers of 16 or 32 bits."""


@dataclass(frozen=True)
class Word:
    """A type of floats: its code in the file, bytes, and where its exponent lies."""

    code: int
    bytes: int
    exponent_at: int
    exponent_bits: int

    @cached_property
    def unsigned(self) -> np.dtype[Any]:
        """The little-endian unsigned integer of this size."""
        return np.dtype(f"<u{self.bytes}")

    @property
    def bias(self) -> int:
        """What is added to exponents as they are stored."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def top(self) -> int:
        """The number of the sign bit."""
        return 8 * self.bytes - 1


WORDS: Mapping[str, Word] = {
    "float16": Word(0, 2, 10, 5),
    "float32": Word(1, 4, 23, 8),
    "bfloat16": Word(2, 2, 7, 8),
}
BY_CODE = {word.code: word for word in WORDS.values()}


def supports(dtype: str) -> bool:
    """Whether tensors of this type can travel as deltas."""
    return dtype in WORDS


def ordered(values: Words, word: Word) -> Words:
    """Sign-magnitude bits as two's complement numbers that rise with the float; the opposite is the same."""
    signed = values.view(f"<i{word.bytes}")
    made: Words = (signed ^ ((signed >> word.top) & ((1 << word.top) - 1))).view(values.dtype)
    return made


def folded(difference: Words, word: Word) -> Words:
    """Differences 0, -1, 1, -2 (modulo the word) become 0, 1, 2, 3, and so on."""
    sign = (difference.view(f"<i{word.bytes}") >> word.top).view(difference.dtype)
    made: Words = (difference << 1) ^ sign
    return made


def unfolded(values: Words) -> Words:
    """The opposite of :func:`folded`."""
    made: Words = (values >> 1) ^ -(values & 1)
    return made


def exponents(values: Words, word: Word) -> NDArray[np.uint8]:
    """The exponent of each word, as it is stored."""
    made: NDArray[np.uint8] = ((values >> word.exponent_at) & ((1 << word.exponent_bits) - 1)).astype(np.uint8)
    return made


def floats(values: Words, word: Word) -> NDArray[np.float32]:
    """The numbers themselves."""
    if word.bytes == 4:
        return values.view("<f4")
    if word.exponent_bits == 8:
        return (values.astype("<u4") << 16).view("<f4")
    return values.view("<f2").astype(np.float32)
