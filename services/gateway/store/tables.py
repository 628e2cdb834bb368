"""The gateway's own tables; those of the messaging are in `services.common.tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()
ORGANISATION = "organisation:"
"""Stands, before the name of whom the organisation's name is for, where a person's account has a password hash.

That is who made it, or who tried to delete it last; it says nothing of who may do what, which the catalog knows.
"""
DELETED = ORGANISATION + "deleted:"
"""The same, before the name of who deleted the organisation, and may make it again."""

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(39), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(39), ForeignKey("accounts.name"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),  # session | token
    Column("label", String(100), nullable=False),
    Column("scopes", String(64), nullable=False),  # joined by spaces
    Column("digest", String(64), nullable=False, unique=True),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("expire_time", DateTime(timezone=True), nullable=True),
)

administrators = Table(
    "administrators",
    metadata,
    Column("account", String(39), ForeignKey("accounts.name"), primary_key=True),
    Column("proof", String(64), nullable=False),  # digest of the token that allowed it
    Column("create_time", DateTime(timezone=True), nullable=False),
)

erased_names = Table(
    "erased_names",
    metadata,
    Column("digest", String(64), primary_key=True),  # of the name, or of an administrator's token
    Column("erase_time", DateTime(timezone=True), nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(39), ForeignKey("accounts.name"), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),  # empty until complete
    Column("create_time", DateTime(timezone=True), nullable=False),
    Index("uploads_account", "account", "digest"),
)

answers = Table(
    "idempotent_answers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", String(64), nullable=False),
    Column("state", String(8), nullable=False),  # running | done
    Column("status", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("holder", String(32), nullable=True),  # the attempt that took the key
    Column("time", DateTime(timezone=True), nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("account", String(39), nullable=False, index=True),
    Column("action", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("chain", String(64), nullable=False),
    sqlite_autoincrement=True,
)
