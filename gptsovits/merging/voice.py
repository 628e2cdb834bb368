"""A voice as far as a merge looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
Lexicons = Mapping[str, Mapping[str, Any]]
"""Language to word to phones, as in `lexicon.yaml`."""


@dataclass(frozen=True)
class Voice:
    """Tensors by their names on the hub (`s1/…`, `s2/…`) and what decides whether they fit together.

    `tensors` may read from disk at each look-up: a merge holds one tensor of each side at a time. `configs` by stage,
    `requires` as in the version's manifest.
    """

    tensors: Tensors
    configs: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)
    lexicons: Lexicons = field(default_factory=dict)


def same_bytes(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether both hold the very same bytes; NaN equals itself and -0.0 differs from 0.0."""
    return one is other or (
        one.dtype == other.dtype and one.shape == other.shape and bool(np.array_equal(_bytes(one), _bytes(other)))
    )


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)
