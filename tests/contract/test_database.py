"""The contract of the system of record: transactions, outbox and inbox, for every adapter."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.database import Database
from services.common.events import Event, EventBus, make_event, open_bus
from services.common.outbox import Relay
from services.common.subscriptions import Effect, Subscriber, Subscription
from services.common.tables import dead_letters
from services.common.tables import outbox as outbox_table
from tests.contract.children import child, lines_until_killed
from tests.contract.test_events import drain
from tests.contract.workers import TYPE, effects, open_tables, payload


@pytest.fixture
def urls(events_url: str, database_url: str) -> tuple[str, str]:
    return events_url, database_url


def rows(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(select(func.count()).select_from(effects)).scalar_one())


def published(bus: EventBus, expected: int) -> list[str]:
    consumer = bus.consumer("look", ["scans"])
    found = [event.id for event in drain(consumer, expected)]
    consumer.close()
    return found


def count(session: Session) -> None:
    session.execute(insert(effects))


def test_a_failed_transaction_leaves_neither_state_nor_event(urls: tuple[str, str]) -> None:
    database = open_tables(urls[1])

    def interrupted() -> None:
        with database.write() as session:
            count(session)
            outbox.record(session, make_event("scans", "v", payload(1), "test"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        interrupted()
    assert rows(database) == 0
    assert Relay(database, open_bus(urls[0])).relay_once() == 0


def test_writers_queue_and_readers_see_whole_transactions(urls: tuple[str, str]) -> None:
    database = open_tables(urls[1])

    def write() -> None:
        for _ in range(10):
            with database.write() as session:
                before = session.execute(select(func.count()).select_from(effects)).scalar_one()
                count(session)
                count(session)
                assert session.execute(select(func.count()).select_from(effects)).scalar_one() == before + 2

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert rows(database) % 2 == 0
        threads[0].join(0.01)
    assert rows(database) == 80


def test_the_relay_publishes_in_order_and_empties_the_outbox(urls: tuple[str, str]) -> None:
    database, bus = open_tables(urls[1]), open_bus(urls[0])
    sent = [make_event("scans", "v", payload(n), "test") for n in range(5)]
    with database.write() as session:
        for event in sent:
            outbox.record(session, event)
    assert Relay(database, bus).relay_once() == 5
    assert Relay(database, bus).relay_once() == 0
    assert published(bus, 5) == [event.id for event in sent]
    with database.read() as session:
        assert session.execute(select(outbox_table)).first() is None


def test_an_event_seen_before_has_no_second_effect(urls: tuple[str, str]) -> None:
    database = open_tables(urls[1])
    subscriber = Subscriber(Subscription("s", {("scans", TYPE): lambda _: count}), database, open_bus(urls[0]))
    event = make_event("scans", "v", payload(1), "test")
    for _ in range(3):
        subscriber.process(event)
    assert rows(database) == 1


def test_an_event_of_no_interest_is_passed_over(urls: tuple[str, str]) -> None:
    database = open_tables(urls[1])
    subscriber = Subscriber(Subscription("s", {("exports", TYPE): lambda _: count}), database, open_bus(urls[0]))
    subscriber.process(make_event("scans", "v", payload(1), "test"))
    assert rows(database) == 0


def test_a_passing_failure_is_tried_again_and_poison_is_parked(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.subscriptions.BACKOFF_SECONDS", 0.0001)
    database = open_tables(urls[1])
    tries: list[str] = []

    def handler(event: Event) -> Effect:
        tries.append(event.key)
        if event.key == "poison" or len(tries) < 3:
            raise OSError(f"no luck with {event.key}")
        return count

    subscriber = Subscriber(Subscription("s", {("scans", TYPE): handler}), database, open_bus(urls[0]))
    subscriber.process(make_event("scans", "fine", payload(1), "test"))
    assert (rows(database), len(tries)) == (1, 3)
    subscriber.process(make_event("scans", "poison", payload(2), "test"))
    subscriber.process(make_event("scans", "fine", payload(3), "test"))
    assert rows(database) == 2, "the road goes on behind a poison message"
    with database.read() as session:
        parked = session.execute(select(dead_letters)).one()
    assert (parked.key, parked.reason) == ("poison", "OSError('no luck with poison')")


def test_a_producer_killed_leaves_state_and_events_equal(urls: tuple[str, str]) -> None:
    said = lines_until_killed(child("workers", "produce", *urls), 15)
    database, bus = open_tables(urls[1]), open_bus(urls[0])
    while Relay(database, bus).relay_once():
        pass
    ids = published(bus, len(said))
    assert len(said) <= rows(database) <= len(said) + 1
    assert len(set(ids)) == rows(database)


def test_a_handler_killed_has_every_effect_once(urls: tuple[str, str]) -> None:
    bus = open_bus(urls[0])
    bus.publish([make_event("scans", "v", payload(n), "test") for n in range(60)])
    open_tables(urls[1])
    for _ in range(2):
        lines_until_killed(child("workers", "handle", *urls), 10)
    database = open_tables(urls[1])
    done = threading.Event()

    def effect(session: Session) -> None:
        count(session)

    def handler(event: Event) -> Effect:
        if event.key == "last":
            done.set()
        return effect

    bus.publish([make_event("scans", "last", payload(60), "test")])
    subscriber = Subscriber(Subscription("contract", {("scans", TYPE): handler}), database, bus)
    subscriber.start()
    assert done.wait(60)
    subscriber.stop()
    assert rows(database) == 61
