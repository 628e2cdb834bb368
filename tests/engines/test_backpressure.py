"""With the broker away, and with consumers that are slow, memory stays bounded and nothing is lost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import event as sql_event

from services.common import outbox
from services.common.database import Database
from services.common.events import EventBus, kafka_member, make_event, open_bus
from services.common.events.kafka import KafkaBus
from services.common.outbox import BATCH, Relay
from services.common.tables import metadata
from services.stubs.voicehub.scanner.v1.scanner_pb2 import BehaviourTestCompleted
from tests.contract.test_events import drain
from tests.engines.kafka import Kafka

PATIENCE = 60.0
LARGE, MANY = 500_000, 80
"""Bytes of an event, and how many of them: 40 MB."""
BOUND = 16 << 20


@pytest.fixture
def bus(events_url: str) -> Iterator[EventBus]:
    opened = open_bus(events_url)
    yield opened
    opened.close()


def said(size: int) -> BehaviourTestCompleted:
    return BehaviourTestCompleted(version_id="v", outcome="x" * size)


def test_the_producer_is_idempotent_and_waits_for_all_replicas(bus: EventBus) -> None:
    bus.publish([make_event("scans", "v", said(1), "test")])
    config = cast(KafkaBus, bus)._producer.config
    assert (config["enable_idempotence"], config["acks"]) == (True, -1)
    assert config["max_in_flight_requests_per_connection"] <= 5


def test_a_relay_without_a_broker_reads_one_batch_and_loses_nothing(
    bus: EventBus, kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.events.kafka.DELIVERY_MS", 2000)
    database = Database(f"sqlite:///{tmp_path}/service.sqlite")
    metadata.create_all(database.engine)
    reads: list[str] = []
    sql_event.listen(database.engine, "before_cursor_execute", lambda *given: reads.append(given[2]))
    bus.publish([make_event("scans", "v", said(1), "test")])  # the topic is there
    kafka.kill()
    with database.write() as session:
        written = [make_event("scans", "v", said(n), "test") for n in range(BATCH + 50)]
        for one in written:
            outbox.record(session, one)
    relay = Relay(database, bus)
    for _ in range(3):
        with pytest.raises(Exception, match="Kafka"):
            relay.relay_once()
    assert len([one for one in reads if one.startswith("SELECT") and "FROM outbox" in one and "LIMIT" in one]) == 1
    kafka.start()
    monkeypatch.undo()
    while relay.relay_once():
        pass
    consumer = bus.consumer("g", ["scans"])
    assert [one.id for one in drain(consumer, BATCH + 51)][1:] == [one.id for one in written]
    consumer.close()


@pytest.mark.parametrize("bounded", [True, False])
def test_a_consumer_holds_little_of_what_waits_for_it(
    bus: EventBus, bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not bounded:  # the control: what such a test can see
        monkeypatch.setattr(kafka_member, "FETCH_BYTES", 100 << 20)
        monkeypatch.setattr(kafka_member, "PARTITION_BYTES", 100 << 20)
    for _ in range(MANY // 8):
        bus.publish([make_event("scans", f"{n}", said(LARGE), "test") for n in range(8)])
    consumer = bus.consumer("g", ["scans"])
    tracemalloc.start()
    try:
        assert len(consumer.poll(limit=1, timeout=PATIENCE)) == 1
        for _ in range(10):
            assert consumer.keep()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        consumer.close()
    assert (peak < BOUND) is bounded, peak
