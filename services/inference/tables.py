"""The tables of inference."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

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

withheld = Table("withheld", metadata, Column("version_id", String(64), primary_key=True))
"""Versions that nobody may hear, because a moderator took them down."""

batches = Table(
    "batches",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    # Last shard that was put on the bus in this attempt.
    Column("issued", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    # [{"name", "version_id", "prompt"}]
    Column("voices", JSON, nullable=False),
    Column("list_format", String(16), nullable=False),
    Column("lines", Integer, nullable=False),
    Column("language", String(35), nullable=False),
    Column("form", String(16), nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("speed", Float, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True)),
    Column("zip_digest", String(64), nullable=False),
    Column("zip_size", BigInteger, nullable=False),
    Column("idempotency_key", String(128)),
    # Of what was asked for with that key; empty where nobody noted it.
    Column("plan_hash", String(64), nullable=False, server_default=""),
    Index("batches_account", "account", "id"),
    Index("batches_zip", "zip_digest"),
    Index("batches_idempotency", "account", "idempotency_key", unique=True),
)

batch_lines = Table(
    "batch_lines",
    metadata,
    Column("batch_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("line", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("language", String(64), nullable=False),
    Column("voice", String(300), nullable=False),
    Column("seed", BigInteger),
    Column("start", Float),
    Column("end", Float),
)

batch_takes = Table(
    "batch_takes",
    metadata,
    Column("batch_id", String(32), primary_key=True),
    # Index into the batch's voices.
    Column("voice", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    # The batch's when the take ended; 0 before.
    Column("sequence", BigInteger, nullable=False),
    Column("version_id", String(64), nullable=False),
    Column("language", String(64), nullable=False),
    Column("characters", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("machine_seconds", Float, nullable=False),
    # [[text, start, end]]
    Column("words", JSON, nullable=False),
    Column("error", Text, nullable=False),
    # Words that the language has no sounds for.
    Column("left_out", JSON, nullable=False, server_default="[]"),
    Index("batch_takes_shard", "batch_id", "state", "shard"),
    Index("batch_takes_sequence", "batch_id", "sequence"),
    Index("batch_takes_digest", "digest"),
    Index("batch_takes_speed", "version_id", "language", "state"),
)
