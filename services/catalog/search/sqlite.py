"""The embedded search index: SQLite keeps the entries and their text (FTS5), memory keeps what is counted and ranked.

A search asks FTS5 only which rows have a phrase; everything else is arithmetic on `Columns`, which are read from the
file when it is opened and follow every write after it is committed. A row of the table `meta` is the alias: it names
the generation of tables that answers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from services.catalog.search.generation import GENERATIONS, Generation, prepared
from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.port import Change, Filling, Found, Neighbour, Viewer
from services.catalog.search.ranking import Plan
from services.catalog.search.scoring import Run
from services.common.errors import Unavailable

LAYOUT = 5
_ALIAS, _STAMP, _POSITION = "alias", "stamp", "position"
_EARLIER = ("text_public", "text_private", "facets", "entries", "texts", "meta")  # tables of earlier layouts


class SqliteIndex:
    """The index in the file of `sqlite:///path`. Writers and readers queue: each takes milliseconds."""

    def __init__(self, url: str, lexicon: Lexicon) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lexicon = lexicon
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._filling: Generation | None = None
        self._live = self._open()

    def stamp(self) -> str:
        """Layout and lexicon by which the entries were made, if they are the present ones; else empty."""
        return self._told(_STAMP) if self._told(_STAMP) == self._stamp() else ""

    def position(self) -> int:
        """As it was committed with the changes."""
        with self._lock:  # a read that is under way forbids that tables are dropped
            return self._position()

    def apply(self, changes: Sequence[Change], position: int | None = None) -> None:
        """Lets changes in, in one transaction with the position."""
        ready = prepared(changes, self._lexicon)
        with self._lock:
            with self._transaction():
                done = self._live.write(ready)
                if position is not None:
                    self._tell(_POSITION, str(max(position, self._position())))
            self._live.follow(done)

    def begin(self) -> Filling:
        """Tables of the other name; what was left there by one that never ended goes."""
        with self._lock:
            other = next(name for name in GENERATIONS if name != self._live.name)
            self._filling = Generation(self._connection, other)
            self._filling.create()
            return SqliteFilling(self, self._filling)

    def frequencies(self, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """Counted exactly, over the public entries only."""
        with self._lock:
            public = self._live.columns.visible(())
            counts = {phrase: int(np.count_nonzero(public[self._live.rows("body", phrase)])) for phrase in phrases}
            return counts, int(np.count_nonzero(public))

    def called(self, phrases: Sequence[Units]) -> frozenset[Units]:
        """Read from the titles."""
        with self._lock:
            public = self._live.columns.visible(())
            return frozenset(phrase for phrase in phrases if public[self._live.rows("title", phrase)].any())

    def search(self, plan: Plan, viewer: Viewer, limit: int, order: str = "relevance") -> Found:
        """Public entries and private ones that the viewer may read, best first; equal scores in the order of ids."""
        with self._lock:
            return self._run(plan, viewer).found(limit, order)

    def nearest(self, embedding: Sequence[float], plan: Plan, viewer: Viewer, limit: int) -> Sequence[Neighbour]:
        """An exact scan over the embeddings that the plan admits."""
        with self._lock:
            run, columns = self._run(plan, viewer), self._live.columns
            admitted = np.zeros(columns.capacity, np.bool_)
            admitted[run.exact()] = True
            rows, cosines = columns.similar(embedding, admitted)
            rounded = np.round(cosines.astype(np.float64), 6)
            if len(rows) > 4 * limit:
                kept = np.flatnonzero(rounded >= np.partition(rounded, len(rows) - limit)[len(rows) - limit])
                rows, rounded = rows[kept], rounded[kept]
            found = [Neighbour(columns.ids[row], float(c)) for row, c in zip(rows, rounded, strict=True)]
        return sorted(found, key=lambda one: (-one.similarity, one.id))[:limit]

    def names(self, prefix: str, viewer: Viewer, limit: int) -> Sequence[str]:
        """Names by their start."""
        with self._lock:
            columns = self._live.columns
            stars, labels = columns.numbers["stars"], columns.labels
            seen = np.flatnonzero(columns.visible(viewer.principals)).tolist()
            found = [row for row in seen if labels[row].startswith(prefix) or f"/{prefix}" in labels[row]]
            found.sort(key=lambda row: (-stars[row], labels[row]))
            return [labels[row] for row in found[:limit]]

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def fill(self, generation: Generation, changes: Sequence[Change]) -> None:
        """Lets changes into a generation that does not answer yet."""
        ready = prepared(changes, self._lexicon)
        with self._lock:
            self._still(generation)
            with self._transaction():
                done = generation.write(ready)
            generation.follow(done)

    def answer_from(self, generation: Generation, position: int) -> None:
        """Moves the alias."""
        with self._lock:
            self._still(generation)
            old, self._filling = self._live, None
            with self._transaction():
                for name, value in ((_ALIAS, generation.name), (_STAMP, self._stamp()), (_POSITION, str(position))):
                    self._tell(name, value)
            self._live = generation
            old.drop()

    def forget(self, generation: Generation) -> None:
        """Drops a generation that never answered."""
        with self._lock:
            if generation is self._filling:
                self._filling = None
                generation.drop()

    def _still(self, generation: Generation) -> None:
        if generation is not self._filling:
            raise Unavailable("Another rebuild of the search index began.", hint="Wait for it to end.")

    def _open(self) -> Generation:
        if self._connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            for table in _EARLIER:
                self._connection.execute(f"DROP TABLE IF EXISTS {table}")
            self._connection.execute("CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
            for name in GENERATIONS:
                Generation(self._connection, name).create()
            self._connection.execute(f"PRAGMA user_version = {LAYOUT}")
        live = Generation(self._connection, self._told(_ALIAS) or GENERATIONS[0])
        if self.stamp():
            live.load()
        return live

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def _position(self) -> int:
        return int(self._told(_POSITION) or 0)

    def _told(self, name: str) -> str:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _tell(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _run(self, plan: Plan, viewer: Viewer) -> Run:
        live = self._live
        return Run.of(live.columns, lambda p: live.rows("body", p), lambda p: live.rows("title", p), plan, viewer)

    def _stamp(self) -> str:
        return f"{LAYOUT}:{self._lexicon.digest}"


class SqliteFilling:
    """A generation that does not answer yet."""

    def __init__(self, index: SqliteIndex, generation: Generation) -> None:
        self._index, self._generation = index, generation

    def apply(self, changes: Sequence[Change]) -> None:
        """Lets changes in, unseen."""
        self._index.fill(self._generation, changes)

    def switch(self, position: int) -> None:
        """Lets it answer."""
        self._index.answer_from(self._generation, position)

    def discard(self) -> None:
        """Drops its tables."""
        self._index.forget(self._generation)
