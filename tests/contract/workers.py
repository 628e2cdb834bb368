"""Programs that the contract suites start and kill. Each says what is durable, a line each, once it is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from sqlalchemy import Column, Integer, MetaData, Table, insert
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.database import Database
from services.common.events import make_event, open_bus
from services.common.objects import Area, open_store
from services.common.outbox import Relay
from services.common.subscriptions import Subscriber, Subscription
from services.common.tables import metadata as messaging
from services.stubs.voicehub.scanner.v1.scanner_pb2 import BehaviourTestCompleted

TYPE = BehaviourTestCompleted.DESCRIPTOR.full_name
metadata = MetaData()
effects = Table("effects", metadata, Column("number", Integer, primary_key=True, autoincrement=True))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def payload(number: int) -> BehaviourTestCompleted:
    return BehaviourTestCompleted(version_id=f"{number}", outcome="passed")


def open_tables(url: str) -> Database:
    database = Database(url)
    with database.engine.begin() as connection:
        messaging.create_all(connection)
        metadata.create_all(connection)
    return database


def publish(bus_url: str) -> None:
    """Publishes for ever; says each event id after it is published."""
    bus = open_bus(bus_url)
    number = 0
    while True:
        event = make_event("scans", "v", payload(number), "test")
        bus.publish([event])
        say(event.id)
        number += 1


def consume(bus_url: str) -> None:
    """Consumes for ever in the group `contract`; says each event id after it is committed."""
    consumer = open_bus(bus_url).consumer("contract", ["scans"])
    while True:
        for delivery in consumer.poll(limit=7, timeout=1):
            consumer.commit(delivery)
            say(delivery.event.id)


def produce(bus_url: str, database_url: str) -> None:
    """Writes a row and its event in one transaction, with the relay at work; says how many after each commit."""
    database = open_tables(database_url)
    Relay(database, open_bus(bus_url)).start()
    number = 0
    while True:
        with database.write() as session:
            session.execute(insert(effects))
            outbox.record(session, make_event("scans", "v", payload(number), "test"))
        number += 1
        say(str(number))


def handle(bus_url: str, database_url: str) -> None:
    """Handles events for ever, one row each; says so before each effect commits."""
    database = open_tables(database_url)

    def effect(session: Session) -> None:
        session.execute(insert(effects))
        say("effect")

    subscription = Subscription("contract", {("scans", TYPE): lambda _event: effect})
    Subscriber(subscription, database, open_bus(bus_url)).start()
    threading.Event().wait()


def put(store_url: str) -> None:
    """Puts objects of a megabyte for ever; says each digest after its put."""
    store = open_store(store_url)
    number = 0
    while True:
        chunks = (b"%d" % number + bytes(65536) for _ in range(16))
        say(store.put(Area.SERVED, chunks).digest)
        number += 1


PROGRAMS: dict[str, Callable[..., None]] = {
    "publish": publish,
    "consume": consume,
    "produce": produce,
    "handle": handle,
    "put": put,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
