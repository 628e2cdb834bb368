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
    """Sign-magnitude bits as integers that rise with the float: negative ones inverted, positive ones above them."""
    made: Words = values ^ (_sign(values, word) | _top(values, word))
    return made


def unordered(values: Words, word: Word) -> Words:
    """The opposite of :func:`ordered`."""
    made: Words = values ^ (~_sign(values, word) | _top(values, word))
    return made


def folded(difference: Words, word: Word) -> Words:
    """Differences 0, -1, 1, -2 (modulo the word) become 0, 1, 2, 3, and so on."""
    made: Words = (difference << difference.dtype.type(1)) ^ _sign(difference, word)
    return made


def unfolded(values: Words, word: Word) -> Words:
    """The opposite of :func:`folded`."""
    one = values.dtype.type(1)
    made: Words = (values >> one) ^ (~(values & one) + one)
    return made


def exponents(values: Words, word: Word) -> NDArray[np.uint8]:
    """The exponent of each word."""
    mask = values.dtype.type((1 << word.exponent_bits) - 1)
    made: NDArray[np.uint8] = ((values >> values.dtype.type(word.exponent_at)) & mask).astype(np.uint8)
    return made


def _sign(values: Words, word: Word) -> Words:
    """All ones where the sign bit is set, else zero."""
    signed = values.view(f"<i{word.bytes}")
    made: Words = (signed >> signed.dtype.type(word.top)).view(values.dtype)
    return made


def _top(values: Words, word: Word) -> Any:
    return values.dtype.type(1 << word.top)
