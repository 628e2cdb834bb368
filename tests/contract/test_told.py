"""What metrics tell of events, for every adapter of the event bus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.common import outbox, subscriptions
from services.common.database import Database
from services.common.events import Event, EventBus, make_event, open_bus
from services.common.ids import new_id
from services.common.outbox import Relay
from services.common.sampler import Sampler
from services.common.subscriptions import Subscriber, Subscription
from services.common.tables import metadata
from tests.contract.workers import TYPE, payload

PATIENCE = 30.0


@pytest.fixture
def bus(events_url: str) -> Iterator[EventBus]:
    opened = open_bus(events_url)
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/service.sqlite")
    metadata.create_all(made.engine)
    return made


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"voicehub_{name}", labels)


def test_the_lag_of_the_own_subscriptions_is_told(bus: EventBus, database: Database) -> None:
    own, other = new_id(), new_id()
    bus.publish([make_event("scans", "v", payload(n), "test") for n in range(3)])
    for group in (own, other):
        consumer = bus.consumer(group, ["scans"])
        consumer.commit(consumer.poll(limit=1, timeout=PATIENCE)[0])
        consumer.close()
    Sampler(database, bus, [own]).look()
    assert told("consumer_lag_events", subscription=own, topic="scans") == 2
    assert told("consumer_lag_events", subscription=other, topic="scans") is None
    assert told("dead_letters", subscription=own) == 0


def test_what_waits_in_the_outbox_is_told_and_then_what_was_published(bus: EventBus, database: Database) -> None:
    sampler = Sampler(database, bus)
    sampler.look()
    assert (told("outbox_events"), told("outbox_oldest_age_seconds")) == (0, 0)
    with database.write() as session:
        for n in range(3):
            outbox.record(session, make_event("scans", "v", payload(n), "test"))
    sampler.look()
    assert told("outbox_events") == 3
    assert 0 < (told("outbox_oldest_age_seconds") or 0) < PATIENCE
    before = told("events_published_total", topic="scans", type="BehaviourTestCompleted") or 0
    Relay(database, bus).relay_once()
    sampler.look()
    assert told("outbox_events") == 0
    assert told("events_published_total", topic="scans", type="BehaviourTestCompleted") == before + 3


def test_handled_failed_and_parked_events_are_told(
    bus: EventBus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "BACKOFF_SECONDS", 0.0001)
    name = new_id()
    broken = make_event("scans", "broken", payload(1), "test")

    def handle(event: Event) -> None:
        if event.id == broken.id:
            raise ValueError("broken")

    subscriber = Subscriber(Subscription(name, {("scans", TYPE): handle}), database, bus)
    subscriber.process(broken)
    subscriber.process(make_event("scans", "whole", payload(2), "test"))
    labels = {"subscription": name, "topic": "scans"}
    assert told("events_handled_total", **labels) == 1
    assert told("events_failed_total", **labels) == subscriptions.ATTEMPTS
    assert told("events_dead_lettered_total", **labels) == 1
    assert told("event_handling_seconds_count", **labels) == 2
    Sampler(database, bus, [name]).look()
    assert told("dead_letters", subscription=name) == 1
    (letter,) = bus.parked()
    assert (letter.group, letter.event, letter.reason) == (name, broken, "ValueError('broken')")


def test_a_lag_that_is_not_known_any_more_is_not_told(bus: EventBus, database: Database) -> None:
    group = new_id()
    bus.publish([make_event("scans", "v", payload(1), "test")])
    consumer = bus.consumer(group, ["scans"])
    consumer.commit(consumer.poll(limit=1, timeout=PATIENCE)[0])
    consumer.close()

    class Away:
        def lags(self) -> dict[tuple[str, str], int]:
            raise ConnectionError("no broker")

    Sampler(database, bus, [group]).look()
    assert told("consumer_lag_events", subscription=group, topic="scans") == 0
    with pytest.raises(ConnectionError):
        Sampler(database, Away(), [group]).look()  # type: ignore[arg-type]
    assert told("consumer_lag_events", subscription=group, topic="scans") is None
