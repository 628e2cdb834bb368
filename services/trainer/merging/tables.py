"""The table of merges."""

from __future__ import annotations

from sqlalchemy import JSON, Column, DateTime, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

merges = Table(
    "merges",
    metadata,
    # Of the event that asked.
    Column("id", String(64), primary_key=True),
    Column("pull_id", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", String(96), nullable=False),
    Column("ours", String(32), nullable=False),
    Column("theirs", String(32), nullable=False),
    Column("bases", JSON, nullable=False),
    Column("options", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    # Id of the version, or why there is none.
    Column("result", Text, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True)),
    Index("merges_state", "state", "create_time"),
)
