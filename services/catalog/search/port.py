"""The port of the search index and the choice of its adapter by URL (`VOICEHUB_SEARCH_URL`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.catalog.search.lexicon import Facet, Units
from services.catalog.search.ranking import Plan
from services.catalog.search.record import SearchRecord
from services.common.errors import Unavailable

COUNTED = ("lang", "gender", "age", "emotion", "style", "timbre", "persona", "license", "commercial")
ORDERS = ("relevance", "newest", "stars", "downloads", "mos")


@dataclass(frozen=True)
class Viewer:
    """Whose eyes the index looks through: the public, plus private voices that `account` or one of its groups may read.

    Attributes:
        account: empty for somebody without one.
        groups: organisations that the account belongs to, as the tables say at that moment.
    """

    account: str = ""
    groups: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """The names that an entry may have among its readers; none for the public."""
        return (self.account, *self.groups) if self.account else ()


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


@dataclass(frozen=True)
class Change:
    """What became of a voice.

    Attributes:
        id: of its repository.
        sequence: place in the log of changes; of two changes of one voice the greater is the later.
        record: what is found from now on; None if the voice is not found any more.
    """

    id: str
    sequence: int
    record: SearchRecord | None = None


class Filling(Protocol):
    """A new index that nobody reads yet."""

    def apply(self, changes: Sequence[Change]) -> None:
        """As `SearchIndex.apply`."""
        ...

    def switch(self, position: int) -> None:
        """Lets it answer instead of the old one, at once for all readers, as filled up to `position` of the log."""
        ...

    def discard(self) -> None:
        """Throws it away."""
        ...


class IndexLost(Unavailable):
    """There is no index behind the name; it must be filled anew."""


class SearchIndex(Protocol):
    """A projection of published voices, one entry a repository. Private voices change nothing that others see."""

    def stamp(self) -> str:
        """By which lexicon and layout the index was filled; empty for a fresh one."""
        ...

    def position(self) -> int:
        """Up to which change of the log everything is in."""
        ...

    def apply(self, changes: Sequence[Change], position: int | None = None) -> None:
        """Lets changes in, but for those that are older than what the index has; durable and seen when it returns.

        `position` is where the index then stands in the log; None leaves that as it is. Raises Unavailable while the
        engine does not answer, and IndexLost when there is no index behind the name.
        """
        ...

    def begin(self) -> Filling:
        """A new, empty index to be filled while this one goes on answering."""
        ...

    def frequencies(self, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """How many public voices have each phrase (stems in this order), and how many public voices there are."""
        ...

    def called(self, phrases: Sequence[Units]) -> frozenset[Units]:
        """Those of some phrases (stems) that a public voice, or the owner of one, has in its name."""
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
    from services.catalog.search.lexicon_data import load

    if url.startswith("sqlite:///"):
        from services.catalog.search.sqlite import SqliteIndex

        return SqliteIndex(url, load())
    if url.startswith(("elasticsearch://", "elasticsearch+https://")):
        from services.catalog.search.elastic import ElasticIndex

        return ElasticIndex(url, load())
    raise ValueError(
        f"VOICEHUB_SEARCH_URL: unknown scheme in {url!r}; use sqlite:///path or elasticsearch://host:port/prefix"
    )


def rebuild(index: SearchIndex, records: Iterable[SearchRecord], batch: int = 500) -> None:
    """Replaces everything by these records, at once for all readers; the later of two with the same id stays."""
    filling = index.begin()
    some: list[Change] = []
    for number, record in enumerate(records, 1):
        some.append(Change(record.id, number, record))
        if len(some) == batch:
            filling.apply(some)
            some = []
    filling.apply(some)
    filling.switch(0)
