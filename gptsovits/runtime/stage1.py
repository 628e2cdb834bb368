"""Stage 1 over onnxruntime: prefill once, then steps on a cache that is written in place and never copied per step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.bundle import Bundle, Graph
from gptsovits.runtime.generation import Generated, generate, generating
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens

GROWTH = 256
"""The cache grows by this many positions at a time."""


class OnnxStepper:
    """Keys and values ``(layers, B, H, capacity, d)`` of one running batch; belongs to one thread."""

    def __init__(self, step: Graph, keys: Floats, values: Floats, padding: NDArray[np.int64]) -> None:
        self._step = step
        self._padding = padding
        self._length = keys.shape[3]
        self._keys, self._values = _grown(keys, GROWTH), _grown(values, GROWTH)

    def step(self, tokens: Tokens, position: int) -> Floats:
        """Appends one token per row; logits ``(B, V)``."""
        if self._length == self._keys.shape[3]:
            self._keys, self._values = _grown(self._keys, GROWTH), _grown(self._values, GROWTH)
        logits, new_keys, new_values = self._run(tokens, position)
        self._keys[:, :, :, self._length] = new_keys[:, :, :, 0]
        self._values[:, :, :, self._length] = new_values[:, :, :, 0]
        self._length += 1
        return np.asarray(logits, np.float32)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops finished rows."""
        self._keys = np.ascontiguousarray(self._keys[:, rows])
        self._values = np.ascontiguousarray(self._values[:, rows])
        self._padding = self._padding[rows]

    def _run(self, tokens: Tokens, position: int) -> list[NDArray[Any]]:
        feeds = {
            "token": tokens,
            "position": np.array([position], np.int64),
            "length": np.array([self._length], np.int64),
            "padding": self._padding,
        }
        for layer, (key, value) in enumerate(zip(self._keys, self._values, strict=True)):
            feeds[f"key_{layer}"], feeds[f"value_{layer}"] = key, value
        binding = self._step.session.io_binding()
        for name, value in feeds.items():
            # Bound by address: onnxruntime reads the cache where it lies.
            binding.bind_input(name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
        for name in self._step.outputs:
            binding.bind_output(name)
        self._step.session.run_with_iobinding(binding)
        return [np.asarray(output) for output in binding.copy_outputs_to_cpu()]


def generate_batch(
    bundle: Bundle,
    phones: list[Tokens],
    bert: list[Floats] | None,
    prompt: Tokens,
    sampling: Sampling,
    race: Race | None = None,
    reading: MonotonicReading | None = None,
) -> list[Generated]:
    """Tokens for several sentences at once, all after the same ``prompt (P,)``.

    ``phones[i] (N_i,)`` are prompt and target phones, ``bert[i] (bert_dim, N_i)``; rows are padded on the left, and do
    not influence each other.
    """
    stepper, logits, prompts = started(bundle, phones, bert, prompt)
    return generate(stepper, logits, prompts, bundle.facts.eos, sampling, race, reading=reading)


def generate_stream(
    bundle: Bundle,
    phones: Tokens,
    bert: Floats | None,
    prompt: Tokens,
    sampling: Sampling,
    race: Race | None = None,
    reading: MonotonicReading | None = None,
) -> Iterator[int]:
    """The tokens of one sentence, each as soon as it is chosen."""
    stepper, logits, prompts = started(bundle, [phones], None if bert is None else [bert], prompt)
    for _, tokens in generating(stepper, logits, prompts, bundle.facts.eos, sampling, race, reading=reading):
        yield from tokens.tolist()


def started(
    bundle: Bundle, phones: list[Tokens], bert: list[Floats] | None, prompt: Tokens
) -> tuple[OnnxStepper, Floats, Tokens]:
    """The running batch, the first logits and the prompt of every row."""
    longest = max(len(row) for row in phones)
    padding = np.array([longest - len(row) for row in phones], np.int64)
    stacked = np.stack([np.pad(row, (longest - len(row), 0)) for row in phones]).astype(np.int64)
    features = None
    if bert is not None:
        features = np.stack([np.pad(row, ((0, 0), (longest - row.shape[1], 0))) for row in bert]).astype(np.float32)
    prompts = np.tile(prompt.astype(np.int64), (len(phones), 1))
    logits, keys, values = bundle.graphs["s1_prefill"].run(
        phones=stacked, bert=features, prompt=prompts, padding=padding
    )
    return OnnxStepper(bundle.graphs["s1_step"], keys, values, padding), logits, prompts


def _grown(cache: Floats, by: int) -> Floats:
    larger = np.zeros((*cache.shape[:3], cache.shape[3] + by, cache.shape[4]), np.float32)
    larger[:, :, :, : cache.shape[3]] = cache
    return larger
