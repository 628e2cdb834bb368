"""What a word that nobody listed comes nearest to among the known terms, by the meaning of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.lexicon import STRONG, Facet, Lexicon, Units, doubled
from services.catalog.search.words import WordTable

KEYS = ("timbre", "emotion", "style", "age", "persona")
NEAREST = 3  # terms of a facet that must be near; one alone may be chance
MARGIN = 0.04  # by which a value of one key must be nearer than the others
LEAST = 0.60  # mean cosine to those


@dataclass(frozen=True, eq=False)
class Meanings:
    """The terms of the facets as directions.

    Attributes:
        facets: those with at least `NEAREST` terms whose meaning is known.
        starts: where the rows of each facet begin, and the end of the last.
        vectors: a unit vector for each term, (terms, dimensions) float32.
    """

    facets: tuple[Facet, ...]
    starts: tuple[int, ...]
    vectors: NDArray[np.float32]
    words: WordTable

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one in a process
    def near(self, piece: Units) -> tuple[tuple[Facet, float], ...]:
        """The facets that a piece comes near to, with the mean cosine of their nearest terms."""
        direction = self.words.vector(piece)
        if direction is None:
            return ()
        cosines = self.vectors @ direction
        found = []
        for number, facet in enumerate(self.facets):
            own = cosines[self.starts[number] : self.starts[number + 1]]
            mean = float(np.partition(own, -NEAREST)[-NEAREST:].mean())
            if mean >= LEAST:
                found.append((facet, round(mean, 4)))
        return tuple(pair for pair in found if pair[0].key not in STRONG or _clear(pair, found))


def _clear(pair: tuple[Facet, float], found: Sequence[tuple[Facet, float]]) -> bool:
    """Whether a value comes nearer than every rival of its key; what is near to all ages says nothing of age."""
    facet, mean = pair
    return all(mean >= other + MARGIN for rival, other in found if rival.key == facet.key and rival != facet)


@cache
def meanings(lexicon: Lexicon, words: WordTable) -> Meanings:
    """The meanings of a lexicon's terms."""
    rows: dict[Facet, list[NDArray[np.float32]]] = {}
    for term, facets in lexicon.terms.items():
        single = len(facets) == 1 and facets[0].key in KEYS and not doubled(term)
        direction = words.vector(term) if single else None
        if direction is not None:
            rows.setdefault(facets[0], []).append(direction)
    kept = {facet: found for facet, found in rows.items() if len(found) >= NEAREST}
    starts = np.cumsum([0, *(len(found) for found in kept.values())])
    return Meanings(tuple(kept), tuple(starts.tolist()), np.stack([v for found in kept.values() for v in found]), words)
