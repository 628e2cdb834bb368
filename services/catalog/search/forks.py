"""Families of forks: of each, the best voice that has all that was asked for stands for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.search.port import Ranked


@dataclass(frozen=True)
class Collapsed:
    """Hits without those that a better one of their family stands for, and how many each stands for, by id."""

    hits: Sequence[Ranked]
    forks: dict[str, int]


def collapse(hits: Sequence[Ranked]) -> Collapsed:
    """Hits in order, one of each family: the first that is exact, or else the first; who has no family stands alone."""
    first: dict[str, Ranked] = {}
    for hit in sorted(hits, key=lambda hit: hit.near):
        first.setdefault(hit.family or hit.id, hit)
    kept = [hit for hit in hits if first[hit.family or hit.id] is hit]
    families = Counter(hit.family or hit.id for hit in hits)
    return Collapsed(kept, {hit.id: count - 1 for hit in kept if (count := families[hit.family or hit.id]) > 1})
