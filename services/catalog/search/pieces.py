"""Cutting a text into the most probable pieces of a unigram model (Kudo 2018, "Subword Regularization", 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf

SPACE = "\u2581"  # how pieces write the space before a word
UNKNOWN_PENALTY = 10.0  # of a character that no piece has, below the least score of all


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a model.

    Attributes:
        scores: piece → log probability; a piece's number is its place here.
    """

    scores: Mapping[str, float]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Piece → number."""
        return {piece: number for number, piece in enumerate(self.scores)}

    @cached_property
    def longest(self) -> int:
        """Characters of the longest piece."""
        return max(map(len, self.scores))

    @cached_property
    def _worst(self) -> float:
        return min(self.scores.values()) - UNKNOWN_PENALTY

    def cut(self, text: str) -> list[str]:
        """The pieces of a text, by Viterbi's algorithm; characters of no piece that stand together are one."""
        return [piece for word in text.split() for piece in self._word(SPACE + word)]

    def _word(self, word: str) -> list[str]:
        best, before = [0.0] + [-inf] * len(word), [0] * (len(word) + 1)
        for start in range(len(word)):
            for end in range(start + 1, min(start + self.longest, len(word)) + 1):
                score = self.scores.get(word[start:end], self._worst if end == start + 1 else -inf)
                if best[start] + score > best[end]:
                    best[end], before[end] = best[start] + score, start
        found: list[str] = []
        end = len(word)
        while end:
            piece = word[before[end] : end]
            if found and piece not in self.scores and found[-1] not in self.scores:
                found[-1] = piece + found[-1]
            else:
                found.append(piece)
            end = before[end]
        return found[::-1]
