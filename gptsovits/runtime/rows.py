"""Choosing the next token of rows that began at different times, each with its own sampling, seed and reading.

What is chosen for a row depends on its own logits only: rows of equal sampling are computed together, never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens, draw, probabilities, seeded_race, weakened

MIN_TOKENS = 11
"""EOS is not offered before this step: at least 0.44 s."""
MAX_TOKENS = 1500
"""Cap of one minute at 25 tokens a second."""


class Row:
    """A sentence under way: ``said`` tokens follow the prompt; EOS is not among them."""

    def __init__(
        self,
        prompt: Tokens,
        sampling: Sampling,
        eos: int,
        race: Race | None = None,
        reading: MonotonicReading | None = None,
    ) -> None:
        self.prompt, self.sampling, self._race = prompt.astype(np.int64), sampling, race or seeded_race(sampling.seed)
        self.said: list[int] = []
        self.ended = self.stopped_early = False
        self._eos, self._reading = eos, reading
        self._seen = np.zeros(eos + 1, np.bool_)
        self._seen[self.prompt] = True

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.stopped_early

    @property
    def position(self) -> int:
        """Audio position of the last token."""
        return len(self.prompt) + len(self.said) - 1

    @property
    def width(self) -> int:
        """Tokens that may be chosen now: EOS is the last of the vocabulary."""
        return self._eos if len(self.said) < MIN_TOKENS else self._eos + 1

    def weighed(self, logits: Floats) -> Floats:
        """Logits ``(width,)`` of what may come next, from ``(V,)``."""
        read = logits if self._reading is None else self._reading.weigh(logits[None])[0]
        return read[: self.width]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which of the tokens ``(width,)`` stand in the prompt or were said."""
        return self._seen[: self.width]

    def noise(self) -> Floats:
        """Exp(1) numbers ``(1, width)`` for this step."""
        return self._race(len(self.said), (1, self.width))

    def take(self, token: int, best: int) -> None:
        """``token`` was chosen, ``best`` was the likeliest: the end of the sentence may be either."""
        if self._eos in (token, best):
            self.ended = True
            return
        if self._reading is not None:
            self._reading.take(np.array([token]))
        self.said.append(token)
        self._seen[token] = True
        limit = self.sampling.early_stop
        self.stopped_early = len(self.said) == MAX_TOKENS or (limit != -1 and len(self.said) > limit)


@dataclass(frozen=True)
class _Group:
    places: NDArray[np.int64]
    sampling: Sampling


def advance(rows: Sequence[Row], logits: Floats) -> Floats | None:
    """Every row takes its next token; ``logits (B, V)``. Answers the weighed logits where all rows have equal ones."""
    weighed = None
    groups = list(_groups(rows))
    for group in groups:
        mine = [rows[place] for place in group.places]
        free = np.stack([row.weighed(logits[place]) for place, row in zip(group.places, mine, strict=True)])
        weighed = weakened(free, np.stack([row.seen for row in mine]), group.sampling.repetition_penalty)
        tokens = _chosen(weighed, group.sampling, mine)
        for row, token, best in zip(mine, tokens.tolist(), weighed.argmax(-1).tolist(), strict=True):
            row.take(token, best)
    return weighed if len(groups) == 1 else None


def _groups(rows: Sequence[Row]) -> Iterator[_Group]:
    """Rows that can be computed together."""
    found: dict[tuple[int, Sampling], list[int]] = {}
    for place, row in enumerate(rows):
        alike = replace(row.sampling, seed=None, early_stop=-1)
        found.setdefault((row.width, alike), []).append(place)
    for (_, sampling), places in found.items():
        yield _Group(np.array(places), sampling)


def _chosen(weighed: Floats, sampling: Sampling, rows: Sequence[Row]) -> Tokens:
    weights = probabilities(weighed, sampling)
    if sampling.greedy:
        return np.asarray(weights.argmax(-1), np.int64)
    return draw(weights, np.concatenate([row.noise() for row in rows]))
