"""The embedded event bus: a log in one SQLite file, one row an event, one committed position a group and topic.

Several processes share the file. A group has one active consumer per topic: a lease row with a short term keeps a
second one from delivering the same events at the same time. The lease of a process that died is free at once; the term
only covers what cannot be seen, a process that hangs.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from services.common.clock import now
from services.common.events.envelope import Event
from services.common.events.port import Delivery, Marks, Parked
from services.common.ids import new_id

LEASE_SECONDS = 10.0
POLL_SECONDS = 0.05
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log(
  position INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,
  type TEXT NOT NULL, source TEXT NOT NULL, time TEXT NOT NULL, trace TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS log_topic ON log(topic, position);
CREATE TABLE IF NOT EXISTS positions(
  grp TEXT NOT NULL, topic TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0,
  holder TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0, PRIMARY KEY(grp, topic)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked(
  number INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, id TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL,
  type TEXT NOT NULL, source TEXT NOT NULL, time TEXT NOT NULL, data BLOB NOT NULL, trace TEXT NOT NULL,
  reason TEXT NOT NULL, parked TEXT NOT NULL);
"""


class SqliteBus:
    """The event bus in the file of `sqlite:///path`."""

    def __init__(self, url: str) -> None:
        self._path = Path(url.removeprefix("sqlite:///"))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = self._connect()
        self._connection.executescript(_SCHEMA)
        self._arrivals = _Arrivals(self._connect)

    def publish(self, events: Sequence[Event]) -> None:
        """Appends events in one transaction; an event id that is there already moves to the end, to come once more."""
        rows = [(e.topic, e.id, e.key, e.type, e.source, e.time.isoformat(), e.trace, e.data) for e in events]
        statement = (
            "INSERT OR REPLACE INTO log(topic, id, key, type, source, time, trace, data) VALUES (?,?,?,?,?,?,?,?)"
        )
        with self._lock, _transaction(self._connection):
            self._connection.executemany(statement, rows)

    def consumer(self, group: str, topics: Sequence[str]) -> SqliteConsumer:
        """A consumer of the group."""
        return SqliteConsumer(self._connect(), group, topics, self._arrivals)

    def park(self, group: str, event: Event, reason: str) -> None:
        """Appends the event to the group's dead letters."""
        columns = ("id", "topic", "key", "type", "source", "data", "trace")
        values = (group, *(getattr(event, name) for name in columns), event.time.isoformat(), reason, now().isoformat())
        statement = (
            "INSERT INTO parked(grp, id, topic, key, type, source, data, trace, time, reason, parked)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?)"
        )
        with self._lock, _transaction(self._connection):
            self._connection.execute(statement, values)

    def parked(self) -> Sequence[Parked]:
        """All dead letters."""
        query = (
            "SELECT number, id, topic, key, type, source, time, data, trace, grp, reason, parked FROM parked ORDER BY 1"
        )
        with self._lock:
            rows = self._connection.execute(query).fetchall()
        return [Parked(r[9], _to_event(r[:9]), r[10], datetime.fromisoformat(r[11])) for r in rows]

    def lags(self) -> Mapping[tuple[str, str], int]:
        """Uncommitted events by group and topic."""
        join = "positions p LEFT JOIN log l ON l.topic = p.topic AND l.position > p.position"
        query = f"SELECT p.grp, p.topic, count(l.position) FROM {join} GROUP BY p.grp, p.topic"  # noqa: S608 - constant
        with self._lock:
            return {(group, topic): count for group, topic, count in self._connection.execute(query)}

    def marks(self) -> Marks:
        """Where the log stands, by topic."""
        query = "SELECT topic, min(position) + 1 FROM positions GROUP BY topic"
        with self._lock, _transaction(self._connection):
            handled = {str(topic): int(position) for topic, position in self._connection.execute(query)}
            (end,) = self._connection.execute("SELECT coalesce(max(position), 0) + 1 FROM log").fetchone()
        return Marks(handled, dict.fromkeys(handled, int(end)))

    def between(self, begins: Mapping[str, int], ends: Mapping[str, int]) -> Iterator[Event]:
        """Events in the order of the log, topic by topic."""
        for topic, begin in begins.items():
            query = (
                "SELECT position, id, topic, key, type, source, time, data, trace FROM log"
                " WHERE topic = ? AND position >= ? AND position < ? ORDER BY position"
            )
            with self._lock:
                rows = self._connection.execute(query, (topic, begin, ends.get(topic, begin))).fetchall()
            yield from map(_to_event, rows)

    def close(self) -> None:
        """Closes the publishing connection; consumers hear of nothing new any more."""
        self._arrivals.stop()
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


