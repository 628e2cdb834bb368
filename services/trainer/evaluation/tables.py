"""The table of evaluations."""

from __future__ import annotations

from sqlalchemy import JSON, Column, DateTime, Index, MetaData, String, Table, Text

metadata = MetaData()

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("version_id", String(32), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", String(96), nullable=False),
    Column("state", String(16), nullable=False),
    Column("failure", Text, nullable=False),
    Column("language", String(35), nullable=False),
    # As the worker wrote them: [{"text", "digest", "size", "seconds", "similarity", "errors", "words", "heard", "mos"}]
    Column("sentences", JSON, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("tools", JSON, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True)),
    Index("evaluations_version", "version_id", "id"),
    Index("evaluations_state", "state", "id"),
)
