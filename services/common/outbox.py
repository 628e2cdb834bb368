"""State and its event in one transaction (transactional outbox); a relay publishes what was committed.

While the bus is away the outbox grows. Beyond a bound, writes of people are refused until the bus is back (`bounded`,
`refuse_when_over`), so that a lost broker does not fill the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.orm import Session

from services.common import metrics, tracing
from services.common.database import Database
from services.common.errors import Unavailable, Unprocessable
from services.common.events import Event, EventBus
from services.common.tables import event_columns, outbox

log = logging.getLogger(__name__)
BATCH = 256
BATCH_BYTES = 4 << 20
"""The most that is read and in flight at once: this many events, or the first that go beyond these bytes."""
MOST_BYTES = 1_000_000
"""Of one event: what a broker of Kafka takes unless told otherwise, less headers and the reason of a dead letter."""
IDLE_SECONDS = 1.0
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 5.0
_bound: ContextVar[int] = ContextVar("voicehub_outbox_bound", default=0)


def record(session: Session, event: Event) -> None:
    """Puts the event into the outbox; it leaves the house if and only if the transaction commits.

    Unavailable inside of `bounded`, when too many events wait already; Unprocessable for one that no bus would take,
    and all behind it would wait for ever.
    """
    if len(event.data) > MOST_BYTES:
        raise Unprocessable(
            f"This is too much to tell the parts of the hub at once: {len(event.data)} bytes.",
            hint=f"Shorten it, a voice's card for example: {MOST_BYTES} bytes are the most.",
            reason="EVENT_TOO_LARGE",
        )
    refuse_when_over(session, _bound.get())
    session.execute(insert(outbox).values(id=event.id, time=event.time, **event_columns(event)))


@contextmanager
def bounded(most: int) -> Iterator[None]:
    """In this block (the call of a person) events are refused while more than `most` wait; 0 is no bound."""
    reset = _bound.set(most)
    try:
        yield
    finally:
        _bound.reset(reset)


def refuse_when_over(session: Session, most: int) -> None:
    """Unavailable while more than `most` events wait; 0 is no bound."""
    if most and waiting(session) > most:
        metrics.REFUSED.inc()
        raise Unavailable(
            "The hub takes no changes now: its events cannot be delivered.",
            hint="Try again in a few minutes; reading works.",
            reason="OUTBOX_FULL",
        )


def waiting(session: Session) -> int:
    """How many events wait at most: from the first number to the last, which costs the same however many there are."""
    first, last = session.execute(select(func.min(outbox.c.sequence), func.max(outbox.c.sequence))).one()
    return 0 if first is None else int(last - first) + 1


class Relay:
    """Publishes the outbox in order and deletes what the bus has acknowledged: at least once, never lost.

    A batch is held until it is acknowledged: while the bus is away nothing more is read.
    """

    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database, self._bus = database, bus
        self._batch: Sequence[Row[Any]] = ()
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
        self._batch = self._batch or self._read()
        if not self._batch:
            return 0
        self._publish([_event(row) for row in self._batch])
        with self._database.write() as session:
            session.execute(delete(outbox).where(outbox.c.sequence.in_([r.sequence for r in self._batch])))
        count, self._batch = len(self._batch), ()
        return count

    def _read(self) -> Sequence[Row[Any]]:
        rows: list[Row[Any]] = []
        size = 0
        query = select(outbox).order_by(outbox.c.sequence).limit(BATCH).execution_options(yield_per=16)
        with self._database.read() as session:
            for row in session.execute(query):
                rows.append(row)
                size += len(row.data)
                if size > BATCH_BYTES:
                    break
        return rows

    def _publish(self, events: Sequence[Event]) -> None:
        with ExitStack() as stack, metrics.PUBLISH_SECONDS.time():
            for event in events:
                about = {
                    "messaging.operation.type": "send",
                    "messaging.destination.name": event.topic,
                    "messaging.message.id": event.id,
                }
                span = tracing.begin(f"send {event.topic}", tracing.SpanKind.PRODUCER, event.trace, about)
                stack.callback(span.end)
            self._bus.publish(events)
        for event in events:
            metrics.PUBLISHED.labels(event.topic, event.type.rpartition(".")[2]).inc()

    def _run(self) -> None:
        pause = RETRY_SECONDS
        while not self._stop.is_set():
            self._database.committed.clear()
            try:
                idle = self.relay_once() == 0
            except Exception:  # edge of the thread: a bus or database that is away comes back
                metrics.PUBLISH_FAILURES.inc()
                log.exception("outbox relay failed, trying again")
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                continue
            pause = RETRY_SECONDS
            if idle:
                self._database.committed.wait(IDLE_SECONDS)


def _event(row: Row[Any]) -> Event:
    time = row.time.replace(tzinfo=UTC)
    return Event(row.id, row.topic, row.key, row.type, row.source, time, row.data, row.trace)