class _Arrivals:
    """Tells consumers that there are new events: one thread looks at the file for all of a process.

    SQLite tells nobody that another process wrote. A look costs 0.1 ms of computing with the thread's waking; a hub has
    17 consumers, so that looks of their own would take a thirtieth of a core from a hub at rest.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._arrived, self._count = threading.Condition(), 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="log-arrivals", daemon=True)

    @property
    def count(self) -> int:
        """How often something new was seen; read it before the file, and wait for more than that."""
        with self._arrived:
            if self._thread.ident is None:
                self._thread.start()
            return self._count

    def wait(self, seen: int, seconds: float) -> bool:
        """Waits until something new was seen more often than `seen`; False after so many seconds without."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._count > seen, max(seconds, 0.0))

    def stop(self) -> None:
        """Ends the thread; does not wait for it."""
        self._stopped = True

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        seen = (-1, -1)
        while not self._stopped:
            time.sleep(POLL_SECONDS)  # no event: waiting for one with a limit costs each process 2 ms a second more
            try:
                connection = connection or self._connect()
                before, seen = seen, self._look(connection, seen)
                arrived = seen[1] != before[1]  # else a lease or a position was written, or nothing
            except sqlite3.Error:
                arrived, seen = True, (-1, -1)  # consumers read the file and find out what is wrong
            if arrived:
                with self._arrived:
                    self._count += 1
                    self._arrived.notify_all()
        if connection is not None:
            connection.close()

    @staticmethod
    def _look(connection: sqlite3.Connection, seen: tuple[int, int]) -> tuple[int, int]:
        """The file's version, which another connection's commit changes (PRAGMA data_version), and the log's end."""
        version = _number(connection, "PRAGMA data_version")
        if version == seen[0]:
            return seen
        return version, _number(connection, "SELECT coalesce(max(position), 0) FROM log")


class SqliteConsumer:
    """Polls the log for the topics whose lease it holds."""

    def __init__(self, connection: sqlite3.Connection, group: str, topics: Sequence[str], arrivals: _Arrivals) -> None:
        self._connection, self._group, self._topics = connection, group, tuple(topics)
        self._arrivals = arrivals
        self._holder = f"{os.getpid()}:{new_id()}"
        self._next: dict[str, int] = {}
        with _transaction(connection):
            connection.executemany(
                "INSERT OR IGNORE INTO positions(grp, topic) VALUES (?, ?)", [(group, topic) for topic in self._topics]
            )

    def poll(self, limit: int, timeout: float) -> Sequence[Delivery]:
        """Deliveries of the held topics, oldest first."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self._arrivals.count
            deliveries = [d for topic in self._held() for d in self._read(topic, limit)]
            deliveries.sort(key=lambda d: d.position)
            chosen = deliveries[:limit]
            for delivery in chosen:
                self._next[delivery.event.topic] = delivery.position + 1
            if chosen:
                return chosen
            if not self._arrivals.wait(seen, deadline - time.monotonic()):
                return ()

    def commit(self, delivery: Delivery) -> None:
        """Moves the group's position forward, if this consumer still holds the topic."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE positions SET position = max(position, ?) WHERE grp = ? AND topic = ? AND holder = ?",
                (delivery.position, self._group, delivery.event.topic, self._holder),
            )

    def keep(self) -> bool:
        """Renews the leases; False if one from which something was polled is gone."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE positions SET until = ? WHERE grp = ? AND holder = ?",
                (time.time() + LEASE_SECONDS, self._group, self._holder),
            )
        query = "SELECT topic FROM positions WHERE grp = ? AND holder = ?"
        held = {topic for (topic,) in self._connection.execute(query, (self._group, self._holder))}
        return held.issuperset(self._next)

    def rewind(self) -> None:
        """Forgets what was polled."""
        self._next.clear()

    def close(self) -> None:
        """Gives the leases back."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE positions SET holder = '', until = 0 WHERE grp = ? AND holder = ?", (self._group, self._holder)
            )
        self._connection.close()

    def _held(self) -> list[str]:
        at = time.time()
        rows = self._leases()
        if any(holder == self._holder and until <= at + LEASE_SECONDS / 2 for _, holder, until in rows):
            self.keep()  # all at once: each write is a sync
            rows = self._leases()
        mine = [topic for topic, holder, until in rows if holder == self._holder and until > at + LEASE_SECONDS / 2]
        for topic, holder, until in rows:
            # A lease that ends later than any can was given before the clock was set back.
            free = holder == self._holder or not at <= until <= at + LEASE_SECONDS or _is_dead(holder)
            if topic not in mine and free and self._take(topic, holder, at):
                mine.append(topic)
        return mine

    def _leases(self) -> list[tuple[str, str, float]]:
        """Topic, holder and end of each lease."""
        query = "SELECT topic, holder, until FROM positions WHERE grp = ?"
        return [row for row in self._connection.execute(query, (self._group,)) if row[0] in self._topics]

    def _take(self, topic: str, holder: str, at: float) -> bool:
        """Takes the lease if it is still the one that was seen."""
        with _transaction(self._connection):
            cursor = self._connection.execute(
                "UPDATE positions SET holder = ?, until = ? WHERE grp = ? AND topic = ? AND holder = ?",
                (self._holder, at + LEASE_SECONDS, self._group, topic, holder),
            )
        return cursor.rowcount == 1

    def _read(self, topic: str, limit: int) -> list[Delivery]:
        start = self._next.get(topic)
        if start is None:
            query = "SELECT position FROM positions WHERE grp = ? AND topic = ?"
            start = int(self._connection.execute(query, (self._group, topic)).fetchone()[0]) + 1
        rows = self._connection.execute(
            "SELECT position, id, topic, key, type, source, time, data, trace FROM log"
            " WHERE topic = ? AND position >= ? ORDER BY position LIMIT ?",
            (topic, start, limit),
        )
        return [Delivery(_to_event(r), r[0]) for r in rows]


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _is_dead(holder: str) -> bool:
    """Whether the process of a lease is gone; a process of this machine, for that is as far as the file is shared."""
    process = holder.partition(":")[0]
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _to_event(row: tuple[Any, ...]) -> Event:
    _, identifier, topic, key, kind, source, time_text, data, trace = row
    return Event(identifier, topic, key, kind, source, datetime.fromisoformat(time_text), data, trace)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begins IMMEDIATE and commits, or rolls back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
