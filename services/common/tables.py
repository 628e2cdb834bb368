"""Tables that every service's database has: outbox, inbox and dead letters.

Each service's Alembic folder makes them with `create_messaging_tables` in its first revision.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, Integer, LargeBinary, MetaData, String, Table, Text

from services.common.events import Event

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("topic", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("type", String(128), nullable=False),
    Column("source", String(32), nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("trace", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

inbox = Table(
    "inbox",
    metadata,
    Column("subscription", String(64), primary_key=True),
    Column("event_id", String(32), primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("subscription", String(64), primary_key=True),
    Column("event_id", String(32), primary_key=True),
    Column("topic", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("type", String(128), nullable=False),
    Column("source", String(32), nullable=False),
    Column("event_time", DateTime(timezone=True), nullable=False),
    Column("trace", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
)


def event_columns(event: Event) -> dict[str, Any]:
    """What outbox and dead letters hold of an event under the same names."""
    return {name: getattr(event, name) for name in ("topic", "key", "type", "source", "trace", "data")}
