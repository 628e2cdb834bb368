"""The tables of inference."""

from __future__ import annotations

from sqlalchemy import JSON, Column, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

voices = Table(
    "voices",
    metadata,
    Column("version_id", String(64), primary_key=True),
    Column("family", String(16), nullable=False),
    # [{"path", "digest", "size"}], as the two columns after it
    Column("bundle", JSON, nullable=False),
    Column("files", JSON, nullable=False),
    Column("requires", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("not_auditionable", Text, nullable=False),
)

waiting = Table(
    "waiting",
    metadata,
    Column("version_id", String(64), primary_key=True),
    # The StaticScanCompleted that it is exported from as soon as its base is there.
    Column("scan", LargeBinary, nullable=False),
)
