"""One generation of the embedded index: its tables in the file, and its columns in memory.

The file holds at most two: the one that answers, and one that is being filled.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.catalog.search.columns import Columns, Entry, Rows
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.port import Change
from services.catalog.search.ranking import standing
from services.catalog.search.record import facets_of, text_of, title_of

KEPT_PHRASES = 2048  # a sentence asks for some 200
GENERATIONS = ("a", "b")
_SCHEMA = """
CREATE TABLE entries_{g}(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
  family TEXT NOT NULL, private INTEGER NOT NULL, numbers TEXT NOT NULL,
  facets TEXT NOT NULL, embedding BLOB NOT NULL, principals TEXT NOT NULL);
CREATE TABLE sequences_{g}(id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts_{g} USING fts5(title, body, columnsize = 0, tokenize = "unicode61 remove_diacritics 2");
"""
_TABLES = ("entries", "sequences", "texts")
_KNOWN = "SELECT sequence FROM sequences_{g} WHERE id = ?"
_KNOW = "INSERT OR REPLACE INTO sequences_{g} VALUES (?, ?)"
_KEPT = (
    "SELECT number, id, owner, name, family, private, facets, embedding, principals, title, body"
    " FROM entries_{g} JOIN texts_{g} ON texts_{g}.rowid = number WHERE id = ?"
)
_RENUMBER = "UPDATE entries_{g} SET numbers = ? WHERE number = ?"
_REMOVE = "DELETE FROM entries_{g} WHERE id = ? RETURNING number"
_REMOVE_TEXT = "DELETE FROM texts_{g} WHERE rowid = ?"
_INSERT = (
    "INSERT INTO entries_{g}(id, owner, name, family, private, numbers, facets, embedding, principals)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)
_NUMBERS = 5  # place of the numbers among what is inserted
_INSERT_TEXT = "INSERT INTO texts_{g}(rowid, title, body) VALUES (?,?,?)"
_ALL = (
    "SELECT number, id, owner, name, family, private, numbers, facets, embedding, principals"
    " FROM entries_{g} ORDER BY number"
)
_MATCHING = "SELECT group_concat(rowid) FROM texts_{g} WHERE texts_{g} MATCH ?"


@dataclass(frozen=True)
class Prepared:
    """A change as it is written: the analysis is done before a lock is taken. `row` is empty for what is gone."""

    change: Change
    row: tuple[object, ...] = ()
    texts: tuple[str, str] = ("", "")
    entry: Entry | None = None


def prepared(changes: Iterable[Change], lexicon: Lexicon) -> list[Prepared]:
    """Changes ready to be written, the later of one id after the earlier."""
    return [_prepared(change, lexicon) for change in sorted(changes, key=lambda change: change.sequence)]


class Generation:
    """The tables `*_a` or `*_b`. Its owner holds a lock around every call."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection, self.name = connection, name
        self.columns = Columns()
        self._phrases: OrderedDict[tuple[str, Units], Rows] = OrderedDict()

    def create(self) -> None:
        """Makes empty tables in place of what is there."""
        self.drop()
        self._connection.executescript(_SCHEMA.format(g=self.name))

    def drop(self) -> None:
        """Removes the tables."""
        for table in _TABLES:
            self._connection.execute(f"DROP TABLE IF EXISTS {table}_{self.name}")

    def load(self) -> None:
        """Reads the columns from the file."""
        self.columns = Columns()
        for entry in self._entries():
            self.columns.add(entry)

    def write(self, changes: Sequence[Prepared]) -> list[tuple[str, Entry | None]]:
        """Writes what is not older than what is there, within the transaction of the caller; answers that."""
        done: list[tuple[str, Entry | None]] = []
        for one in changes:
            change = one.change
            if self._known(change.id) > change.sequence:
                continue
            self._run(_KNOW, change.id, change.sequence)
            done.append((change.id, self._put(one)))
        return done

    def follow(self, done: Iterable[tuple[str, Entry | None]]) -> None:
        """Brings the columns to what was committed."""
        for id_, entry in done:
            if entry is None:
                self.columns.remove(id_)
            else:
                self.columns.add(entry)
        self._phrases.clear()

    def rows(self, column: str, phrase: Units) -> Rows:
        """The rows whose text has a phrase, in order; those of what is said are kept until the next write."""
        key = (column, phrase)
        if key in self._phrases:
            self._phrases.move_to_end(key)
            return self._phrases[key]
        # One text of all numbers: a third of the time of a row each.
        (found,) = self._run(_MATCHING, f"{column} : {_match(phrase)}").fetchone()
        if not found:
            return np.empty(0, np.int64)
        rows = np.fromstring(found, np.int64, sep=",")
        self._phrases[key] = rows
        while len(self._phrases) > KEPT_PHRASES:
            self._phrases.popitem(last=False)
        return rows

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement.format(g=self.name), values)

    def _known(self, id_: str) -> int:
        found = self._run(_KNOWN, id_).fetchone()
        return int(found[0]) if found else -1

    def _put(self, one: Prepared) -> Entry | None:
        """Writes an entry, or takes it out; stars and downloads change often, and take no new row."""
        row = self._row_of_alike(one)
        if row and one.entry:
            self._run(_RENUMBER, one.row[_NUMBERS], row)
            return one.entry.at(row)
        self._remove(one.change.id)
        return self._insert(one, one.entry) if one.entry else None

    def _row_of_alike(self, one: Prepared) -> int:
        """The row of an entry that differs in nothing but its numbers; 0 if there is none."""
        row, *kept = self._run(_KEPT, one.change.id).fetchone() or (0,)
        told = [*one.row[:_NUMBERS], *one.row[_NUMBERS + 1 :], *one.texts]
        return int(row) if kept == told else 0

    def _remove(self, id_: str) -> None:
        for (number,) in self._run(_REMOVE, id_).fetchall():
            self._run(_REMOVE_TEXT, number)

    def _insert(self, one: Prepared, entry: Entry) -> Entry:
        row = int(self._run(_INSERT, *one.row).lastrowid or 0)
        self._run(_INSERT_TEXT, row, *one.texts)
        return entry.at(row)

    def _entries(self) -> Iterator[Entry]:
        for number, id_, owner, name, family, private, numbers, facets, embedding, principals in self._run(_ALL):
            known = [Facet(key, value) for key, value in json.loads(facets)]
            told, who = _numbers(json.loads(numbers)), json.loads(principals)
            yield Entry(number, id_, owner, name, family, bool(private), told, known, bytes(embedding), who)


def _prepared(change: Change, lexicon: Lexicon) -> Prepared:
    record = change.record
    if record is None:
        return Prepared(change)
    numbers = {
        "stars": float(record.stars),
        "mos": record.mos,
        "downloads": float(record.downloads),
        "created": record.created.timestamp(),
        "standing": standing(record),
    }
    facets = sorted(facets_of(record, lexicon))
    embedding = np.asarray(record.embedding, np.float32).tobytes()
    values = (record.id, record.owner, record.name, record.family or record.id, record.private)
    who = json.dumps(record.principals)
    row = (*values, json.dumps(numbers), json.dumps([[f.key, f.value] for f in facets]), embedding, who)
    entry = Entry(0, *values, _numbers(numbers), facets, embedding, record.principals)
    return Prepared(change, row, (title_of(record), text_of(record)), entry)


def _numbers(told: dict[str, float | None]) -> dict[str, float]:
    return {key: np.nan if value is None else value for key, value in told.items()}


def _match(phrase: Units) -> str:
    """An FTS5 phrase; units hold letters and digits only, so that nothing in them is query syntax."""
    return '"' + " ".join(phrase) + '"'
