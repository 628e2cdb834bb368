"""kill -9 of each engine in the middle of traffic: nothing acknowledged is lost, nothing happens twice; and the checker
that says so is itself tried on broken systems."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import kafka as client
import pytest
from sqlalchemy import delete

from services.common.events import kafka as adapter
from services.common.objects import Area
from services.common.tables import inbox
from services.common.tables import outbox as outbox_table
from tests.engines.checker import LOOK_SECONDS, Traffic, audit
from tests.engines.kafka import Kafka
from tests.engines.server import Server

T = TypeVar("T")
BEFORE, AFTER = 30, 30
"""Acknowledged writes and objects before the kill, and after the engine is back."""
PATIENCE = 300.0


@pytest.fixture
def traffic(database_url: str, events_url: str, objects_url: str) -> Traffic:
    return Traffic(database_url, events_url, objects_url)


def wait(traffic: Traffic, writes: int, objects: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(traffic.acknowledged.writes) < writes or len(traffic.acknowledged.objects) < objects:
        assert time.monotonic() < deadline, f"no traffic any more: {traffic.failures}"
        time.sleep(LOOK_SECONDS)


@pytest.mark.parametrize("name", ["kafka", "postgresql", "seaweedfs"])
def test_an_engine_killed_loses_nothing(
    name: str,
    traffic: Traffic,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    engine: Server = request.getfixturevalue(name)
    with traffic.flowing():
        wait(traffic, BEFORE, BEFORE)
        engine.kill()
        time.sleep(1)  # the world without it
        begin = time.monotonic()
        engine.start()
        writes, objects = len(traffic.acknowledged.writes), len(traffic.acknowledged.objects)
        wait(traffic, writes + 1, objects + 1)
        record_property("recovery_seconds", round(time.monotonic() - begin, 1))
        wait(traffic, writes + AFTER, objects + AFTER)
    assert audit(traffic.database, traffic.store, traffic.acknowledged) == []
    assert len(traffic.acknowledged.writes) >= BEFORE + AFTER


def test_the_checker_sees_a_dropped_outbox_row(traffic: Traffic) -> None:
    dropped, kept = traffic.write(), traffic.write()
    with traffic.database.write() as session:
        session.execute(delete(outbox_table).where(outbox_table.c.id == dropped))
    with traffic.consuming():
        until_handled(traffic, kept)
    assert audit(traffic.database, traffic.store, traffic.acknowledged) == [f"lost event {dropped}"]


def test_the_checker_sees_an_effect_that_happened_twice(traffic: Traffic) -> None:
    event = traffic.write()
    with traffic.consuming():
        until_handled(traffic, event)
    with traffic.database.write() as session:
        session.execute(delete(inbox))
    member = traffic.bus.consumer("once-more", ["scans"])
    deliveries = until(lambda: member.poll(limit=10, timeout=1))
    member.close()
    traffic.subscriber().process(deliveries[0].event)
    assert audit(traffic.database, traffic.store, traffic.acknowledged) == [f"2 effects of {event}"]


def test_the_checker_sees_lost_objects_and_writes(traffic: Traffic) -> None:
    digest = traffic.put()
    traffic.store.delete(Area.SERVED, digest)
    traffic.acknowledged.writes.append("never-written")
    wrong = audit(traffic.database, traffic.store, traffic.acknowledged)
    assert wrong == ["lost write never-written", f"lost object {digest}"]


def test_the_checker_sees_what_acks_0_loses(traffic: Traffic, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = partial(client.KafkaProducer, retries=0)
    monkeypatch.setattr(
        adapter, "KafkaProducer", lambda **given: careless(**{**given, "acks": 0, "enable_idempotence": False})
    )
    first = traffic.write()
    with traffic.consuming():
        until_handled(traffic, first)
        # The broker hears nothing any more; without acknowledgements the producer cannot know.
        os.kill(kafka.pid, signal.SIGSTOP)
        lost = traffic.write()
        until(lambda: not traffic.waiting())
        kafka.kill()
        kafka.start()
        later = [traffic.write()]

        # What it sends first on a new connection may be lost, too.
        def again() -> bool:
            """Whether one of them came; else another is written."""
            came = bool(traffic.handled().intersection(later))
            if not came:
                later.append(traffic.write())
            return came

        until(again)
    wrong = audit(traffic.database, traffic.store, traffic.acknowledged)
    assert f"lost event {lost}" in wrong
    assert f"lost event {first}" not in wrong
    assert {line.partition(" ")[0] for line in wrong} == {"lost"}


def until_handled(traffic: Traffic, event: str) -> None:
    until(lambda: event in traffic.handled())


def until(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)
    return found
