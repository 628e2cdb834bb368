"""State and its event in one transaction (transactional outbox); a relay publishes what was committed."""

from __future__ import annotations

import logging
import threading
from datetime import UTC

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.events import Event, EventBus
from services.common.tables import event_columns, outbox

log = logging.getLogger(__name__)
BATCH = 256
IDLE_SECONDS = 1.0
RETRY_SECONDS = 1.0


def record(session: Session, event: Event) -> None:
    """Puts the event into the outbox; it leaves the house if and only if the transaction commits."""
    session.execute(insert(outbox).values(id=event.id, time=event.time, **event_columns(event)))


class Relay:
    """Publishes the outbox in order and deletes what the bus has acknowledged: at least once, never lost."""

    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database, self._bus = database, bus
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox-relay", daemon=True)

    def start(self) -> None:
        """Starts the relay thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops after the batch under way."""
        self._stop.set()
        self._database.committed.set()
        self._thread.join(timeout=10)

    def relay_once(self) -> int:
        """Publishes one batch; answers how many events it held."""
        with self._database.read() as session:
            rows = session.execute(select(outbox).order_by(outbox.c.sequence).limit(BATCH)).all()
        if not rows:
            return 0
        self._bus.publish(
            [Event(r.id, r.topic, r.key, r.type, r.source, r.time.replace(tzinfo=UTC), r.data, r.trace) for r in rows]
        )
        with self._database.write() as session:
            session.execute(delete(outbox).where(outbox.c.sequence.in_([r.sequence for r in rows])))
        return len(rows)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._database.committed.clear()
            try:
                idle = self.relay_once() == 0
            except Exception:  # edge of the thread: a bus or database that is away comes back
                log.exception("outbox relay failed, trying again")
                self._stop.wait(RETRY_SECONDS)
                continue
            if idle:
                self._database.committed.wait(IDLE_SECONDS)
