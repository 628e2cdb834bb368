"""Stage 1 over onnxruntime: prefill once, then steps on a cache that is written in place and never copied per step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.graph import GRAPH_ERRORS, Graph, refused_inputs
from gptsovits.runtime.sampling import Floats, Tokens

if TYPE_CHECKING:
    from gptsovits.runtime.bundle import Bundle

GROWTH = 64
"""The cache grows by this many positions at a time."""


@dataclass
class _Cache:
    """Keys and values ``(layers, B, H, capacity, d)``; rows end at slot ``length`` and begin after ``padding (B,)``."""

    keys: Floats
    values: Floats
    length: int
    padding: NDArray[np.int64]

    @property
    def used(self) -> int:
        """Slots that some row fills."""
        return self.length - int(self.padding.min(initial=self.length))

    def rows(self, chosen: NDArray[np.bool_]) -> _Cache:
        """Some of the rows."""
        return _Cache(self.keys[:, chosen], self.values[:, chosen], self.length, self.padding[chosen])


def _gathered(parts: Sequence[_Cache]) -> _Cache:
    """All rows of the parts, aligned at their ends, with room to grow and no slot in front that nobody fills."""
    length = max(part.used for part in parts)
    layers, _, heads, _, depth = parts[0].keys.shape
    shape = (layers, sum(len(part.padding) for part in parts), heads, length + GROWTH, depth)
    whole = _Cache(np.zeros(shape, np.float32), np.zeros(shape, np.float32), length, np.zeros(shape[1], np.int64))
    row = 0
    for part in parts:
        rows, used = slice(row, row + len(part.padding)), slice(part.length - part.used, part.length)
        whole.keys[:, rows, :, length - part.used : length] = part.keys[:, :, :, used]
        whole.values[:, rows, :, length - part.used : length] = part.values[:, :, :, used]
        whole.padding[rows] = part.padding + (length - part.length)
        row = rows.stop
    return whole


class OnnxStepper:
    """The cache of one running batch; belongs to one thread."""

    def __init__(self, step: Graph, keys: Floats, values: Floats, padding: NDArray[np.int64]) -> None:
        self._step = step
        self._cache = _gathered([_Cache(keys, values, keys.shape[3], padding)])

    @property
    def mixes_positions(self) -> bool:
        """Whether rows may be at different audio positions; graphs of earlier exports take one for the batch."""
        return self._step.shapes["position"][0] != 1

    def step(self, tokens: Tokens, position: int | NDArray[np.int64]) -> Floats:
        """Appends one token per row, at one audio position or each at its own; logits ``(B, V)``."""
        cache = self._cache
        if cache.length == cache.keys.shape[3]:
            cache = self._cache = _gathered([cache])
        positions = np.array(np.broadcast_to(np.asarray(position, np.int64), tokens.shape))
        logits, new_keys, new_values = self._run(tokens, positions if self.mixes_positions else positions[:1])
        cache.keys[:, :, :, cache.length] = new_keys[:, :, :, 0]
        cache.values[:, :, :, cache.length] = new_values[:, :, :, 0]
        cache.length += 1
        return np.asarray(logits, np.float32)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops finished rows."""
        self._cache = _gathered([self._cache.rows(rows)])

    def join(self, others: Sequence[OnnxStepper]) -> None:
        """Takes in the rows of others, behind its own."""
        self._cache = _gathered([self._cache, *(other._cache for other in others)])

    def _run(self, tokens: Tokens, positions: NDArray[np.int64]) -> list[NDArray[Any]]:
        cache = self._cache
        feeds = {
            "token": tokens,
            "position": positions,
            "length": np.array([cache.length], np.int64),
            "padding": cache.padding,
        }
        for layer, (key, value) in enumerate(zip(cache.keys, cache.values, strict=True)):
            feeds[f"key_{layer}"], feeds[f"value_{layer}"] = key, value
        binding = self._step.session.io_binding()
        for name, value in feeds.items():
            # Bound by address: onnxruntime reads the cache where it lies.
            binding.bind_input(name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
        for name in self._step.outputs:
            binding.bind_output(name)
        try:
            self._step.session.run_with_iobinding(binding)
        except GRAPH_ERRORS as error:
            raise refused_inputs(self._step.name, error) from error
        return [np.asarray(output) for output in binding.copy_outputs_to_cpu()]


def started(
    bundle: Bundle, phones: list[Tokens], bert: list[Floats] | None, prompt: Tokens
) -> tuple[OnnxStepper, Floats, Tokens]:
    """The running batch of sentences after the same ``prompt (P,)``, the first logits, and the prompt of every row."""
    stepper, logits = prefilled(bundle.graphs["s1_prefill"], bundle.graphs["s1_step"], phones, bert, prompt)
    return stepper, logits, np.tile(prompt.astype(np.int64), (len(phones), 1))


def prefilled(
    prefill: Graph, step: Graph, phones: Sequence[Tokens], bert: Sequence[Floats] | None, prompt: Tokens
) -> tuple[OnnxStepper, Floats]:
    """Reads ``phones[i] (N_i,)`` of prompt and target and ``bert[i] (bert_dim, N_i)``, padded on the left.

    Rows do not influence each other. Answers the cache and the logits ``(B, V)`` of the first tokens.
    """
    longest = max(len(row) for row in phones)
    padding = np.array([longest - len(row) for row in phones], np.int64)
    stacked = np.stack([np.pad(row, (longest - len(row), 0)) for row in phones]).astype(np.int64)
    features = None
    if bert is not None:
        features = np.stack([np.pad(row, ((0, 0), (longest - row.shape[1], 0))) for row in bert]).astype(np.float32)
    prompts = np.tile(prompt.astype(np.int64), (len(phones), 1))
    logits, keys, values = prefill.run(phones=stacked, bert=features, prompt=prompts, padding=padding)
    return OnnxStepper(step, keys, values, padding), np.asarray(logits, np.float32)
