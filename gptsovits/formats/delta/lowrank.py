"""What a product of two thin matrices says of a change: training moves a matrix mostly along few directions.

The factors are small whole numbers, so that their product is exact in float32 in whatever order it is summed: every
machine predicts the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.delta.layout import DeltaError, Header
from gptsovits.formats.delta.words import Word, Words

Floats = NDArray[np.float32]
_BIAS, _MANTISSA = 127, 23
_LARGEST = 227
"""The stored exponent of the largest factor: 2 to the 100th, so that no product leaves float32."""
_HALF = 2
_TO_WHOLE = np.float32(3 << 22)
"""Added to a float32 it leaves the nearest whole number in the lowest bits (what is too far wraps, alike on all)."""
_FARTHEST = 1 << 30


@dataclass(frozen=True)
class Factors:
    """The prediction `2 ** scale * left @ right`, (rows, columns); values below the exponent `floor` count as of it."""

    left: NDArray[np.int8]
    right: NDArray[np.int8]
    scale: int
    floor: int

    @property
    def rank(self) -> int:
        """Columns of `left`, rows of `right`."""
        return int(self.left.shape[1])

    @property
    def numbers(self) -> NDArray[np.uint8]:
        """Both as bytes, as the file has them."""
        return np.concatenate([self.left.reshape(-1), self.right.reshape(-1)]).view(np.uint8)

    @classmethod
    def of_numbers(cls, numbers: NDArray[np.uint8], header: Header) -> Factors:
        """The opposite of `numbers`."""
        left, right = np.split(numbers.view(np.int8), [header.rows * header.rank])
        shaped = left.reshape(header.rows, header.rank), right.reshape(header.rank, header.columns)
        return cls(*shaped, header.scale, header.floor)


class Prediction:
    """Factors made ready for a type of words, and steps of `2 ** grain` of them."""

    def __init__(self, factors: Factors, word: Word, grain: int) -> None:
        self._left, self._right = factors.left.astype(np.float32), factors.right.astype(np.float32)
        self._word = word
        power = _BIAS + factors.scale + word.bias + word.exponent_at - grain
        most = (1 << word.exponent_bits) - 1
        if not 1 <= power <= most + _LARGEST:
            raise DeltaError("The delta is damaged: its prediction makes no sense.")
        self._exponent, self._most = most << word.exponent_at, min(most, power - 1) << word.exponent_at
        self._least = min(most, max(factors.floor, power - _LARGEST)) << word.exponent_at
        self._one = np.uint32((power << _MANTISSA) & 0xFFFFFFFF)

    def of_rows(self, first: int, end: int, old: Words) -> Words:
        """Predicted differences of the ordered words of these rows, which are `old` now, as one run."""
        steps = (self._left[first:end] @ self._right).reshape(-1)
        # 2 to the power of scale - exponent, put together as a float32
        exponents = np.maximum(old & self._exponent, self._least)
        if self._most != self._exponent:
            np.minimum(exponents, self._most, out=exponents)
        powers = exponents.astype(np.uint32)
        powers <<= _MANTISSA - self._word.exponent_at
        np.subtract(self._one, powers, out=powers)
        steps *= powers.view(np.float32)
        made: Words
        if self._word.bytes == _HALF:
            steps += _TO_WHOLE
            made = steps.view(np.uint32).astype(self._word.unsigned)
        else:
            np.clip(np.rint(steps, out=steps), -_FARTHEST, _FARTHEST, out=steps)
            made = steps.astype(np.int32).view(self._word.unsigned)
        return made
