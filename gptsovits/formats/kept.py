"""Tensors as hubs keep them: row-major little-endian bytes, a type by its name, a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tensor_of(content: bytes, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """The tensor, read-only; bfloat16, which numpy does not have, is widened to float32, which loses nothing.

    Raises:
        TypeError, ValueError: there is no such type, or the bytes are not as many as the shape says.
    """
    if dtype == "bfloat16":
        bits = np.frombuffer(content, "<u2").astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32).reshape(shape)
    return np.frombuffer(content, np.dtype(dtype).newbyteorder("<")).reshape(shape)
