"""Rows of every kind in every table of every service, so that nothing is lost in a backup by its type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, LargeBinary, Table, insert
from sqlalchemy.orm import Session

from services.common.admin.place import settings_at
from services.common.backup.rows import tables_of
from services.common.database import Database
from services.common.migrations import scripts_of, upgrade
from services.common.objects import Area, open_store
from services.common.settings import SERVICES, Settings

ROWS = 7
SOURCE, AMOUNT = 0, 5
"""The account of the ledger whose balance may be negative, and what it gives."""
BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TEXTS = ("plain", "粤语 老年 男性", "", "a\tb\n\"c\" 'd' \\", "😀", "%s {x} $1", "z" * 3)
DOCUMENTS: tuple[Any, ...] = ({"k": [1, 2.5, None, "ü"]}, [], {}, "text", 0, False, [{"a": None}])


def fill(settings: Mapping[str, Settings]) -> None:
    """Brings all databases forward and fills them; puts an object into each area."""
    for name, one in settings.items():
        database = Database(one.database_url)
        upgrade(database, scripts_of(name))
        with database.write() as session:
            fill_tables(session)
        database.engine.dispose()
    store = open_store(settings[SERVICES[0]].objects_url)
    for area in Area:
        for number in range(3):
            store.put(area, [f"{area} {number}".encode() * 1000])


def fill_tables(session: Session) -> None:
    """`ROWS` rows in each table, referring to each other by number; the last one is deleted where nobody needs it."""
    connection = session.connection()
    for table in tables_of(connection):
        values = [row for number in range(ROWS) for row in _rows(table, number)]
        connection.execute(insert(table), values)
        if table.name == "outbox":  # so that its counter is ahead of its rows
            connection.execute(table.delete().where(table.c.sequence == ROWS))


def _rows(table: Table, number: int) -> list[dict[str, Any]]:
    """A row; of the ledger's entries, which its triggers hold to the rules, the two of a transaction."""
    row = {column.name: _value(table, column, number) for column in table.columns}
    if table.name != "ledger_entries":
        return [row]
    moved = ((f"{SOURCE}-id", -AMOUNT), (f"{SOURCE + 1}-id", AMOUNT))
    return [row | {"account_id": a, "amount": by, "balance": by * (number + 1)} for a, by in moved]


def settings_of(**variables: Any) -> dict[str, Settings]:
    """The settings of all services of a hub in a folder."""
    return {service: settings_at(service, variables["data"]) for service in SERVICES}


def _value(table: Table, column: Column[Any], number: int) -> Any:
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return _value(key.column.table, key.column, number)
    kind = column.type
    if column.nullable and number % 3 == 2:
        return None
    if isinstance(kind, JSON):
        return DOCUMENTS[number % len(DOCUMENTS)]
    if isinstance(kind, LargeBinary):
        return bytes(range(number, 256))
    if isinstance(kind, DateTime):
        return BEGIN + timedelta(days=number, microseconds=number)
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number + 1
    if isinstance(kind, Float):
        return number / 3
    length = getattr(kind, "length", None) or 40
    unique = column.primary_key or column.unique or any(column.name in index.columns for index in table.indexes)
    text = f"{number}-{column.name}" if unique or length < 40 else TEXTS[number % len(TEXTS)]
    return text[:length]
