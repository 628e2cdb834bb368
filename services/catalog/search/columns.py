"""The entries of the embedded index in memory, by column: facets as postings, numbers and embeddings as arrays.

An entry that changes gets a new row and its old row dies, so that postings only ever grow at their end and stay sorted;
one of which only numbers change keeps its row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.lexicon import Facet
from services.catalog.search.query import Bound

Rows = NDArray[np.int64]
NUMBERS = ("stars", "mos", "downloads", "created", "standing")
_FIRST_CAPACITY = 1024


@dataclass(frozen=True)
class Entry:
    """A row: who owns it, who sees it if it is private, its numbers (NaN for a missing one) and its facets."""

    row: int
    id: str
    owner: str
    name: str
    family: str
    private: bool
    numbers: Mapping[str, float]
    facets: Collection[Facet]
    embedding: bytes = b""
    principals: Collection[str] = ()

    def at(self, row: int) -> Entry:
        """The same in a row."""
        return replace(self, row=row)


@dataclass
class Posting:
    """The rows that have a facet, in order; the last ones wait to be joined to the others."""

    _rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    _fresh: list[int] = field(default_factory=list)
    _mask: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    _marked: int = 0

    def add(self, row: int) -> None:
        """Adds a row that comes after all others."""
        self._fresh.append(row)

    @property
    def rows(self) -> Rows:
        """All rows."""
        if self._fresh:
            self._rows = np.concatenate([self._rows, np.asarray(self._fresh, np.int64)])
            self._fresh = []
        return self._rows

    def mask(self, capacity: int) -> NDArray[np.bool_]:
        """Which of `capacity` rows have the facet."""
        rows = self.rows
        if len(self._mask) != capacity:
            self._mask, self._marked = np.zeros(capacity, np.bool_), 0
        self._mask[rows[self._marked :]] = True
        self._marked = len(rows)
        return self._mask


class Vectors:
    """The embeddings of one length, and the row of each."""

    def __init__(self, length: int) -> None:
        self.values = np.zeros((64, length), np.float32)
        self.rows: list[int] = []

    def add(self, row: int, vector: NDArray[np.float32]) -> None:
        """Adds the embedding of a row."""
        count = len(self.rows)
        if count == len(self.values):
            self.values = np.concatenate([self.values, np.zeros_like(self.values)])
        self.values[count] = vector
        self.rows.append(row)


class Columns:
    """All entries. Not for several threads at once: its owner holds a lock."""

    def __init__(self) -> None:
        self._capacity = _FIRST_CAPACITY
        self.ids: list[str] = [""] * self._capacity
        self.labels: list[str] = [""] * self._capacity
        self.families: list[str] = [""] * self._capacity
        self.alive = np.zeros(self._capacity, np.bool_)
        self.public = np.zeros(self._capacity, np.bool_)
        self.numbers = {name: np.full(self._capacity, np.nan) for name in NUMBERS}
        self.row_of: dict[str, int] = {}
        self.rows_of_principal: dict[str, list[int]] = {}
        self.postings: dict[Facet, Posting] = {}
        self.end = 0
        self._vectors: dict[int, Vectors] = {}

    def add(self, entry: Entry) -> None:
        """Adds a row; an older row of the same id dies. In the row that it has an entry differs in its numbers only."""
        row = entry.row
        self._reach(row + 1)
        for name, value in entry.numbers.items():
            self.numbers[name][row] = value
        if self.row_of.get(entry.id) == row:
            return
        self.remove(entry.id)
        self.ids[row], self.families[row] = entry.id, entry.family
        self.labels[row] = f"{entry.owner}/{entry.name}"
        self.alive[row], self.public[row] = True, not entry.private
        self.row_of[entry.id] = row
        for principal in entry.principals if entry.private else ():
            self.rows_of_principal.setdefault(principal, []).append(row)
        for facet in entry.facets:
            self.postings.setdefault(facet, Posting()).add(row)
        if entry.embedding:
            vector = np.frombuffer(entry.embedding, np.float32)
            self._vectors.setdefault(len(vector), Vectors(len(vector))).add(row, vector)
        self.end = max(self.end, row + 1)

    def remove(self, id_: str) -> int | None:
        """Takes an entry out; its row, or None if there is no such entry."""
        row = self.row_of.pop(id_, None)
        if row is not None:
            self.alive[row] = False
        return row

    def visible(self, principals: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows are seen: the public ones, and the private ones of any of the principals."""
        seen: NDArray[np.bool_] = self.alive & self.public
        for principal in principals:
            own = np.asarray(self.rows_of_principal.get(principal, []), np.int64)
            seen[own] = self.alive[own]
        return seen

    def rows(self, facets: Iterable[Facet]) -> Rows:
        """The rows that have any of the facets, in order."""
        found = [self.postings[facet].rows for facet in facets if facet in self.postings]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def has(self, facet: Facet) -> NDArray[np.bool_]:
        """Which rows have a facet."""
        return self.postings[facet].mask(self._capacity)

    def holds(self, bound: Bound, rows: Rows) -> NDArray[np.bool_]:
        """For which of the rows a condition holds; a missing number satisfies none that is not negated."""
        values, wanted = self.numbers[bound.name][rows], bound.value
        found: NDArray[np.bool_] = {
            ">": values > wanted, ">=": values >= wanted, "<": values < wanted, "<=": values <= wanted,
            "=": values == wanted,
        }[bound.operator]  # fmt: skip
        return ~found if bound.negated else found

    def similar(self, embedding: Sequence[float], seen: NDArray[np.bool_]) -> tuple[Rows, NDArray[np.float32]]:
        """The rows with an embedding among those seen, and the cosine of each: an exact scan."""
        alike = self._vectors.get(len(embedding))
        if alike is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rows = np.asarray(alike.rows, np.int64)
        admitted = seen[rows]
        vectors = alike.values[: len(rows)]
        cosines = (vectors if admitted.all() else vectors[admitted]) @ np.asarray(embedding, np.float32)
        return rows[admitted], cosines

    def _reach(self, count: int) -> None:
        while count > self._capacity:
            more = self._capacity
            for texts in (self.ids, self.labels, self.families):
                texts.extend([""] * more)
            self.alive = np.concatenate([self.alive, np.zeros(more, np.bool_)])
            self.public = np.concatenate([self.public, np.zeros(more, np.bool_)])
            self.numbers = {k: np.concatenate([v, np.full(more, np.nan)]) for k, v in self.numbers.items()}
            self._capacity += more

    @property
    def capacity(self) -> int:
        """Length of the arrays."""
        return self._capacity
