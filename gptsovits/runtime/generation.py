"""The autoregressive loop of stage 1, over any network that can prefill and step (torch or onnxruntime)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens, draw, penalised, probabilities, seeded_race

MIN_TOKENS = 11
"""EOS is not offered before this step: at least 0.44 s."""
MAX_TOKENS = 1500
"""Cap of one minute at 25 tokens a second."""

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
    sees the penalised logits of each step. ``reading`` holds the rows to their phones in order. Rows that end leave the
    batch; the others do not notice.
    """
    running = generating(stepper, first_logits, prompt, eos, sampling, race, on_logits, reading)
    while True:
        try:
            next(running)
        except StopIteration as end:
            return list(end.value)


def generating(
    stepper: Stepper,
    first_logits: Floats,
    prompt: Tokens,
    eos: int,
    sampling: Sampling,
    race: Race | None = None,
    on_logits: LogitsSeen | None = None,
    reading: MonotonicReading | None = None,
) -> Generator[tuple[NDArray[np.int64], Tokens], None, list[Generated]]:
    """As :func:`generate`, step by step: yields rows and the token that each of them says now."""
    draw_noise = race or seeded_race(sampling.seed)
    history, logits = prompt.astype(np.int64), first_logits
    alive = np.arange(len(prompt))
    finished: dict[int, Generated] = {}
    for step in range(MAX_TOKENS):
        if reading is not None:
            logits = reading.weigh(logits)
        if step < MIN_TOKENS:
            logits = logits[:, :eos]
        logits = penalised(logits, history, sampling.repetition_penalty)
        if on_logits is not None:
            on_logits(step, logits)
        tokens = _chosen(logits, sampling, draw_noise, step)
        history = np.concatenate((history, tokens[:, None]), axis=1)
        if reading is not None:
            reading.take(tokens)
        ended = (tokens == eos) | (logits.argmax(-1) == eos)
        cut = step == MAX_TOKENS - 1 or (sampling.early_stop != -1 and step + 1 > sampling.early_stop)
        for row in np.flatnonzero(ended | cut):
            finished[int(alive[row])] = _ended(history[row], prompt.shape[1], bool(ended[row]), step)
        yield alive[~ended], tokens[~ended]
        going = ~(ended | cut)
        if not going.any():
            break
        if not going.all():
            stepper.keep(going)
            if reading is not None:
                reading.keep(going)
            history, tokens, alive = history[going], tokens[going], alive[going]
        logits = stepper.step(tokens, prompt.shape[1] + step)
    return [finished[row] for row in range(len(prompt))]


def _chosen(logits: Floats, sampling: Sampling, race: Race, step: int) -> Tokens:
    weights = probabilities(logits, sampling)
    if sampling.greedy:
        return np.asarray(weights.argmax(-1), np.int64)
    return draw(weights, race(step, weights.shape))


def _ended(row: Tokens, prompt_length: int, by_eos: bool, step: int) -> Generated:
    tokens = row[:-1] if by_eos else row
    return Generated(tokens.copy(), prompt_length, not by_eos, step if prompt_length else 0)
