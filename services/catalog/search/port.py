"""The port of the search index and the choice of its adapter by URL (`VOICEHUB_SEARCH_URL`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.catalog.search.query import Query
from services.catalog.search.record import SearchRecord


@dataclass(frozen=True)
class Viewer:
    """Whose eyes the index looks through: the public, plus the private voices of `account` if it is not empty."""

    account: str = ""


@dataclass(frozen=True)
class Ranked:
    """A voice found: id of its repository, and its score (higher is better)."""

    id: str
    score: float


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

    def search(self, query: Query, viewer: Viewer, limit: int) -> tuple[Sequence[Ranked], int]:
        """The best `limit` voices, best first, and how many match in all."""
        ...

    def close(self) -> None:
        """Releases files and connections."""
        ...


def open_index(url: str) -> SearchIndex:
    """The adapter that `url` names; ValueError for an unknown scheme."""
    if url.startswith("sqlite:///"):
        from services.catalog.search.lexicon import load
        from services.catalog.search.sqlite import SqliteIndex

        return SqliteIndex(url, load())
    raise ValueError(f"VOICEHUB_SEARCH_URL: unknown scheme in {url!r}; use sqlite:///path")
