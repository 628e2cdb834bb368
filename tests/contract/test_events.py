"""The contract of the event bus, for every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.events import Consumer, Event, EventBus, make_event, open_bus
from tests.contract.adapters import EVENTS, child, lines_until_killed
from tests.contract.workers import payload


@pytest.fixture(params=sorted(EVENTS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return EVENTS[request.param](tmp_path)


@pytest.fixture
def bus(url: str) -> Iterator[EventBus]:
    opened = open_bus(url)
    yield opened
    opened.close()


def event(number: int, topic: str = "scans", key: str = "v") -> Event:
    return make_event(topic, key, payload(number), "test")


def drain(consumer: Consumer, commit: bool = True) -> list[Event]:
    """Everything there is; a few empty polls in a row mean the end, for a group may take a moment to move."""
    found: list[Event] = []
    empty = 0
    while empty < 3:
        batch = consumer.poll(limit=50, timeout=0.2)
        empty = 0 if batch else empty + 1
        for delivery in batch:
            found.append(delivery.event)
            if commit:
                consumer.commit(delivery)
    return found


def test_an_event_arrives_whole_and_in_order(bus: EventBus) -> None:
    sent = [event(n) for n in range(120)]
    bus.publish(sent[:100])
    bus.publish(sent[100:])
    consumer = bus.consumer("g", ["scans"])
    assert drain(consumer) == sent
    assert consumer.lag() == 0
    consumer.close()


def test_each_group_gets_everything_and_only_its_topics(bus: EventBus) -> None:
    scan, export = event(1), event(2, "exports")
    bus.publish([scan, export])
    for group, topics, expected in (("a", ["scans"], [scan]), ("b", ["exports"], [export])):
        consumer = bus.consumer(group, topics)
        assert drain(consumer) == expected
        consumer.close()
    both = bus.consumer("c", ["scans", "exports"])
    assert {e.id for e in drain(both)} == {scan.id, export.id}
    both.close()


def test_a_group_goes_on_where_it_committed(bus: EventBus) -> None:
    sent = [event(n) for n in range(4)]
    bus.publish(sent)
    first = bus.consumer("g", ["scans"])
    batch = first.poll(limit=4, timeout=5)
    first.commit(batch[1])
    assert first.lag() == 2
    first.close()
    second = bus.consumer("g", ["scans"])
    assert drain(second) == sent[2:]
    second.close()


def test_rewind_delivers_again_what_was_not_committed(bus: EventBus) -> None:
    sent = [event(n) for n in range(3)]
    bus.publish(sent)
    consumer = bus.consumer("g", ["scans"])
    assert drain(consumer, commit=False) == sent
    assert drain(consumer) == []
    consumer.rewind()
    assert drain(consumer) == sent
    consumer.close()


def test_the_same_event_twice_is_not_lost(bus: EventBus) -> None:
    once = event(1)
    bus.publish([once])
    bus.publish([once, event(2)])
    consumer = bus.consumer("g", ["scans"])
    assert {e.id for e in drain(consumer)} >= {once.id}
    consumer.close()


def test_two_members_of_a_group_do_not_both_get_an_event(bus: EventBus) -> None:
    bus.publish([event(n) for n in range(20)])
    one, two = bus.consumer("g", ["scans"]), bus.consumer("g", ["scans"])
    got = [e.id for c in (one, two, one, two) for e in drain(c)]
    assert len(got) == len(set(got)) == 20
    one.close()
    two.close()


def test_a_publisher_killed_loses_nothing_that_it_had_published(url: str, bus: EventBus) -> None:
    said = lines_until_killed(child("workers", "publish", url), 20)
    consumer = bus.consumer("g", ["scans"])
    there = [e.id for e in drain(consumer)]
    consumer.close()
    assert there[: len(said)] == said
    assert len(there) <= len(said) + 1


def test_a_consumer_killed_leaves_the_rest_to_the_next(url: str, bus: EventBus) -> None:
    sent = [event(n) for n in range(400)]
    bus.publish(sent)
    said = lines_until_killed(child("workers", "consume", url), 20)
    consumer = bus.consumer("contract", ["scans"])
    rest = [e.id for e in drain(consumer)]
    consumer.close()
    assert len(rest) >= len(sent) - len(said) - 1
    assert rest == [e.id for e in sent[len(sent) - len(rest) :]]
    assert set(said) | set(rest) | {sent[len(said)].id if len(said) < len(sent) else ""} >= {e.id for e in sent}


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="VOICEHUB_EVENTS_URL"):
        open_bus("gopher://nowhere")
