"""Consuming events: once in effect.

A handler first *prepares* (slow work, no transaction: scanning, exporting) and answers an *effect*, a function that is
applied to the database in the same transaction that marks the event as seen. A crash before that transaction means the
event comes again; after it, the event is known. Failures are retried with backoff; what still fails is parked in the
dead-letter table and in the group's dead-letter topic, both with the reason, and the road goes on. While an engine or
another service is away nothing is parked: the event waits for it.

A handler works in a thread of its own, while the subscription keeps its place in the consumer group: however long it
takes, no other member gets its events, and nothing more is fetched meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from opentelemetry.trace import Span
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.common import metrics, tracing
from services.common.away import is_away
from services.common.clock import now
from services.common.database import Database
from services.common.events import Consumer, Delivery, Event, EventBus
from services.common.tables import dead_letters, event_columns, inbox
from services.common.worker import Worker

log = logging.getLogger(__name__)

Effect = Callable[[Session], None]
Handler = Callable[[Event], Effect | None]
ATTEMPTS = 5
BACKOFF_SECONDS = 0.2
POLL_SECONDS = 0.5
POLL_EVENTS = 16
KEEP_SECONDS = 1.0
"""How often a subscription says that it is still there while a handler works."""
LEAVE_SECONDS = 5.0
"""How long a subscription that shall end waits for its handler; then it leaves, and another member gets the event."""


@dataclass(frozen=True)
class Subscription:
    """What one consumer group of a service listens to: handlers by (topic, full message name)."""

    name: str
    handlers: Mapping[tuple[str, str], Handler]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that have a handler."""
        return tuple(sorted({topic for topic, _ in self.handlers}))


class Subscriber:
    """Runs one subscription in a thread of its own."""

    def __init__(self, subscription: Subscription, database: Database, bus: EventBus) -> None:
        self._subscription, self._database, self._bus = subscription, database, bus
        self._stop = threading.Event()
        self._worker = Worker(f"handler-{subscription.name}")
        self._thread = threading.Thread(target=self._run, name=f"events-{subscription.name}", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops after the event under way, unless its handler takes long."""
        self._stop.set()
        self._thread.join(timeout=10)
        self._worker.stop()

    def process(self, event: Event) -> None:
        """Handles one event to its end: effect, or dead letter after the last attempt."""
        handler = self._subscription.handlers.get((event.topic, event.type))
        if handler is None or self._seen(event):
            return
        about = {
            "messaging.operation.type": "process",
            "messaging.destination.name": event.topic,
            "messaging.consumer.group.name": self._subscription.name,
            "messaging.message.id": event.id,
        }
        labels = (self._subscription.name, event.topic)
        with (
            tracing.span(f"process {event.topic}", tracing.SpanKind.CONSUMER, event.trace, about) as span,
            metrics.HANDLING_SECONDS.labels(*labels).time(),
        ):
            self._try(handler, event, span)

    def _try(self, handler: Handler, event: Event, span: Span) -> None:
        labels = (self._subscription.name, event.topic)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._apply(event, handler(event))
                metrics.HANDLED.labels(*labels).inc()
                return
            except Exception as error:  # edge: any failure of a handler is retried, then parked
                metrics.FAILED.labels(*labels).inc()
                log.warning("event failed", extra={"event": event.id, "type": event.type, "attempt": attempt})
                if is_away(error):  # no fault of the event: it comes again for as long as that lasts
                    raise
                if attempt == ATTEMPTS:
                    log.exception("event parked as dead letter", extra={"event": event.id, "type": event.type})
                    tracing.fail(span, error)
                    self._park_everywhere(event, repr(error))
                    return
                if self._stop.wait(BACKOFF_SECONDS * 2**attempt):
                    raise

    def _run(self) -> None:
        consumer: Consumer | None = None
        while not self._stop.is_set():
            try:
                consumer = consumer or self._bus.consumer(self._subscription.name, self._subscription.topics)
                self._drain(consumer)
            except Exception:  # edge of the thread: a bus or database that is away comes back
                log.exception("subscription failed, trying again", extra={"subscription": self._subscription.name})
                consumer = self._rewound(consumer)
                self._stop.wait(1.0)
        if consumer is not None:
            consumer.close()

    def _rewound(self, consumer: Consumer | None) -> Consumer | None:
        """The consumer at its group's position; None, to be made anew, when its bus is too far gone for that."""
        if consumer is None:
            return None
        try:
            consumer.rewind()
        except Exception:  # edge of the thread, as above: what failed once may fail again here
            log.exception("consumer given up", extra={"subscription": self._subscription.name})
            with suppress(Exception):  # it is given up either way
                consumer.close()
            return None
        return consumer

    def _drain(self, consumer: Consumer) -> None:
        for delivery in consumer.poll(limit=POLL_EVENTS, timeout=POLL_SECONDS):
            if self._stop.is_set():
                return
            if not self._deliver(consumer, delivery):
                consumer.rewind()  # the rest may be somebody else's by now
                return

    def _deliver(self, consumer: Consumer, delivery: Delivery) -> bool:
        """Handles a delivery to its end; answers whether all that was polled is still this consumer's."""
        work = self._worker.do(partial(self.process, delivery.event))
        kept, patience = True, LEAVE_SECONDS
        while not futures.wait([work], KEEP_SECONDS).done:
            kept = consumer.keep() and kept
            patience -= KEEP_SECONDS if self._stop.is_set() else 0.0
            if patience <= 0:
                return False
        work.result()
        consumer.commit(delivery)
        return kept

    def _seen(self, event: Event) -> bool:
        query = select(inbox.c.event_id).where(
            inbox.c.subscription == self._subscription.name, inbox.c.event_id == event.id
        )
        with self._database.read() as session:
            return session.execute(query).first() is not None

    def _apply(self, event: Event, effect: Effect | None) -> None:
        with self._database.write() as session:
            query = select(inbox.c.event_id).where(
                inbox.c.subscription == self._subscription.name, inbox.c.event_id == event.id
            )
            if session.execute(query).first() is not None:
                return  # another member of the group was faster
            if effect is not None:
                effect(session)
            session.execute(insert(inbox).values(subscription=self._subscription.name, event_id=event.id, time=now()))

    def _park_everywhere(self, event: Event, reason: str) -> None:
        """In the topic first: whoever dies between the two parks the event again, under the same id."""
        self._bus.park(self._subscription.name, event, reason)
        self._apply(event, partial(self._park, event=event, reason=reason))
        metrics.PARKED.labels(self._subscription.name, event.topic).inc()

    def _park(self, session: Session, event: Event, reason: str) -> None:
        session.execute(
            insert(dead_letters).values(
                subscription=self._subscription.name,
                event_id=event.id,
                event_time=event.time,
                **event_columns(event),
                reason=reason,
                time=now(),
            )
        )
