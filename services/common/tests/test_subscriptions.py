"""A subscription outlives its bus: a consumer that cannot even go back is replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.common import subscriptions
from services.common.database import Database
from services.common.events import Consumer, Delivery, Event, EventBus, Marks, Parked, make_event, open_bus
from services.common.subscriptions import Effect, Subscriber, Subscription
from services.common.tables import dead_letters, metadata

PATIENCE = 20.0


class Broken:
    """A consumer whose broker went away: it can neither poll nor go back."""

    def __init__(self) -> None:
        self.closed = False

    def poll(self, limit: int, timeout: float) -> Sequence[Delivery]:
        raise ConnectionError("no broker")

    def commit(self, delivery: Delivery) -> None:
        raise ConnectionError("no broker")

    def keep(self) -> bool:
        raise ConnectionError("no broker")

    def rewind(self) -> None:
        raise ConnectionError("no broker")

    def close(self) -> None:
        self.closed = True


class BrokenFirst:
    """A real bus whose first consumer is broken."""

    def __init__(self, bus: EventBus) -> None:
        self._bus, self.broken, self.asked = bus, Broken(), 0

    def publish(self, events: Sequence[Event]) -> None:
        self._bus.publish(events)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        self.asked += 1
        return self.broken if self.asked == 1 else self._bus.consumer(group, topics)

    def park(self, group: str, event: Event, reason: str) -> None:
        self._bus.park(group, event, reason)

    def parked(self) -> Sequence[Parked]:
        return self._bus.parked()

    def lags(self) -> Mapping[tuple[str, str], int]:
        return self._bus.lags()

    def marks(self) -> Marks:
        return self._bus.marks()

    def between(self, begins: Mapping[str, int], ends: Mapping[str, int]) -> Iterator[Event]:
        return self._bus.between(begins, ends)

    def close(self) -> None:
        self._bus.close()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[BrokenFirst]:
    opened = BrokenFirst(open_bus(f"sqlite:///{tmp_path}/events.db"))
    yield opened
    opened.close()


def test_a_consumer_that_cannot_go_back_is_replaced_and_the_event_handled(bus: BrokenFirst, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/service.db")
    with database.write() as session:
        metadata.create_all(session.connection())
    handled = threading.Event()

    def handler(event: Event) -> Effect:
        def effect(session: Session) -> None:
            handled.set()

        return effect

    sent = make_event("scans", "v", StringValue(value="one"), "test")
    bus.publish([sent])
    subscriber = Subscriber(Subscription("audit", {("scans", sent.type): handler}), database, bus)
    subscriber.start()
    try:
        assert handled.wait(PATIENCE)
    finally:
        subscriber.stop()
    assert bus.broken.closed
    assert bus.asked == 2


@pytest.mark.parametrize(("error", "parked"), [(ConnectionError("the store is away"), 0), (ValueError("poison"), 1)])
def test_only_what_is_no_fault_of_an_engine_is_parked(
    error: Exception, parked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "BACKOFF_SECONDS", 0.0)
    database, bus = Database(f"sqlite:///{tmp_path}/service.db"), open_bus(f"sqlite:///{tmp_path}/events.db")
    with database.write() as session:
        metadata.create_all(session.connection())
    sent = make_event("scans", "v", StringValue(value="one"), "test")
    seen: list[Event] = []

    def handler(event: Event) -> Effect | None:
        seen.append(event)
        if len(seen) <= subscriptions.ATTEMPTS:
            raise error
        return None

    subscriber = Subscriber(Subscription("audit", {("scans", sent.type): handler}), database, bus)
    for _ in range(subscriptions.ATTEMPTS + 1):  # as often as the subscription goes back and gets it again
        with suppress(ConnectionError):
            subscriber.process(sent)
    with database.read() as session:
        assert len(session.execute(select(dead_letters)).all()) == parked
    assert len(seen) == subscriptions.ATTEMPTS + (0 if parked else 1)
