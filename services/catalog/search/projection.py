"""From the tables to the index: what changed since the last look is applied before every search.

Whoever changes what a search shows writes that into the log of changes in the same transaction, and the index keeps its
own position in the log. So the index can be killed, lost or deleted at any time: what it misses is still in the log,
and an index that was never filled is filled from a snapshot. A rebuild fills a new index from the snapshot and the
changes after it while the old one goes on, and lets it answer at once for all readers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import func, select

from services.catalog.search.port import Change, Filling, IndexLost, SearchIndex
from services.catalog.search.snapshot import PAGE, changes_after, end_of_log, snapshot
from services.catalog.store.tables import ChangeRow
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Unavailable

log = logging.getLogger(__name__)


PATIENCE_SECONDS = 5.0


@contextmanager
def _patiently(lock: threading.Lock) -> Iterator[None]:
    """Holds the lock; Unavailable if that takes long: who searches must not hold the threads that others need."""
    if not lock.acquire(timeout=PATIENCE_SECONDS):
        raise Unavailable(
            "The search index is being filled.", hint="Try again in a few seconds.", reason="SEARCH_UNAVAILABLE"
        )
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class Lag:
    """How far the index is behind the tables: changes not applied, and the age of the oldest of them in seconds."""

    changes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Rebuilt:
    """A rebuild: how many voices, up to which position of the log, in how many seconds."""

    voices: int
    position: int
    seconds: float


class Projection:
    """Keeps one index at the state of the tables."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database, self._index = database, index
        self._lock = threading.Lock()  # of who applies to the index that answers
        self._rebuilding = threading.Lock()  # taken before the other
        self._filled = False
        self._position = 0

    @contextmanager
    def current(self) -> Iterator[None]:
        """Within, the index has everything that was committed before.

        Raises Unavailable while the engine does not answer: what it missed is still in the log. An index that turns
        out to be gone is filled anew by the next caller.
        """
        self.catch_up()
        try:
            yield
        except IndexLost:
            self._filled = False
            raise

    def catch_up(self) -> None:
        """Applies everything that was committed before this call; fills an index that is empty or outdated first."""
        if not self._filled:
            self._fill()
        try:
            # Asked without the lock: an engine that hangs holds up one caller, and the others are told.
            known, stands = self._position, self._index.position()
            with _patiently(self._lock):
                if stands < known:  # another process moved the alias to an index that has less than was applied here
                    self._position = min(self._position, stands)
                self._position = self._drain(self._position, self._apply)
        except IndexLost:
            self._filled = False
            raise

    def rebuild(self) -> Rebuilt:
        """Fills a new index and lets it answer; searches are answered from the old one until then."""
        with self._rebuilding:
            return self._rebuild()

    def lag(self) -> Lag:
        """How far the index is behind, by the last position that this process knows of."""
        with self._database.read() as session:
            query = select(func.count(), func.min(ChangeRow.create_time)).where(ChangeRow.sequence > self._position)
            count, oldest = session.execute(query).one()
        if not count:
            return Lag()
        oldest = oldest if oldest.tzinfo else oldest.replace(tzinfo=UTC)  # as SQLite gives it
        return Lag(int(count), max((now() - oldest).total_seconds(), 0.0))

    def _fill(self) -> None:
        with _patiently(self._rebuilding):
            if self._filled:
                return
            if not self._index.stamp() or self._is_of_another_log():
                self._rebuild()
            with self._lock:
                self._position, self._filled = self._index.position(), True

    def _is_of_another_log(self) -> bool:
        """Whether the index is ahead of the tables, as it is when they were restored from a backup."""
        with self._database.read() as session:
            return self._index.position() > end_of_log(session)

    def _rebuild(self) -> Rebuilt:
        begin = time.monotonic()
        filling = self._index.begin()
        try:
            voices, position = self._load(filling)
            position = self._drain(position, lambda changes, _: filling.apply(changes))
            with self._lock:  # what is committed from here on is applied to the new index
                position = self._drain(position, lambda changes, _: filling.apply(changes))
                filling.switch(position)
                self._position, self._filled = position, True
        except BaseException:
            filling.discard()
            raise
        rebuilt = Rebuilt(voices, position, round(time.monotonic() - begin, 3))
        log.info("search index rebuilt", extra={"voices": voices, "position": position, "seconds": rebuilt.seconds})
        return rebuilt

    def _load(self, filling: Filling) -> tuple[int, int]:
        """Lets the snapshot in; how many voices, and the position of its first page."""
        voices, position, after = 0, -1, 0
        while True:
            with self._database.read() as session:
                page = snapshot(session, after)
            filling.apply(page.changes)
            voices, position = voices + len(page.changes), page.position if position < 0 else position
            if page.after is None:
                return voices, position
            after = page.after

    def _apply(self, changes: Sequence[Change], position: int) -> None:
        self._index.apply(changes, position)

    def _drain(self, position: int, apply: Callable[[Sequence[Change], int], None]) -> int:
        """Applies the log after a position to its end; answers the new position."""
        while True:
            with self._database.read() as session:
                changes = changes_after(session, position)
            if not changes:
                return position
            apply(changes, changes[-1].sequence)
            position = changes[-1].sequence
            if len(changes) < PAGE:
                return position
