"""The outbox: what is in flight is bounded, what waits is bounded, and an outage reads nothing twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from sqlalchemy import event as sql_event

from services.common import outbox, rpc
from services.common.database import Database
from services.common.errors import Unavailable, Unprocessable, from_rpc
from services.common.events import Event, EventBus, make_event, open_bus
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.outbox import BATCH, BATCH_BYTES, MOST_BYTES, Relay
from services.common.tables import metadata
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc

BOUND = 3


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/service.sqlite")
    metadata.create_all(made.engine)
    return made


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EventBus]:
    opened = open_bus(f"sqlite:///{tmp_path}/events.sqlite")
    yield opened
    opened.close()


class Switched:
    """A bus that can be away."""

    def __init__(self, bus: EventBus) -> None:
        self._bus, self.away = bus, False
        self.batches: list[int] = []

    def publish(self, events: Sequence[Event]) -> None:
        if self.away:
            raise ConnectionError("no broker")
        self.batches.append(len(events))
        self._bus.publish(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


def write(database: Database, count: int, size: int = 1) -> None:
    with database.write() as session:
        for _ in range(count):
            outbox.record(session, make_event("scans", "v", BytesValue(value=bytes(size)), "test"))


def waiting(database: Database) -> int:
    with database.read() as session:
        return outbox.waiting(session)


def test_a_batch_is_bounded_by_number_and_by_bytes(database: Database, bus: EventBus) -> None:
    switched = Switched(bus)
    relay = Relay(database, switched)
    write(database, BATCH + 10)
    assert (relay.relay_once(), relay.relay_once(), relay.relay_once()) == (BATCH, 10, 0)
    write(database, 20, size=BATCH_BYTES // 5)
    while relay.relay_once():
        pass
    assert max(switched.batches[2:]) <= 5
    assert sum(switched.batches[2:]) == 20


def test_an_event_that_no_bus_would_take_is_refused_where_it_is_said(database: Database, bus: EventBus) -> None:
    with pytest.raises(Unprocessable) as caught:
        write(database, 1, size=MOST_BYTES)  # and some bytes around it
    assert caught.value.reason == "EVENT_TOO_LARGE"
    write(database, 1, size=MOST_BYTES - 10)
    assert Relay(database, bus).relay_once() == 1


def test_while_the_bus_is_away_the_outbox_is_not_read_again(database: Database, bus: EventBus) -> None:
    switched = Switched(bus)
    relay = Relay(database, switched)
    reads: list[str] = []
    sql_event.listen(database.engine, "before_cursor_execute", lambda *given: reads.append(given[2]))
    write(database, 2)
    switched.away = True
    for _ in range(5):
        with pytest.raises(ConnectionError):
            relay.relay_once()
    assert len([statement for statement in reads if "FROM outbox" in statement]) == 1
    switched.away = False
    assert relay.relay_once() == 2
    assert (waiting(database), switched.batches) == (0, [2])


def test_in_the_call_of_a_person_events_beyond_the_bound_are_refused(database: Database, bus: EventBus) -> None:
    with outbox.bounded(BOUND):
        write(database, BOUND + 1)
        with pytest.raises(Unavailable, match="takes no changes") as caught:
            write(database, 1)
    assert caught.value.reason == "OUTBOX_FULL"
    write(database, 1)  # a handler of events goes on
    Relay(database, bus).relay_once()
    with outbox.bounded(BOUND):
        write(database, 1)


class Writing(scanner_pb2_grpc.ScannerServiceServicer):
    """Every call leaves an event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def GetReport(  # noqa: N802 - the contract's name
        self, request: scanner_pb2.GetReportRequest, context: grpc.ServicerContext
    ) -> scanner_pb2.GetReportResponse:
        write(self._database, 1)
        return scanner_pb2.GetReportResponse()


def test_a_service_refuses_people_and_not_the_other_services(database: Database, tmp_path: Path) -> None:
    for service in ("gateway", "trainer"):
        ensure_keys(tmp_path, service)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    def register(server: grpc.Server) -> None:
        scanner_pb2_grpc.add_ScannerServiceServicer_to_server(Writing(database), server)

    server = rpc.make_server(address, Verifier(tmp_path), register, [], outbox_bound=BOUND)
    person = Signer(tmp_path, "gateway").sign(Identity("ann", "gateway"))
    trainer = Signer(tmp_path, "trainer").sign(Identity("ann", "trainer"))

    def call(token: str) -> None:
        with rpc.make_channel(address, lambda: token) as channel:
            scanner_pb2_grpc.ScannerServiceStub(channel).GetReport(scanner_pb2.GetReportRequest())

    for _ in range(BOUND + 1):
        call(person)
    with pytest.raises(grpc.RpcError) as caught:
        call(person)
    error = from_rpc(caught.value)
    assert (type(error), error.reason) == (Unavailable, "OUTBOX_FULL")
    call(trainer)
    assert waiting(database) == BOUND + 2
    server.stop(None).wait()
