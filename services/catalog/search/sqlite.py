"""The embedded search index: SQLite keeps the entries and their text (FTS5), memory keeps what is counted and ranked.

A search asks FTS5 only which rows have a phrase; everything else is arithmetic on `Columns`, which are read from the
file when it is opened and follow every write after it is committed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from services.catalog.search.columns import Columns, Entry, Rows
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.port import Found, Neighbour, Viewer
from services.catalog.search.ranking import Plan, standing
from services.catalog.search.record import SearchRecord, facets_of, text_of, title_of
from services.catalog.search.scoring import Run

LAYOUT = 2
KEPT_PHRASES = 512
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
  family TEXT NOT NULL, private INTEGER NOT NULL, numbers TEXT NOT NULL,
  facets TEXT NOT NULL, embedding BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(title, body, columnsize = 0,
  tokenize = "unicode61 remove_diacritics 2");
"""
_TABLES = ("text_public", "text_private", "facets", "entries", "texts", "meta")


class SqliteIndex:
    """The index in the file of `sqlite:///path`. Writers and readers queue: each takes milliseconds."""

    def __init__(self, url: str, lexicon: Lexicon) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lexicon = lexicon
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        if self._connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            for table in _TABLES:
                self._connection.execute(f"DROP TABLE IF EXISTS {table}")
            self._connection.execute(f"PRAGMA user_version = {LAYOUT}")
        self._connection.executescript(_SCHEMA)
        self._columns = self._load() if self.stamp() else Columns()
        self._phrases: OrderedDict[tuple[str, Units], Rows] = OrderedDict()

    def stamp(self) -> str:
        """Layout and lexicon by which the entries were made, if they are the present ones; else empty."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'stamp'").fetchone()
        return str(row[0]) if row and row[0] == self._stamp() else ""

    def apply(self, upserts: Sequence[SearchRecord], removals: Sequence[str]) -> None:
        """Takes the old entries out and puts the new ones in, in one transaction."""
        last = {record.id: record for record in upserts}
        with self._lock:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for id_ in {*removals, *last}:
                    self._remove(id_)
                entries = [self._insert(record) for record in last.values()]
            for id_ in removals:
                self._columns.remove(id_)
            for entry in entries:
                self._columns.add(entry)
            self._phrases.clear()

    def rebuild(self, records: Iterable[SearchRecord]) -> None:
        """Fills the index anew in one transaction; searches are answered from the old one until it is done."""
        fresh = Columns()
        with self._lock:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for table in ("entries", "texts"):
                    self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
                self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entries'")
                for record in records:
                    self._remove(record.id)
                    fresh.add(self._insert(record))
                self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('stamp', ?)", (self._stamp(),))
            self._columns = fresh
            self._phrases.clear()

    def frequencies(self, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """Counted exactly, over the public entries only."""
        with self._lock:
            public = self._columns.visible("")
            counts = {phrase: int(np.count_nonzero(public[self._rows("body", phrase)])) for phrase in phrases}
            return counts, int(np.count_nonzero(public))

    def search(self, plan: Plan, viewer: Viewer, limit: int, order: str = "relevance") -> Found:
        """Public entries and the viewer's own private ones, best first; equal scores in the order of ids."""
        with self._lock:
            return self._run(plan, viewer).found(limit, order)

    def nearest(self, embedding: Sequence[float], plan: Plan, viewer: Viewer, limit: int) -> Sequence[Neighbour]:
        """An exact scan over the embeddings that the plan admits."""
        with self._lock:
            run = self._run(plan, viewer)
            admitted = np.zeros(self._columns.capacity, np.bool_)
            admitted[run.exact()] = True
            rows, cosines = self._columns.similar(embedding, admitted)
            rounded = np.round(cosines.astype(np.float64), 6)
            if len(rows) > 4 * limit:
                kept = np.flatnonzero(rounded >= np.partition(rounded, len(rows) - limit)[len(rows) - limit])
                rows, rounded = rows[kept], rounded[kept]
            found = [Neighbour(self._columns.ids[row], float(c)) for row, c in zip(rows, rounded, strict=True)]
        return sorted(found, key=lambda one: (-one.similarity, one.id))[:limit]

    def names(self, prefix: str, viewer: Viewer, limit: int) -> Sequence[str]:
        """Names by their start."""
        with self._lock:
            stars, labels = self._columns.numbers["stars"], self._columns.labels
            seen = np.flatnonzero(self._columns.visible(viewer.account)).tolist()
            found = [row for row in seen if labels[row].startswith(prefix) or f"/{prefix}" in labels[row]]
            found.sort(key=lambda row: (-stars[row], labels[row]))
            return [labels[row] for row in found[:limit]]

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _run(self, plan: Plan, viewer: Viewer) -> Run:
        return Run.of(self._columns, lambda p: self._rows("body", p), lambda p: self._rows("title", p), plan, viewer)

    def _rows(self, column: str, phrase: Units) -> Rows:
        """The rows whose text has a phrase, in order; kept until the next write."""
        key = (column, phrase)
        if key in self._phrases:
            self._phrases.move_to_end(key)
            return self._phrases[key]
        found = self._connection.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ?", (f"{column} : {_match(phrase)}",)
        )
        rows = np.fromiter((row[0] for row in found), np.int64)
        self._phrases[key] = rows
        while len(self._phrases) > KEPT_PHRASES:
            self._phrases.popitem(last=False)
        return rows

    def _stamp(self) -> str:
        return f"{LAYOUT}:{self._lexicon.digest}"

    def _remove(self, id_: str) -> None:
        row = self._connection.execute("SELECT number FROM entries WHERE id = ?", (id_,)).fetchone()
        if row is not None:
            self._connection.execute("DELETE FROM texts WHERE rowid = ?", row)
            self._connection.execute("DELETE FROM entries WHERE number = ?", row)

    def _insert(self, record: SearchRecord) -> Entry:
        numbers = {
            "stars": float(record.stars),
            "mos": record.mos,
            "downloads": float(record.downloads),
            "created": record.created.timestamp(),
            "standing": standing(record),
        }
        facets = sorted(facets_of(record, self._lexicon))
        embedding = np.asarray(record.embedding, np.float32).tobytes()
        family = record.family or record.id
        values = (record.id, record.owner, record.name, family, record.private)
        cursor = self._connection.execute(
            "INSERT INTO entries(id, owner, name, family, private, numbers, facets, embedding)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (*values, json.dumps(numbers), json.dumps([[f.key, f.value] for f in facets]), embedding),
        )
        row = int(cursor.lastrowid or 0)
        self._connection.execute(
            "INSERT INTO texts(rowid, title, body) VALUES (?,?,?)", (row, title_of(record), text_of(record))
        )
        return Entry(row, *values, {k: np.nan if v is None else v for k, v in numbers.items()}, facets, embedding)

    def _load(self) -> Columns:
        columns = Columns()
        for entry in self._entries():
            columns.add(entry)
        return columns

    def _entries(self) -> Iterator[Entry]:
        rows = self._connection.execute(
            "SELECT number, id, owner, name, family, private, numbers, facets, embedding FROM entries ORDER BY number"
        )
        for number, id_, owner, name, family, private, numbers, facets, embedding in rows:
            told = {key: np.nan if value is None else value for key, value in json.loads(numbers).items()}
            known = [Facet(key, value) for key, value in json.loads(facets)]
            yield Entry(number, id_, owner, name, family, bool(private), told, known, bytes(embedding))


def _match(phrase: Units) -> str:
    """An FTS5 phrase; units hold letters and digits only, so that nothing in them is query syntax."""
    return '"' + " ".join(phrase) + '"'
