"""The tables of one service as lines of JSON, independent of the engine that holds them.

The first line says the revision of the schema, the counters and the columns; each further one is a row of one table.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
    cast,
    insert,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.schema import sort_tables

from services.common.backup import counters
from services.common.migrations import revision

BATCH = 500
IN_ORDER = ("ledger_transactions", "ledger_entries")
"""Tables that take a row only after those that it goes on from."""
MARKER = "voicehub_restored"
OURS = frozenset({"alembic_version", MARKER})
"""Tables that say something of the database, not of the hub."""


def dump(session: Session, service: str, path: Path) -> int:
    """Writes all rows as the session's snapshot sees them; answers how many."""
    connection = session.connection()
    tables = tables_of(connection)
    head = {
        "service": service,
        "revision": revision(connection),
        "ordered": True,
        "counters": counters.read(connection, tables),
        "tables": [{"name": table.name, "columns": [column.name for column in table.columns]} for table in tables],
    }
    count = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        file.write(json.dumps(head) + "\n")
        for number, table in enumerate(tables):
            for row in _rows(connection, table):
                file.write(json.dumps([number, *row], ensure_ascii=False) + "\n")
                count += 1
    return count


def read_head(path: Path) -> dict[str, Any]:
    """The first line."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head: dict[str, Any] = json.loads(file.readline())
    return head


def load(session: Session, path: Path) -> int:
    """Inserts all rows into the empty tables of the session's database; answers how many."""
    connection = session.connection()
    there = {table.name: table for table in tables_of(connection)}
    head = read_head(path)
    tables = [there[one["name"]] for one in head["tables"]]
    names = [one["columns"] for one in head["tables"]]
    readers = [[_reader(table.columns[name]) for name in named] for table, named in zip(tables, names, strict=True)]
    count, waiting, current = 0, list[dict[str, Any]](), 0
    for number, *values in _lines(path) if head.get("ordered") else _put_in_order(_lines(path), tables, names):
        if waiting and (number != current or len(waiting) == BATCH):
            connection.execute(insert(tables[current]), waiting)
            waiting = []
        current = number
        row = zip(names[number], readers[number], values, strict=True)
        waiting.append({name: None if value is None else read(value) for name, read, value in row})
        count += 1
    if waiting:
        connection.execute(insert(tables[current]), waiting)
    counters.write(connection, tables, head["counters"])
    return count


def tables_of(connection: Connection) -> list[Table]:
    """The service's tables as the database describes them, each after those it refers to.

    A table whose reference is checked at the end of a transaction only comes before the one it refers to: so refer
    rows that a trigger counts when the row that they belong to is written (the ledger's).
    """
    metadata = MetaData()
    metadata.reflect(connection)
    deferred = [
        (table, key.referred_table)
        for table in metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.deferrable
    ]
    ordered = sort_tables(metadata.tables.values(), lambda key: bool(key.deferrable), deferred)
    tables = [table for table in ordered if table.name not in OURS]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, JSON):  # SQL's NULL is not JSON's null
                column.type = JSON(none_as_null=True)
    return tables


def is_empty(connection: Connection) -> bool:
    """Whether no table has a row."""
    return all(connection.execute(select(table).limit(1)).first() is None for table in tables_of(connection))


def _rows(connection: Connection, table: Table) -> Iterator[list[Any]]:
    """Rows by their primary key: those of a ledger only go in as they once came, and only it tells how that was."""
    columns = list(table.columns)
    asked = [cast(column, Text) if isinstance(column.type, JSON) else column for column in columns]
    query = select(*asked).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=BATCH).execute(query):
        yield [_told(value) for value in row]


def _put_in_order(
    lines: Iterable[Sequence[Any]], tables: Sequence[Table], names: Sequence[Sequence[str]]
) -> Iterator[Sequence[Any]]:
    """The lines of a backup of before they had an order: PostgreSQL told rows as they lay on the disk."""
    for number, rows in groupby(lines, key=itemgetter(0)):
        table, named = tables[number], names[number]
        if table.name in IN_ORDER:
            rows = iter(sorted(rows, key=itemgetter(*(1 + named.index(c.name) for c in table.primary_key.columns))))
        yield from rows


def _told(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return base64.b64decode
    if isinstance(column.type, DateTime):
        return datetime.fromisoformat
    if isinstance(column.type, JSON):
        return _json
    return lambda value: value


def _json(text: str) -> Any:
    value = json.loads(text)
    return JSON.NULL if value is None else value


def _lines(path: Path) -> Iterator[Sequence[Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            yield json.loads(line)
