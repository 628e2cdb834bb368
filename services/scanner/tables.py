"""The scanner's tables."""

from __future__ import annotations

from sqlalchemy import JSON, Column, DateTime, MetaData, String, Table, Text

metadata = MetaData()

reports = Table(
    "reports",
    metadata,
    Column("version_id", String(64), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("findings", JSON, nullable=False),
    Column("stripped", JSON, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("second_opinions", JSON, nullable=False),
    Column("behaviour", JSON, nullable=False),
    Column("rules_version", String(16), nullable=False),
    Column("signature", Text, nullable=False),
    # The uploads the report is about: [{"role", "filename", "digest"}], for second opinions and rescans.
    Column("uploads", JSON, nullable=False),
)
