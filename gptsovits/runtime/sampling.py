"""Choosing the next semantic token from logits; numpy only, so that torch and onnxruntime share it.

Order of the steps: repetition penalty, nucleus (top-p), temperature, top-k, softmax, exponential race.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Tokens = NDArray[np.int64]
Race = Callable[[int, tuple[int, ...]], Floats]
"""Exp(1) numbers of a shape for a step: what decides between the remaining candidates."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. ``early_stop``: most tokens to generate, -1 for no limit but the cap of one minute."""

    top_k: int = 15
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.35
    greedy: bool = False
    early_stop: int = -1
    seed: int | None = None
    drop_first_on_early_stop: bool = True
    """The original loses the first generated token when it stops early; False keeps it."""

    def __post_init__(self) -> None:
        in_bounds = 0 <= self.temperature < inf and 0 < self.repetition_penalty < inf
        if self.top_k < 1 or not 0 < self.top_p <= 1 or not in_bounds:
            raise ValueError("top_k must be at least 1, top_p in (0, 1], temperature not negative, penalty positive")
        if self.seed is not None and self.seed < 0:
            raise ValueError("a seed is 0 or more; None draws a fresh one")


def seeded_race(seed: int | None) -> Race:
    """A race whose numbers depend on the seed only; None draws a fresh one."""
    generator = np.random.default_rng(seed)
    return lambda step, shape: generator.exponential(size=shape).astype(np.float32)


def penalised(logits: Floats, previous: Tokens, penalty: float) -> Floats:
    """Weakens every distinct token of ``previous (B, P)`` once in ``logits (B, V)``."""
    said = np.zeros(logits.shape, np.bool_)
    said[np.arange(len(logits))[:, None], previous] = True
    return weakened(logits, said, penalty)


def weakened(logits: Floats, said: NDArray[np.bool_], penalty: float) -> Floats:
    """Weakens the tokens that are ``said (B, V)``."""
    if penalty == 1.0:
        return logits
    factor = np.float32(penalty)
    return np.where(said, np.where(logits < 0, logits * factor, logits / factor), logits)


def probabilities(logits: Floats, sampling: Sampling) -> Floats:
    """Distribution over the vocabulary after top-p, temperature and top-k; logits ``(B, V)`` already penalised."""
    kept = _nucleus(logits, sampling.top_p) / np.float32(max(sampling.temperature, 1e-5))
    count = min(1 if sampling.greedy else sampling.top_k, kept.shape[-1])
    pivot = np.partition(kept, -count, axis=-1)[:, -count, None]
    return softmax(np.where(kept < pivot, np.float32(-np.inf), kept))


def draw(weights: Floats, noise: Floats) -> Tokens:
    """One token per row of ``weights (B, V)`` by the exponential race ``argmax(p / q)``."""
    return np.asarray(np.argmax(weights / noise, axis=-1), np.int64)


def softmax(logits: Floats) -> Floats:
    """Softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def _nucleus(logits: Floats, top_p: float) -> Floats:
    if top_p >= 1.0:
        return logits
    order = np.argsort(-logits, axis=-1, kind="stable")
    cumulative = np.cumsum(softmax(np.take_along_axis(logits, order, -1)), axis=-1)
    removed_sorted = cumulative > top_p
    removed_sorted[:, 0] = False
    removed = np.zeros_like(removed_sorted)
    np.put_along_axis(removed, order, removed_sorted, -1)
    return np.where(removed, np.float32(-np.inf), logits)
