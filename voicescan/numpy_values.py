"""numpy's numbers and arrays inside a pickle, as settings and training states hold them: plain data, no objects.

Source: ``numpy.dtype.__reduce__`` and ``numpy.ndarray.__reduce__`` (their documented pickle forms). Only fixed numeric
types pass; a type that could hold Python objects, fields or text raises ``Mismatch``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from voicescan.limits import MAX_DIMENSIONS
from voicescan.mismatch import Mismatch
from voicescan.values import Global

_TYPE = re.compile(r"(b1|[iu][1248]|f[248]|c(8|16))\Z")
_STATE_TAIL = (None, None, None, -1, -1, 0)
_MODULES = ("numpy.core", "numpy._core")


@dataclass(eq=False, slots=True)
class NumberType:
    """A ``numpy.dtype`` of plain numbers; ``order`` is set by its state."""

    code: str
    order: str = ""

    @property
    def size(self) -> int:
        """Bytes per number."""
        return int(self.code[1:])

    def build(self, state: object) -> bool:
        """Take the state tuple; False if it is not that of a plain number type."""
        if not isinstance(state, tuple) or len(state) not in (8, 9) or self.order:
            return False
        version, order, *tail = state
        known = version in (3, 4) and order in ("<", ">", "|", "=") and tuple(tail[:6]) == _STATE_TAIL
        if known and (len(tail) == 6 or tail[6] is None):
            self.order = order
            return True
        return False


@dataclass(eq=False, slots=True)
class NumberArray:
    """A numeric array. It is never kept, so its numbers are not looked at; their count is checked."""

    filled: bool = False

    def build(self, state: object) -> bool:
        """Take the state tuple ``(version, shape, type, fortran, bytes)``; False if it is anything else."""
        if self.filled or not isinstance(state, tuple) or len(state) != 5:
            return False
        version, shape, kind, fortran, data = state
        self.filled = version == 1 and isinstance(fortran, bool) and _fits(shape, kind, data)
        return self.filled


def _fits(shape: object, kind: object, data: object) -> bool:
    if not isinstance(shape, tuple) or not isinstance(kind, NumberType) or not isinstance(data, bytes):
        return False
    if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size < 1 << 48 for size in shape):
        return False
    return math.prod(shape) * kind.size == len(data)


def number_type(args: tuple[object, ...], offset: int) -> object:
    """``numpy.dtype(code, False, True)``."""
    if len(args) == 3 and isinstance(args[0], str) and _TYPE.match(args[0]) and args[1:] in ((False, True), (0, 1)):
        return NumberType(args[0])
    raise Mismatch("a numpy type that is not plain numbers")


def scalar(args: tuple[object, ...], offset: int) -> object:
    """``scalar(dtype, bytes)`` as a Python number."""
    kind, data = args if len(args) == 2 else (None, None)
    if not isinstance(kind, NumberType) or not isinstance(data, bytes):
        raise Mismatch("not a number type and its bytes")
    if len(data) != kind.size:
        raise Mismatch("a number of another size than its type")
    return np.frombuffer(data, kind.order.strip("|=") + kind.code)[0].item()


def reconstruct(args: tuple[object, ...], offset: int) -> object:
    """``_reconstruct(ndarray, (0,), b"b")``: an array that its state fills."""
    if len(args) == 3 and _is_array_class(args[0]) and args[1] == (0,) and args[2] in (b"b", "b"):
        return NumberArray()
    raise Mismatch("not an empty array")


def from_buffer(args: tuple[object, ...], offset: int) -> object:
    """``_frombuffer(bytes, dtype, shape, order)``: protocol 5."""
    if len(args) == 4 and args[3] in ("C", "F") and _fits(args[2], args[1], args[0]):
        return NumberArray(filled=True)
    raise Mismatch("bytes that do not fill the array")


def _is_array_class(value: object) -> bool:
    return isinstance(value, Global) and (value.module, value.name) == ("numpy", "ndarray")


CONSTRUCTORS = {
    ("numpy", "dtype"): number_type,
    **{(f"{module}.multiarray", "scalar"): scalar for module in _MODULES},
    **{(f"{module}.multiarray", "_reconstruct"): reconstruct for module in _MODULES},
    **{(f"{module}.numeric", "_frombuffer"): from_buffer for module in _MODULES},
}
NAMES = frozenset({("numpy", "ndarray")})
