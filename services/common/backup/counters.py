"""Counters of growing numbers (sequences): a number that was given once is never given again, also after a restore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, func, select, text


def read(connection: Connection, tables: Iterable[Table]) -> dict[str, int]:
    """By table, the last number that was given."""
    if connection.dialect.name == "sqlite":
        if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").first():
            return {}
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
        named = {table.name for table in tables}
        return {str(name): int(number) for name, number in rows if name in named}
    found: dict[str, int] = {}
    for column, sequence in _sequences(connection, tables):
        row = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608 - quoted by the server
        found[column.table.name] = int(row[0]) if row[1] else 0
    return found


def write(connection: Connection, tables: Iterable[Table], numbers: Mapping[str, int]) -> None:
    """Goes on behind those numbers, and behind those that rows have: SQLite counts not for every table."""
    if connection.dialect.name == "sqlite":
        for name, number in numbers.items():
            values = {"name": name, "number": number}
            changed = connection.execute(text("UPDATE sqlite_sequence SET seq = :number WHERE name = :name"), values)
            if not changed.rowcount:
                connection.execute(text("INSERT INTO sqlite_sequence(name, seq) VALUES (:name, :number)"), values)
        return
    for column, sequence in _sequences(connection, tables):
        greatest = connection.execute(select(func.max(column))).scalar() or 0
        number = max(numbers.get(column.table.name, 0), greatest)
        values = {"sequence": sequence, "number": max(number, 1), "called": number > 0}
        connection.execute(text("SELECT setval(CAST(:sequence AS regclass), :number, :called)"), values)


def _sequences(connection: Connection, tables: Iterable[Table]) -> Iterable[tuple[Column[Any], str]]:
    for table in tables:
        for column in table.primary_key.columns:
            if isinstance(column.type, Integer):
                asked = {"table": f'"{table.name}"', "column": column.name}
                query = text("SELECT pg_get_serial_sequence(:table, :column)")
                if sequence := connection.execute(query, asked).scalar():
                    yield column, str(sequence)
