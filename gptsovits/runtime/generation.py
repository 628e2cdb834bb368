"""The autoregressive loop of stage 1, over any network that can prefill and step (torch or onnxruntime)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.rows import Row, advance
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens

LogitsSeen = Callable[[int, Floats], None]


class Stepper(Protocol):
    """A stage-1 network holding its own cache of keys and values."""

    def step(self, tokens: Tokens, position: int) -> Floats:
        """Appends one token per row at audio ``position``; logits ``(B, V)`` of the next."""

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops the rows of the cache that are finished."""


@dataclass(frozen=True)
class Generated:
    """Prompt and generated ``tokens (T,)``; ``steps`` as the original returns it.

    ``stopped_early``: the limit and not the end of the sentence ended the row.
    """

    tokens: Tokens
    prompt_length: int
    stopped_early: bool
    steps: int

    def semantic(self, drop_first_on_early_stop: bool = True) -> Tokens:
        """The generated tokens; by default without the first one after an early stop, like the original."""
        new = self.tokens[self.prompt_length :]
        return new[-self.steps :] if drop_first_on_early_stop and self.steps else new


def generate(
    stepper: Stepper,
    first_logits: Floats,
    prompt: Tokens,
    eos: int,
    sampling: Sampling,
    race: Race | None = None,
    on_logits: LogitsSeen | None = None,
    reading: MonotonicReading | None = None,
) -> list[Generated]:
    """Generates until every row has ended.

    ``first_logits (B, V)`` come from the prefill, ``prompt (B, P)`` are its audio tokens (P may be 0). ``on_logits``
    sees the penalised logits of each step. ``reading`` holds the rows to their phones in order. Row i draws by the
    seed + i, as if it were alone. Rows that end leave the batch; the others do not notice.
    """
    readings = [None] * len(prompt) if reading is None else reading.split()
    rows = [Row(tokens, _seeded(sampling, number), eos, race, readings[number]) for number, tokens in enumerate(prompt)]
    running, logits = rows, first_logits
    while True:
        step = len(running[0].said)
        weighed = advance(running, logits)
        if on_logits is not None and weighed is not None:
            on_logits(step, weighed)
        going = np.array([not row.over for row in running])
        if not going.any():
            return [_generated(row) for row in rows]
        if not going.all():
            stepper.keep(going)
            running = [row for row in running if not row.over]
        tokens = np.array([row.said[-1] for row in running], np.int64)
        logits = stepper.step(tokens, running[0].position)


def _seeded(sampling: Sampling, number: int) -> Sampling:
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + number)


def _generated(row: Row) -> Generated:
    steps = len(row.said) - row.stopped_early
    tokens = np.concatenate((row.prompt, np.array(row.said, np.int64)))
    return Generated(tokens, len(row.prompt), row.stopped_early, steps if len(row.prompt) else 0)
