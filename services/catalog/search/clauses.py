"""What a query wants, one clause a thing, and the ways to satisfy it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.search.lexicon import LOOSE, Facet, Lexicon, Units

EXACT_LEAST, CONTAINED_CREDIT = 0.82, 0.82
LOOSE_CREDIT = 0.65  # of a facet that a voice's prose only suggests
NEARLY_CREDIT = 0.9  # of the facet that a word comes near to which no voice says
TOPIC_CREDIT, TOPIC_WEIGHT = 0.9, 1.8  # of a voice that speaks of what the query speaks of, in other words


@dataclass(frozen=True)
class Alternative:
    """One way to satisfy a clause: a facet or a phrase of the text (stems), and its share of the clause's weight."""

    credit: float
    facet: Facet | None = None
    phrase: Units = ()


@dataclass(frozen=True)
class Clause:
    """Something wanted. `exact` alternatives satisfy it whole; the others are those that come near."""

    label: str
    weight: float
    alternatives: tuple[Alternative, ...]

    @property
    def exact(self) -> tuple[Alternative, ...]:
        """The alternatives that are what was asked for."""
        return tuple(a for a in self.alternatives if a.credit >= EXACT_LEAST)


def facet_clause(lexicon: Lexicon, group: Sequence[Facet]) -> Clause:
    """A facet, or one of several, with what comes near to it."""
    found = dict.fromkeys(group, 1.0) | {
        lexicon.marked[facet]: CONTAINED_CREDIT for facet in group if facet in lexicon.marked
    }
    found |= {loose(facet): LOOSE_CREDIT for facet in group}
    _add_near(found, group, lexicon)
    alternatives = tuple(Alternative(credit, facet=facet) for facet, credit in sorted(found.items()))
    label = ",".join(f"{facet.key}:{facet.value}" for facet in group)
    return Clause(label, max(lexicon.weight(facet) for facet in group), alternatives)


def topic_clause(lexicon: Lexicon, facets: Sequence[Facet], said: Sequence[Units] = ()) -> Clause:
    """A topic: words for it (stems), or the topic and what is near to it in other words."""
    found = dict.fromkeys(facets, TOPIC_CREDIT)
    _add_near(found, facets, lexicon, TOPIC_CREDIT)
    ways = [*(Alternative(1.0, phrase=phrase) for phrase in said), *(Alternative(c, facet=f) for f, c in found.items())]
    return Clause(",".join(facet.value for facet in facets), TOPIC_WEIGHT, tuple(ways))


def _add_near(found: dict[Facet, float], facets: Sequence[Facet], lexicon: Lexicon, credit: float = 1.0) -> None:
    """Adds what is near to facets, by how near it is, to the credits that are found."""
    for facet in facets:
        for near, share in lexicon.near.get(facet, {}).items():
            found[near] = max(found.get(near, 0.0), round(share * credit, 4))


def loose(facet: Facet) -> Facet:
    """The mark of a facet that a prose only suggests."""
    return Facet(facet.key, f"{LOOSE}{facet.value}")
