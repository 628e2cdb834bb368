"""Ordinary words of Chinese and English with their meaning: which words say nearly the same, across both languages.

`words.npz` holds, for each of about 60,000 words, a direction in a space in which near means alike. It was distilled by
`tools/word_vectors.py` from a multilingual sentence encoder, so that near words cost one product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.tokens import is_single, units

WORDS = Path(__file__).with_name("words.npz")
Units = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class WordTable:
    """The words in the order of their frequency, Chinese first.

    Attributes:
        words: the words, simplified, lower case.
        vectors: a unit vector each, (words, dimensions) float32.
        sounds: pinyin → the most frequent word of that sound.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    sounds: Mapping[str, Units]
    _numbers: Mapping[str, int] = field(repr=False)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    @cached_property
    def han(self) -> frozenset[Units]:
        """The Chinese words of more than one character, as units."""
        return frozenset(tuple(word) for word in self.words if len(word) > 1 and is_single(word[0]))

    @cached_property
    def latin(self) -> tuple[str, ...]:
        """The English words, most frequent first."""
        return tuple(word for word in self.words if not is_single(word[0]))

    def vector(self, piece: Units) -> NDArray[np.float32] | None:
        """The direction of a word, or of a run of words (their mean); None for what is not here."""
        numbers = [self._numbers[word] for word in ("".join(piece), *piece) if word in self._numbers]
        if not numbers:
            return None
        if "".join(piece) in self._numbers:
            return np.asarray(self.vectors[numbers[0]], np.float32)
        mean = self.vectors[numbers].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), dtype=np.float32)

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one table in a process
    def like(self, word: str, least: float, most: int) -> tuple[tuple[Units, float], ...]:
        """The `most` words nearest to a word that is here, with their cosine, at least `least`; without itself."""
        if word not in self._numbers:
            return ()
        near = self.vectors @ self.vectors[self._numbers[word]]
        near[self._numbers[word]] = -1.0
        found = np.flatnonzero(near >= least)
        best = found[np.argsort(-near[found], kind="stable")][:most]
        return tuple((units(self.words[number]), round(float(near[number]), 4)) for number in best)


@cache
def load_words(path: Path = WORDS) -> WordTable:
    """Reads the table."""
    with np.load(path, allow_pickle=False) as data:
        words = tuple(bytes(data["words"]).decode().split("\n"))
        pinyin = bytes(data["pinyin"]).decode().split("\n")
        vectors = data["vectors"].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sounds: dict[str, Units] = {}
    for word, sound in zip(words, pinyin, strict=False):
        sounds.setdefault(sound, tuple(word))
    return WordTable(words, vectors, sounds, {word: number for number, word in enumerate(words)})
