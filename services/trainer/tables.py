"""The trainer's tables."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", String(96), nullable=False),
    Column("state", String(16), nullable=False),
    Column("recording", String(64), nullable=False),
    Column("recording_size", BigInteger, nullable=False),
    Column("filename", String(255), nullable=False),
    Column("transcript", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("declaration", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("quick", Boolean, nullable=False),
    Column("base", String(64), nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True)),
    Column("failure", Text, nullable=False),
    Column("version_id", String(32), nullable=False),
    Column("report", JSON, nullable=False),
    Column("idempotency_key", String(128)),
    Index("jobs_account", "account", "id"),
    Index("jobs_idempotency", "account", "idempotency_key", unique=True),
)

progress = Table(
    "progress",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("step", String(32), nullable=False),
    Column("fraction", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
)

later = MetaData()
"""Tables that came after the first revision."""

cluster_work = Table(
    "cluster_work",
    later,
    Column("job_id", String(32), primary_key=True),
    Column("uid", String(64), nullable=False),
    Column("checkpoint", String(64), nullable=False),
)

stored = MetaData()
cluster_objects = Table(
    "cluster_objects",
    stored,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(32), nullable=False, index=True),
    Column("digest", String(64), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
)
"""Everything that was put into the store for a job in a cluster, in the order in which that became known."""
