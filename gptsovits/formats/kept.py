"""Tensors as hubs keep them: row-major little-endian bytes, a type by its name, a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicescan.dtypes import BY_NAME, widen


def tensor_of(content: bytes, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """The tensor, read-only; bfloat16, which numpy does not have, is widened to float32, which loses nothing.

    Raises:
        TypeError, ValueError: there is no such type, or the bytes are not as many as the shape says.
    """
    if dtype == "bfloat16":
        numbers = widen(np.frombuffer(content, "<u2"), BY_NAME["BF16"]).reshape(shape)
        numbers.flags.writeable = False
        return numbers
    return np.frombuffer(content, np.dtype(dtype).newbyteorder("<")).reshape(shape)
