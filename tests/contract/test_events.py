"""The contract of the event bus, for every adapter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.common.events import Consumer, Event, EventBus, make_event, open_bus
from services.common.outbox import MOST_BYTES
from tests.contract.children import child, lines_until_killed
from tests.contract.workers import payload

PATIENCE = 30.0
"""Seconds: a group of which a member was killed waits for its session to end."""


@pytest.fixture
def bus(events_url: str) -> Iterator[EventBus]:
    opened = open_bus(events_url)
    yield opened
    opened.close()


def event(number: int, topic: str = "scans", key: str = "v") -> Event:
    return make_event(topic, key, payload(number), "test")


def drain(consumer: Consumer, expected: int, commit: bool = True) -> list[Event]:
    """Everything there is. A group may take a moment to move; after what is expected a few empty polls are the end."""
    found: list[Event] = []
    empty = 0
    deadline = time.monotonic() + PATIENCE
    while empty < 3 or (len(found) < expected and time.monotonic() < deadline):
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
    assert drain(consumer, 120) == sent
    assert bus.lags()["g", "scans"] == 0
    consumer.close()


def test_the_largest_event_of_an_outbox_arrives_and_can_be_parked(bus: EventBus) -> None:
    sent = replace(event(1), data=bytes(MOST_BYTES))
    bus.publish([sent])
    consumer = bus.consumer("g", ["scans"])
    assert drain(consumer, 1) == [sent]
    consumer.close()
    bus.park("g", sent, "😀" * 5000)
    assert [letter.event for letter in bus.parked()] == [sent]


def test_each_group_gets_everything_and_only_its_topics(bus: EventBus) -> None:
    scan, export = event(1), event(2, "exports")
    bus.publish([scan, export])
    for group, topics, expected in (("a", ["scans"], [scan]), ("b", ["exports"], [export])):
        consumer = bus.consumer(group, topics)
        assert drain(consumer, 1) == expected
        consumer.close()
    both = bus.consumer("c", ["scans", "exports"])
    assert {e.id for e in drain(both, 2)} == {scan.id, export.id}
    both.close()


def test_polls_shorter_than_a_group_takes_to_form_are_enough(bus: EventBus) -> None:
    sent = event(1)
    bus.publish([sent])
    for group in ("a", "b", "c"):
        consumer = bus.consumer(group, ["scans"])
        deadline = time.monotonic() + PATIENCE / 3
        while not (found := consumer.poll(limit=1, timeout=0.002)):
            assert time.monotonic() < deadline, "the group gives its only member nothing"
        assert found[0].event == sent
        consumer.close()


def test_a_group_goes_on_where_it_committed(bus: EventBus) -> None:
    sent = [event(n) for n in range(4)]
    bus.publish(sent)
    first = bus.consumer("g", ["scans"])
    batch = first.poll(limit=4, timeout=PATIENCE)
    first.commit(batch[1])
    assert bus.lags()["g", "scans"] == 2
    first.close()
    second = bus.consumer("g", ["scans"])
    assert drain(second, 2) == sent[2:]
    second.close()


def test_rewind_delivers_again_what_was_not_committed(bus: EventBus) -> None:
    sent = [event(n) for n in range(3)]
    bus.publish(sent)
    consumer = bus.consumer("g", ["scans"])
    assert drain(consumer, 3, commit=False) == sent
    assert drain(consumer, 0) == []
    consumer.rewind()
    assert drain(consumer, 3) == sent
    consumer.close()


def test_the_same_event_twice_is_not_lost(bus: EventBus) -> None:
    once = event(1)
    bus.publish([once])
    bus.publish([once, event(2)])
    consumer = bus.consumer("g", ["scans"])
    assert {e.id for e in drain(consumer, 2)} >= {once.id}
    consumer.close()


def test_two_members_of_a_group_do_not_both_get_an_event(bus: EventBus) -> None:
    bus.publish([event(n) for n in range(20)])
    one, two = bus.consumer("g", ["scans"]), bus.consumer("g", ["scans"])
    got = [e.id for c, expected in ((one, 20), (two, 0), (one, 0), (two, 0)) for e in drain(c, expected)]
    assert len(got) == len(set(got)) == 20
    one.close()
    two.close()


def test_a_publisher_killed_loses_nothing_that_it_had_published(events_url: str, bus: EventBus) -> None:
    said = lines_until_killed(child("workers", "publish", events_url), 20)
    consumer = bus.consumer("g", ["scans"])
    there = [e.id for e in drain(consumer, len(said))]
    consumer.close()
    assert there[: len(said)] == said
    assert len(there) <= len(said) + 1


def test_a_consumer_killed_leaves_the_rest_to_the_next(events_url: str, bus: EventBus) -> None:
    sent = [event(n) for n in range(400)]
    bus.publish(sent)
    said = lines_until_killed(child("workers", "consume", events_url), 20)
    consumer = bus.consumer("contract", ["scans"])
    rest = [e.id for e in drain(consumer, len(sent) - len(said) - 1)]
    consumer.close()
    assert len(rest) >= len(sent) - len(said) - 1
    assert rest == [e.id for e in sent[len(sent) - len(rest) :]]
    assert set(said) | set(rest) | {sent[len(said)].id if len(said) < len(sent) else ""} >= {e.id for e in sent}


def test_a_sign_of_life_fetches_nothing_and_loses_nothing(bus: EventBus) -> None:
    sent = [event(n, key=f"{n}") for n in range(30)]
    bus.publish(sent)
    consumer = bus.consumer("g", ["scans"])
    first = consumer.poll(limit=1, timeout=PATIENCE)
    assert all(consumer.keep() for _ in range(5))
    consumer.commit(first[0])
    rest = drain(consumer, 29)
    assert {e.id for e in rest} == {e.id for e in sent} - {first[0].event.id}
    assert len(rest) == 29
    consumer.close()


def test_dead_letters_lie_in_a_topic_of_their_group_with_the_reason(bus: EventBus) -> None:
    one, two = event(1), event(2, "exports")
    bus.park("a", one, "broken: ü")
    bus.park("b", two, "worse")
    bus.park("a", two, "as bad")
    parked = [(letter.group, letter.event, letter.reason) for letter in bus.parked()]
    assert [entry for entry in parked if entry[0] == "a"] == [("a", one, "broken: ü"), ("a", two, "as bad")]
    assert [entry for entry in parked if entry[0] == "b"] == [("b", two, "worse")]
    assert bus.lags() == {}


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="VOICEHUB_EVENTS_URL"):
        open_bus("gopher://nowhere")


def test_what_a_group_is_at_for_the_first_time_is_not_handled(bus: EventBus) -> None:
    quick, slow = bus.consumer("quick", ["scans"]), bus.consumer("slow", ["scans"])
    sent = event(1)
    bus.publish([sent])
    assert drain(quick, 1) == [sent]
    assert drain(slow, 1, commit=False) == [sent]
    marks = bus.marks()
    assert list(bus.between(marks.handled, marks.ends)) == [sent]
    assert dict(bus.lags()) == {("quick", "scans"): 0, ("slow", "scans"): 1}
    quick.close()
    slow.close()


def test_what_was_not_handled_at_a_moment_can_be_told_afterwards(bus: EventBus) -> None:
    sent = [event(n, key=f"k{n % 5}") for n in range(12)]
    bus.publish(sent[:8])
    quick, slow = bus.consumer("quick", ["scans"]), bus.consumer("slow", ["scans"])
    assert len(drain(quick, 8)) == 8
    assert len(drain(slow, 8)) == 8
    bus.publish(sent[8:10])
    before = bus.marks()  # two wait
    bus.publish(sent[10:])
    told = list(bus.between(before.handled, before.ends))
    assert sorted(e.id for e in told) == sorted(e.id for e in sent[8:10])
    later = list(bus.between(before.handled, bus.marks().ends))
    assert sorted(e.id for e in later) == sorted(e.id for e in sent[8:])
    assert {e.id: e for e in later} == {e.id: e for e in sent[8:]}
    drain(quick, 4)
    after = bus.marks()
    assert sorted(e.id for e in bus.between(after.handled, after.ends)) == sorted(
        e.id for e in sent[8:]
    )  # slow has not
    drain(slow, 4)
    done = bus.marks()
    assert list(bus.between(done.handled, done.ends)) == []
    quick.close()
    slow.close()
