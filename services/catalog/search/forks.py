"""Families of forks: of each, the best voice stands for the others."""

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
    """Hits in order, one of each family; who has no family stands alone."""
    first: dict[str, str] = {}
    more: Counter[str] = Counter()
    kept = []
    for hit in hits:
        family = hit.family or hit.id
        if family in first:
            more[first[family]] += 1
        else:
            first[family] = hit.id
            kept.append(hit)
    return Collapsed(kept, dict(more))
