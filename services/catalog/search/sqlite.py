"""The embedded search index: SQLite FTS5 for words, a facet table for structured conditions.

Public and private entries stand in full-text tables of their own: BM25 weighs a word by its rarity in the whole table,
so in a shared table a private voice would shift the scores that strangers see. Private entries are scored by the share
of the query's phrases that they hold.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.port import Ranked, Viewer
from services.catalog.search.query import ALTERNATIVES, Query
from services.catalog.search.record import SearchRecord, facets_of, text_of

LAYOUT = "1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, private INTEGER NOT NULL,
  created REAL NOT NULL, stars INTEGER NOT NULL, mos REAL, standing REAL NOT NULL);
CREATE INDEX IF NOT EXISTS entries_private ON entries(private, owner);
CREATE TABLE IF NOT EXISTS facets(
  key TEXT NOT NULL, value TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(key, value, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facets_of_entry ON facets(number);
CREATE VIRTUAL TABLE IF NOT EXISTS text_public USING fts5(title, prose, tokenize = "unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE IF NOT EXISTS text_private USING fts5(title, prose, tokenize = "unicode61 remove_diacritics 2");
"""
TITLE_WEIGHT, PROSE_WEIGHT = 3.0, 1.0
TEXT_WEIGHT = 4.0
STAR_WEIGHT = 0.5
AGE_WEIGHT_PER_YEAR = 0.1
_SECONDS_PER_YEAR = 365.25 * 86400
_COLUMNS = {"stars": "e.stars", "mos": "e.mos"}
Condition = tuple[str, list[object]]


class SqliteIndex:
    """The index in the file of `sqlite:///path`. A search opens a connection of its own; writers queue."""

    def __init__(self, url: str, lexicon: Lexicon) -> None:
        self._path = Path(url.removeprefix("sqlite:///"))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lexicon = lexicon
        self._lock = threading.Lock()
        self._connection = self._connect()
        self._connection.executescript(_SCHEMA)

    def stamp(self) -> str:
        """Layout and lexicon by which the entries were made, if they are the present ones; else empty."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'stamp'").fetchone()
        return str(row[0]) if row and row[0] == self._stamp() else ""

    def apply(self, upserts: Sequence[SearchRecord], removals: Sequence[str]) -> None:
        """Takes the old entries out and puts the new ones in, in one transaction."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for id_ in [*removals, *(record.id for record in upserts)]:
                self._remove(id_)
            for record in upserts:
                self._insert(record)

    def rebuild(self, records: Iterable[SearchRecord]) -> None:
        """Empties and fills the index in one transaction; readers see the old one until it is done."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in ("entries", "facets", "text_public", "text_private"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
            for record in records:
                self._insert(record)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('stamp', ?)", (self._stamp(),))

    def search(self, query: Query, viewer: Viewer, limit: int) -> tuple[Sequence[Ranked], int]:
        """Public entries and the viewer's own private ones, best first; equal scores in the order of ids."""
        tables: list[tuple[str, str, list[object]]] = [("text_public", "e.private = 0", [])]
        if viewer.account:
            tables.append(("text_private", "e.private = 1 AND e.owner = ?", [viewer.account]))
        found: list[Ranked] = []
        total = 0
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            for table, scope, parameters in tables:
                ranked, count = _select(connection, table, (scope, parameters), query, limit)
                found += ranked
                total += count
        found.sort(key=lambda hit: (-hit.score, hit.id))
        return found[:limit], total

    def close(self) -> None:
        """Closes the writing connection."""
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.create_function("text_score", 1, lambda rank: -rank / (1.0 - rank), deterministic=True)
        return connection

    def _stamp(self) -> str:
        return f"{LAYOUT}:{self._lexicon.digest}"

    def _remove(self, id_: str) -> None:
        row = self._connection.execute("SELECT number FROM entries WHERE id = ?", (id_,)).fetchone()
        if row is None:
            return
        for table, column in (
            ("text_public", "rowid"),
            ("text_private", "rowid"),
            ("facets", "number"),
            ("entries", "number"),
        ):
            self._connection.execute(f"DELETE FROM {table} WHERE {column} = ?", row)  # noqa: S608 - names from above

    def _insert(self, record: SearchRecord) -> None:
        cursor = self._connection.execute(
            "INSERT INTO entries(id, owner, private, created, stars, mos, standing) VALUES (?,?,?,?,?,?,?)",
            (
                record.id,
                record.owner,
                record.private,
                record.created.timestamp(),
                record.stars,
                record.mos,
                standing(record),
            ),
        )
        number = cursor.lastrowid
        self._connection.executemany(
            "INSERT OR IGNORE INTO facets(key, value, number) VALUES (?,?,?)",
            [(facet.key, facet.value, number) for facet in facets_of(record, self._lexicon)],
        )
        table = "text_private" if record.private else "text_public"
        self._connection.execute(
            f"INSERT INTO {table}(rowid, title, prose) VALUES (?,?,?)",  # noqa: S608 - one of two names
            (number, *text_of(record)),
        )


