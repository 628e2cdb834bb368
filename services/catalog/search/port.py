"""The port of the search index and the choice of its adapter by URL (`VOICEHUB_SEARCH_URL`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.catalog.search.lexicon import Facet, Units
from services.catalog.search.ranking import Plan
from services.catalog.search.record import SearchRecord

COUNTED = ("lang", "gender", "age", "emotion", "style", "timbre", "persona", "license", "commercial")
ORDERS = ("relevance", "newest", "stars", "downloads", "mos")


@dataclass(frozen=True)
class Viewer:
    """Whose eyes the index looks through: the public, plus the private voices of `account` if it is not empty."""

    account: str = ""


@dataclass(frozen=True)
class Ranked:
    """A voice found.

    Attributes:
        id: of its repository.
        score: higher is better.
        family: id of the repository at the root of its forks.
        near: whether it lacks something of what was asked for.
        parts: clause → what it added to the score; `standing` too.
    """

    id: str
    score: float
    family: str = ""
    near: bool = False
    parts: Mapping[str, float] = field(default_factory=dict)


def by_score(hits: Iterable[Ranked]) -> list[Ranked]:
    """Hits best first; of equal ones the newest (ids grow with time)."""
    return sorted(sorted(hits, key=lambda hit: hit.id, reverse=True), key=lambda hit: -hit.score)


@dataclass(frozen=True)
class Found:
    """What a search found: hits in order, how many are exact, and how many of those have each facet of `COUNTED`."""

    hits: Sequence[Ranked]
    total: int
    facets: Mapping[Facet, int]


@dataclass(frozen=True)
class Neighbour:
    """A voice that sounds alike: id of its repository and cosine similarity."""

    id: str
    similarity: float


class SearchIndex(Protocol):
    """A projection of published voices, one entry a repository. Private voices change nothing that others see."""

    def stamp(self) -> str:
        """By which lexicon and layout the index was filled; empty for a fresh one."""
        ...

    def apply(self, upserts: Sequence[SearchRecord], removals: Sequence[str]) -> None:
        """Puts entries in, in place of older ones of the same id, and takes others out; durable when it returns."""
        ...

    def rebuild(self, records: Iterable[SearchRecord]) -> None:
        """Replaces everything by these records, at once for all readers."""
        ...

    def frequencies(self, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """How many public voices have each phrase (stems in this order), and how many public voices there are."""
        ...

    def search(self, plan: Plan, viewer: Viewer, limit: int, order: str = "relevance") -> Found:
        """The best `limit` voices, best first: exact hits, and when they are few, those that come near."""
        ...

    def nearest(self, embedding: Sequence[float], plan: Plan, viewer: Viewer, limit: int) -> Sequence[Neighbour]:
        """The voices whose speaker embedding (length 1) is nearest, among those that the plan's conditions admit."""
        ...

    def names(self, prefix: str, viewer: Viewer, limit: int) -> Sequence[str]:
        """`owner/name` of voices whose name or owner starts so, most starred first."""
        ...

    def close(self) -> None:
        """Releases files and connections."""
        ...


def open_index(url: str) -> SearchIndex:
    """The adapter that `url` names; ValueError for an unknown scheme."""
    from services.catalog.search.lexicon import load

    if url.startswith("sqlite:///"):
        from services.catalog.search.sqlite import SqliteIndex

        return SqliteIndex(url, load())
    raise ValueError(f"VOICEHUB_SEARCH_URL: unknown scheme in {url!r}; use sqlite:///path")
