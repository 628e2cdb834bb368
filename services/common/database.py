"""The system of record: one database per service, behind SQLAlchemy.

Embedded it is a SQLite file in WAL mode with `synchronous=FULL` (an acknowledged commit survives a power cut); a write
transaction begins IMMEDIATE, so that two writers queue instead of failing half-way. On PostgreSQL a service has a role
and a schema of its own, and its writers queue in the same way, on an advisory lock: what a handler read is still so
when it writes, and the outbox leaves the house in the order of the commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from services.common import metrics

BUSY_TIMEOUT_MS = 30_000
POSTGRESQL_OPTIONS = f"-c timezone=UTC -c lock_timeout={BUSY_TIMEOUT_MS}"
WRITERS_QUEUE = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 0))"


class Database:
    """Sessions over one database. Thread-safe; make one per process.

    `committed` is set after every write of this process, for whoever waits for one; `alone` says whether no other
    process of the service has this database: the embedded one belongs to one.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.engine: Engine = _ENGINES[_backend(parsed)](parsed)
        self._writer = self.engine.execution_options(voicehub_access="write")
        self._reader = self.engine.execution_options(voicehub_access="read")
        self.committed = threading.Event()
        self.alone = parsed.get_backend_name() == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that may write; commits at the end, rolls back on any error."""
        began = time.perf_counter()
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            session.connection()  # begins now, and waits for the writers before it
            metrics.WRITE_WAIT.observe(time.perf_counter() - began)
            yield session
        self.committed.set()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot to read from."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session


def _backend(url: URL) -> str:
    name = url.get_backend_name()
    if name not in _ENGINES:
        raise ValueError(f"VOICEHUB_DATABASE_URL: unknown scheme {name!r}; use {' or '.join(sorted(_ENGINES))}")
    return name


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _access(connection) == "write" else "BEGIN")


def _postgresql(url: URL) -> Engine:
    options = {"options": POSTGRESQL_OPTIONS, "connect_timeout": 5}
    # A server that was away and is back must not fail the first call of each pooled connection.
    engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=options)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: Connection) -> None:
    if _access(connection) == "write":
        connection.exec_driver_sql(WRITERS_QUEUE)
    elif _access(connection) == "read":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _access(connection: Connection) -> str:
    return str(connection.get_execution_options().get("voicehub_access", ""))


_ENGINES = {"sqlite": _sqlite, "postgresql": _postgresql}
