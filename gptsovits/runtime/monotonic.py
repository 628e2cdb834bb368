"""Decoding that reads a text once, in order: no word is left out, repeated or invented.

Some bases have tokens that tell their phone: ``2 * c`` begins a phone of class ``c``, ``2 * c + 1`` goes on with it;
class 0 is silence. With them the text says what comes next, and stage 1 says when: its probability of beginning any
phone is the probability of beginning the next one, and that of going on with any is that of going on with the present
one. (Monotonic alignment as a hard constraint; cf. Raffel et al. 2017, "Online and linear-time attention by enforcing
monotonic alignments".)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]

LONGEST_PHONE = 12
"""Tokens that one phone may last: 0.48 s."""
LONGEST_PAUSE = 25
_SILENCE = 0


@dataclass
class _Place:
    """Where a row is: ``spoken`` phones have begun; ``lasting`` tokens belong to the present phone or pause."""

    classes: list[int]
    pause_before: list[bool]
    spoken: int = 0
    silent: bool = True
    lasting: int = 0

    @property
    def finished(self) -> bool:
        return self.spoken == len(self.classes)

    @property
    def may_pause(self) -> bool:
        return not (self.silent and self.lasting) and (self.finished or self.pause_before[self.spoken])

    @property
    def may_go_on(self) -> bool:
        if self.silent:
            return self.lasting > 0 and (self.finished or self.lasting < LONGEST_PAUSE)
        return self.lasting < LONGEST_PHONE

    def weigh(self, logits: Floats, eos: int) -> Floats:
        """Log weights ``(eos + 1,)`` of the few tokens that may come next."""
        begin, go_on = logits[2:eos:2], _sum(logits[1:eos:2])
        pause, end = logits[2 * _SILENCE], logits[eos]
        out = np.full(eos + 1, -np.inf, np.float32)
        if self.may_go_on:
            out[2 * (_SILENCE if self.silent else self.classes[self.spoken - 1]) + 1] = go_on
        if self.may_pause:
            out[2 * _SILENCE] = pause
            moves = np.append(begin, end)
        else:
            moves = np.append(begin, (pause, end))
        out[eos if self.finished else 2 * self.classes[self.spoken]] = _sum(moves)
        return out

    def take(self, token: int) -> None:
        """Moves on by one token."""
        if token % 2:
            self.lasting += 1
            return
        self.lasting = 1
        self.silent = token == 2 * _SILENCE
        self.spoken += not self.silent


class MonotonicReading:
    """The places of the running rows of a batch; belongs to one thread."""

    def __init__(self, rows: Sequence[Classes], eos: int) -> None:
        """``rows[i] (N_i,)``: token classes of the phones to speak, 0 for marks."""
        self._places = [_place(row) for row in rows]
        self._eos = eos

    def weigh(self, logits: Floats) -> Floats:
        """Logits ``(B, eos + 1)`` of stage 1 as logits of the tokens that the texts allow next; -inf elsewhere."""
        return np.stack([place.weigh(row, self._eos) for place, row in zip(self._places, logits, strict=True)])

    def take(self, tokens: NDArray[np.int64]) -> None:
        """One token per row was said."""
        for place, token in zip(self._places, tokens, strict=True):
            if token != self._eos:
                place.take(int(token))

    def split(self) -> list[MonotonicReading]:
        """One reading per row, which it shares its place with."""
        return [self._of([place]) for place in self._places]

    def _of(self, places: list[_Place]) -> MonotonicReading:
        one = MonotonicReading((), self._eos)
        one._places = places
        return one


def _place(row: Classes) -> _Place:
    """A pause may stand before the first phone and wherever marks do."""
    spoken = np.flatnonzero(row)
    before = np.diff(spoken, prepend=-1) > 1
    before[:1] = True
    return _Place([int(row[index]) for index in spoken], [bool(value) for value in before])


def _sum(logits: Floats) -> np.float32:
    """Logit of any of these tokens."""
    return np.float32(np.logaddexp.reduce(logits))
