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


class _Bound:
    """The step graph tied to the memory of one arrangement of rows, so that a step hands over nothing but numbers."""

    def __init__(self, step: Graph, cache: _Cache, positions: int) -> None:
        layers, rows, heads, _, depth = cache.keys.shape
        self.tokens, self.length = np.zeros(rows, np.int64), np.zeros(1, np.int64)
        self.positions = np.zeros(positions, np.int64)
        made = (layers, rows, heads, 1, depth)
        self.logits = np.zeros((rows, step.widths["logits"]), np.float32)
        self.keys, self.values = np.zeros(made, np.float32), np.zeros(made, np.float32)
        self._binding = step.session.io_binding()
        numbers = {"token": self.tokens, "position": self.positions, "length": self.length}
        fed: dict[str, NDArray[Any]] = {**numbers, "padding": cache.padding}
        for layer, (key, value) in enumerate(zip(cache.keys, cache.values, strict=True)):
            fed[f"key_{layer}"], fed[f"value_{layer}"] = key, value
        # Bound by address: onnxruntime reads the cache where it lies.
        for name, array in fed.items():
            self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, output in (("logits", self.logits), ("new_keys", self.keys), ("new_values", self.values)):
            self._binding.bind_output(name, "cpu", 0, output.dtype, output.shape, output.ctypes.data)
        self._step = step

    def run(self) -> None:
        """One step from what stands in the inputs to the outputs."""
        try:
            self._step.session.run_with_iobinding(self._binding)
        except GRAPH_ERRORS as error:
            raise refused_inputs(self._step.name, error) from error


class OnnxStepper:
    """The cache of one running batch; belongs to one thread."""

    def __init__(self, step: Graph, keys: Floats, values: Floats, padding: NDArray[np.int64]) -> None:
        self._step = step
        self._arrange([_Cache(keys, values, keys.shape[3], padding)])

    @property
    def mixes_positions(self) -> bool:
        """Whether rows may be at different audio positions; graphs of earlier exports take one for the batch."""
        return self._step.shapes["position"][0] != 1

    def step(self, tokens: Tokens, position: int | NDArray[np.int64]) -> Floats:
        """Appends one token per row, at one audio position or each at its own; logits ``(B, V)``."""
        if self._cache.length == self._cache.keys.shape[3]:
            self._arrange([self._cache])
        cache, bound = self._cache, self._bound
        bound.tokens[:] = tokens
        bound.length[:] = cache.length
        bound.positions[:] = position if self.mixes_positions else np.ravel(position)[0]
        bound.run()
        cache.keys[:, :, :, cache.length] = bound.keys[:, :, :, 0]
        cache.values[:, :, :, cache.length] = bound.values[:, :, :, 0]
        cache.length += 1
        return bound.logits.copy()

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops finished rows."""
        self._arrange([self._cache.rows(rows)])

    def join(self, others: Sequence[OnnxStepper]) -> None:
        """Takes in the rows of others, behind its own."""
        self._arrange([self._cache, *(other._cache for other in others)])

    def _arrange(self, parts: Sequence[_Cache]) -> None:
        self._cache = _gathered(parts)
        rows = len(self._cache.padding)
        self._bound = _Bound(self._step, self._cache, rows if self.mixes_positions else 1)


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
