"""Looks now and then at what grows while nobody looks, and tells it as metrics: outbox, dead letters, lag.

A thread of its own looks, so that a scrape never waits for an engine. What cannot be looked up now is not told at all,
rather than as it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC

from sqlalchemy import func, select

from services.common import metrics, outbox
from services.common.clock import now
from services.common.database import Database
from services.common.events import EventBus
from services.common.tables import dead_letters
from services.common.tables import outbox as outbox_table

log = logging.getLogger(__name__)
SAMPLE_SECONDS = 10.0


class Sampler:
    """Samples the tables of a service and the lags of its subscriptions."""

    def __init__(self, database: Database, bus: EventBus, subscriptions: Sequence[str] = ()) -> None:
        self._database, self._bus, self._subscriptions = database, bus, frozenset(subscriptions)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, without waiting for an engine that does not answer."""
        self._stop.set()

    def look(self) -> None:
        """Looks once."""
        self._look_at_tables()
        if self._subscriptions:
            self._look_at_lags()

    def _look_at_tables(self) -> None:
        query = select(outbox_table.c.time).order_by(outbox_table.c.sequence).limit(1)
        with self._database.read() as session:
            oldest = session.execute(query).scalar()
            metrics.OUTBOX.set(outbox.waiting(session))
            age = 0.0 if oldest is None else (now() - oldest.replace(tzinfo=UTC)).total_seconds()
            metrics.OUTBOX_AGE.set(max(age, 0.0))  # a clock can be set back
            counts = select(dead_letters.c.subscription, func.count()).group_by(dead_letters.c.subscription)
            parked: dict[str, int] = dict(session.execute(counts).tuples().all())
        for subscription in self._subscriptions.union(parked):
            metrics.DEAD_LETTERS.labels(subscription).set(parked.get(subscription, 0))

    def _look_at_lags(self) -> None:
        try:
            lags = self._bus.lags()
        except Exception:
            metrics.LAG.clear()
            raise
        for (group, topic), lag in lags.items():
            if group in self._subscriptions:
                metrics.LAG.labels(group, topic).set(lag)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # edge of the thread: a bus or database that is away comes back
                log.warning("sampling failed, trying again", exc_info=True)
            self._stop.wait(SAMPLE_SECONDS)