def standing(record: SearchRecord) -> float:
    """What a voice is worth apart from the query: its stars (logarithmically) and its date.

    The date counts absolutely, not as an age: what is newer stays ahead by the same amount at every time of asking.
    """
    stars = STAR_WEIGHT * (record.stars + 1).bit_length()
    return stars + AGE_WEIGHT_PER_YEAR * record.created.timestamp() / _SECONDS_PER_YEAR


def _select(
    connection: sqlite3.Connection, table: str, scope: Condition, query: Query, limit: int
) -> tuple[list[Ranked], int]:
    conditions = [*_facet_conditions(query), *_bound_conditions(query), *_phrase_conditions(table, query)]
    score, join, joined = _text_score(table, query)
    if query.text and not query.facets and not query.bounds and not query.phrases:
        conditions.append(("t.number IS NOT NULL", []))
    where, values = _both(scope, _all_or_named(table, query, conditions))
    parameters = [*joined, *values]
    body = f"FROM entries e {join} WHERE {where}"
    total = connection.execute(f"SELECT count(*) {body}", parameters).fetchone()[0]
    rows = connection.execute(
        f"SELECT e.id, e.standing + {TEXT_WEIGHT} * ({score}) AS score {body} ORDER BY score DESC, e.id LIMIT ?",
        [*parameters, limit],
    )
    return [Ranked(id_, value) for id_, value in rows], int(total)


def _all_or_named(table: str, query: Query, conditions: Sequence[Condition]) -> Condition:
    """All the conditions, or the name that the query looks like."""
    all_hold: Condition = ("1", [])
    for condition in conditions:
        all_hold = _both(all_hold, condition)
    if not query.name:
        return all_hold
    named = f"e.number IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)"  # noqa: S608 - one of two names
    return f"({all_hold[0]} OR {named})", [*all_hold[1], f"title : {_match(query.name)}"]


def _both(left: Condition, right: Condition) -> Condition:
    return f"({left[0]} AND {right[0]})", [*left[1], *right[1]]


def _text_score(table: str, query: Query) -> tuple[str, str, list[object]]:
    """Score expression, join and its parameters for the free text; 0 where there is none."""
    wanted = [*query.text, *query.phrases]
    if not wanted:
        return "0", "", []
    if table == "text_public":
        rank = f"text_score(bm25({table}, {TITLE_WEIGHT}, {PROSE_WEIGHT}))"
        inner = f"SELECT rowid AS number, {rank} AS score FROM {table} WHERE {table} MATCH ?"  # noqa: S608
        parameters: list[object] = [" OR ".join(_match(p) for p in wanted)]
    else:
        hits = " UNION ALL ".join([f"SELECT rowid AS number FROM {table} WHERE {table} MATCH ?"] * len(wanted))  # noqa: S608
        inner = f"SELECT number, count(*) / {len(wanted)}.0 AS score FROM ({hits}) GROUP BY number"  # noqa: S608
        parameters = [_match(p) for p in wanted]
    return "coalesce(t.score, 0)", f"LEFT JOIN ({inner}) t ON t.number = e.number", parameters


def _facet_conditions(query: Query) -> list[Condition]:
    found: list[Condition] = []
    for key, facets in groupby(sorted(query.facets), key=lambda facet: facet.key):
        values = [facet.value for facet in facets]
        groups = [values] if key in ALTERNATIVES else [[value] for value in values]
        found += [_holds(key, group) for group in groups]
    return found + [_not(_holds(facet.key, [facet.value])) for facet in sorted(query.without)]


def _holds(key: str, values: Sequence[str]) -> Condition:
    marks = ",".join("?" * len(values))
    condition = f"e.number IN (SELECT number FROM facets WHERE key = ? AND value IN ({marks}))"  # noqa: S608
    return condition, [key, *values]


def _bound_conditions(query: Query) -> list[Condition]:
    return [(f"{_COLUMNS[bound.name]} {bound.operator} ?", [bound.value]) for bound in query.bounds]


def _phrase_conditions(table: str, query: Query) -> list[Condition]:
    inside = f"e.number IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)"  # noqa: S608 - one of two names
    wanted: list[Condition] = [(inside, [_match(phrase)]) for phrase in query.phrases]
    return wanted + [_not((inside, [_match(phrase)])) for phrase in query.without_text]


def _not(condition: Condition) -> Condition:
    return f"NOT ({condition[0]})", condition[1]


def _match(phrase: Units) -> str:
    """An FTS5 phrase; units hold letters and digits only, so that nothing in them is query syntax."""
    return '"' + " ".join(phrase) + '"'
