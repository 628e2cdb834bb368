"""The system of record: one database per service, behind SQLAlchemy.

Embedded it is a SQLite file in WAL mode with `synchronous=FULL` (an acknowledged commit survives a power cut); a write
transaction begins IMMEDIATE, so that two writers queue instead of failing half-way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

BUSY_TIMEOUT_MS = 30_000


class Database:
    """Sessions over one database. Thread-safe; make one per process.

    `committed` is set after every write of this process, for whoever waits for one.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(url, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(voicehub_write=True)
        self.committed = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that may write; commits at the end, rolls back on any error."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
        self.committed.set()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot to read from."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("voicehub_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
