"""What words that nobody listed probably say of a voice, by their parts: a linear classifier of phrases.

`meanings.npz` was learnt by `tools/word_meanings.py` from all that the lexicon knows (names, hints, scenes; topics and
words that say nothing as the other side), `subjects.npz` likewise for topics. Their features are the characters and
words of a phrase, one to three together, and the direction of its words in `words.npz`: 一罐跳跳糖 shares 糖 with what
is sweet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.lexicon import Facet, Units
from services.catalog.search.tokens import is_single, stem
from services.catalog.search.words import WordTable

MEANINGS = Path(__file__).with_name("meanings.npz")
SUBJECTS = Path(__file__).with_name("subjects.npz")
KEYS = ("timbre", "emotion", "style", "age", "gender")
LEAST = 0.2  # probability of a value that is told
SURE = 1.3  # a phrase that nobody listed is never as probable as one that was learnt
DIRECTION = 2.0  # what the direction of the words counts for beside their parts
LONGEST_WORD = 4
EMPTY = frozenset("的了在一个着把被是得地和像") | {
    "a", "an", "the", "of", "in", "on", "to", "and", "with", "his", "her", "your", "you", "is", "s", "at", "for", "by",
    "it", "like", "t", "that",
}  # fmt: skip


def parts(piece: Units) -> frozenset[str]:
    """The characters and word stems of a phrase, and those that stand together."""
    found = set()
    for start, unit in enumerate(piece):
        single = is_single(unit)
        run = [unit if single else stem(unit)]
        if unit not in EMPTY:
            found.add(run[0])
        for following in piece[start + 1 : start + (3 if single else 2)]:
            if is_single(following) != single:
                break
            run.append(following if single else stem(following))
            found.add(("" if single else " ").join(run))
    return frozenset(found)


def direction(piece: Units, words: WordTable) -> NDArray[np.float32]:
    """The mean direction of the words of a phrase, single characters half; zeros where none is known."""
    whole = np.zeros(words.vectors.shape[1], np.float32)
    for word in _words(piece, words):
        vector = words.vector((word,))
        if vector is not None:
            whole += vector * (0.5 if len(word) == 1 else 1.0)
    length = float(np.linalg.norm(whole))
    return whole / length if length else whole


def _words(piece: Units, words: WordTable) -> Iterator[str]:
    start = 0
    while start < len(piece):
        length = 1
        if is_single(piece[start]):
            runs = (piece[start : start + length] for length in range(LONGEST_WORD, 1, -1))
            length = next((len(run) for run in runs if all(map(is_single, run)) and "".join(run) in words), 1)
        word = "".join(piece[start : start + length])
        if word not in EMPTY:
            yield word if word in words else stem(word)
        start += length


@dataclass(frozen=True, eq=False)
class Meanings:
    """The classifier.

    Attributes:
        facets: what it tells.
        rows: a part of a phrase → its row.
        weights: (parts, facets) int8, to be multiplied with `scale`.
        scale: (facets,) float32.
        directed: weights of the direction, (dimensions, facets) float32.
        bias: (facets,) float32.
    """

    facets: tuple[Facet, ...]
    rows: Mapping[str, int]
    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    directed: NDArray[np.float32]
    bias: NDArray[np.float32]
    words: WordTable

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one in a process
    def near(self, piece: Units) -> tuple[tuple[Facet, float], ...]:
        """What a phrase probably says, each with a share of what saying it outright counts for (0 to 1)."""
        rows = [self.rows[part] for part in parts(piece) if part in self.rows]
        told = self.weights[rows].sum(axis=0, dtype=np.int32) * self.scale / np.sqrt(len(rows) + 1)
        odds = self.bias + told + DIRECTION * direction(piece, self.words) @ self.directed
        probable = zip(self.facets, (1 / (1 + np.exp(-odds))).tolist(), strict=True)
        return tuple((facet, round(min(SURE * share, 1.0), 4)) for facet, share in probable if share >= LEAST)


@cache
def meanings(words: WordTable, path: Path = MEANINGS) -> Meanings:
    """Reads the classifier."""
    with np.load(path, allow_pickle=False) as data:
        names, grams = (bytes(data[name]).decode().split("\n") for name in ("facets", "parts"))
        facets = tuple(Facet(*name.split(":", 1)) for name in names)
        rows = {part: row for row, part in enumerate(grams)}
        return Meanings(facets, rows, data["weights"], data["scale"], data["directed"], data["bias"], words)
