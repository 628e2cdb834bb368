"""How a sentence and its tokens look between a hub and stage 1 on Triton."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.engine import Utterance

ENDED, STOPPED = -1, -2
"""The last of all tokens: the sentence ended, or the limit ended it."""
FIRST, EVERY = 14, 10
"""Tokens in the first message and in each that follows: there a stream's chunks end (`Chunks`)."""
REFUSED = "refused: "
"""How the reason begins when a sentence does not fit the voice; every other failure is the server's own."""
OUTPUT = "TOKENS"
BERT = "BERT"
INPUTS: dict[str, tuple[str, list[int], bool]] = {
    "PHONES": ("TYPE_INT64", [-1], False),
    "PROMPT": ("TYPE_INT64", [-1], True),
    BERT: ("TYPE_FP32", [-1, -1], True),
    "CLASSES": ("TYPE_INT64", [-1], True),
    "CHOICE": ("TYPE_INT64", [3], False),
    "WEIGHTS": ("TYPE_FP64", [3], False),
    "SEED": ("TYPE_UINT64", [1], True),
    "WHOLE": ("TYPE_INT64", [1], False),
}
"""Type, extents and whether it may be left out: no tensor on the wire is empty."""


def is_due(said: int) -> bool:
    """Whether so many tokens go on their way: a message for each would cost more than the tokens."""
    return said >= FIRST and (said - FIRST) % EVERY == 0


def tensors_of(utterance: Utterance) -> dict[str, NDArray[Any]]:
    """The inputs of a sentence by their names."""
    sampling = utterance.sampling
    given: dict[str, NDArray[Any] | None] = {
        "PHONES": np.asarray(utterance.phones, np.int64),
        "PROMPT": np.asarray(utterance.prompt, np.int64) if len(utterance.prompt) else None,
        BERT: None if utterance.bert is None else np.asarray(utterance.bert, np.float32),
        "CLASSES": None if utterance.classes is None else np.asarray(utterance.classes, np.int64),
        "CHOICE": np.array([sampling.top_k, sampling.greedy, sampling.early_stop], np.int64),
        "WEIGHTS": np.array([sampling.top_p, sampling.temperature, sampling.repetition_penalty], np.float64),
        "SEED": None if sampling.seed is None else np.array([sampling.seed], np.uint64),
        "WHOLE": np.array([utterance.whole], np.int64),
    }
    return {name: value for name, value in given.items() if value is not None}
