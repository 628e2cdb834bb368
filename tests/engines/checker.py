"""Traffic through outbox, bus, inbox and object store, and an audit that knows every write that was acknowledged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from blake3 import blake3
from kafka.errors import KafkaError
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.database import Database
from services.common.events import Event, make_event, open_bus
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore, open_store
from services.common.outbox import Relay
from services.common.subscriptions import Effect, Subscriber, Subscription
from services.common.tables import metadata as messaging
from services.common.tables import outbox as outbox_table
from services.stubs.voicehub.scanner.v1.scanner_pb2 import BehaviourTestCompleted

TYPE = BehaviourTestCompleted.DESCRIPTOR.full_name
LOOK_SECONDS = 0.2
metadata = MetaData()
written = Table("written", metadata, Column("id", String(40), primary_key=True))
effects = Table(
    "effects", metadata, Column("number", Integer, primary_key=True, autoincrement=True), Column("id", String(40))
)


@dataclass
class Acknowledged:
    """What the writers were told is durable."""

    writes: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)


class Traffic:
    """A writer of state with events, a writer of objects, a relay and a subscriber, over the engines of these URLs."""

    def __init__(self, database_url: str, events_url: str, objects_url: str) -> None:
        self.database, self.bus, self.store = Database(database_url), open_bus(events_url), open_store(objects_url)
        self.acknowledged = Acknowledged()
        self.failures: Counter[str] = Counter()
        self._stop = threading.Event()
        with self.database.write() as session:
            for one in (messaging, metadata):
                one.create_all(session.connection())

    def write(self) -> str:
        """One row and its event in one transaction."""
        event = make_event("scans", new_id(), BehaviourTestCompleted(version_id=new_id()), "test")
        with self.database.write() as session:
            session.execute(insert(written).values(id=event.id))
            outbox.record(session, event)
        self.acknowledged.writes.append(event.id)
        return event.id

    def burst(self, count: int) -> None:
        """So many rows and events in one transaction, tried until the database has them."""
        completed = [BehaviourTestCompleted(version_id=new_id()) for _ in range(count)]
        events = [make_event("scans", new_id(), one, "test") for one in completed]
        while True:
            try:
                # The answer to an earlier try may have been lost, and not its commit.
                if self._has_row(events[0].id) or self._write_all(events):
                    break
            except DBAPIError as error:
                self.failures[type(error).__name__] += 1
                self._stop.wait(LOOK_SECONDS)
        self.acknowledged.writes.extend(event.id for event in events)

    def _has_row(self, identifier: str) -> bool:
        with self.database.read() as session:
            return session.execute(select(written.c.id).where(written.c.id == identifier)).first() is not None

    def _write_all(self, events: Sequence[Event]) -> bool:
        with self.database.write() as session:
            session.execute(insert(written), [{"id": event.id} for event in events])
            for event in events:
                outbox.record(session, event)
        return True

    def put(self) -> str:
        """One object."""
        data = new_id().encode() * 700
        digest = self.store.put(Area.SERVED, [data]).digest
        self.acknowledged.objects[digest] = data
        return digest

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Writers write until the end of the `with`; whatever fails is not acknowledged and is tried again."""
        self._stop.clear()
        threads = [threading.Thread(target=self._again, args=(work,)) for work in (self.write, self.put)]
        with self.consuming():
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join()

    @contextmanager
    def consuming(self) -> Iterator[None]:
        """Relay and subscriber run, and at the end have done all that they can."""
        relay, subscriber = Relay(self.database, self.bus), self.subscriber()
        with ExitStack() as stack:
            for runner in (relay, subscriber):
                runner.start()
                stack.callback(runner.stop)
            yield
            self._settle()

    def subscriber(self) -> Subscriber:
        """Counts every event as one row."""
        return Subscriber(Subscription("audit", {("scans", TYPE): _count}), self.database, self.bus)

    def _again(self, work: Callable[[], str]) -> None:
        while not self._stop.wait(0.01):
            try:
                work()
            except (DBAPIError, KafkaError, OSError) as error:
                self.failures[type(error).__name__] += 1
                self._stop.wait(LOOK_SECONDS)

    def _settle(self, patience: int = 300) -> None:
        """Until the outbox is empty and the group has no lag; gives up when nothing moves any more."""
        before: tuple[int, int] | None = None
        still = 0
        while still < patience:
            now = (self.waiting(), self.bus.lags().get(("audit", "scans"), -1))
            if now == (0, 0):
                return
            still = still + 1 if now == before else 0
            before = now
            threading.Event().wait(LOOK_SECONDS)

    def handled(self) -> set[str]:
        """Ids of the events that had an effect."""
        with self.database.read() as session:
            return set(session.execute(select(effects.c.id)).scalars())

    def waiting(self) -> int:
        """How many events are in the outbox."""
        with self.database.read() as session:
            return len(session.execute(select(outbox_table.c.id)).all())


def _count(event: Event) -> Effect:
    def effect(session: Session) -> None:
        session.execute(insert(effects).values(id=event.id))

    return effect


def audit(database: Database, store: ObjectStore, acknowledged: Acknowledged) -> list[str]:
    """What is wrong: lost writes, lost events, effects that happened twice, lost or changed objects."""
    with database.read() as session:
        rows = set(session.execute(select(written.c.id)).scalars())
        happened = Counter(session.execute(select(effects.c.id)).scalars())
    wrong = [f"lost write {one}" for one in acknowledged.writes if one not in rows]
    wrong += [f"lost event {one}" for one in rows if not happened[one]]
    wrong += [f"{count} effects of {one}" for one, count in happened.items() if count > 1]
    for digest in acknowledged.objects:
        try:
            with store.open(Area.SERVED, digest) as stream:
                if blake3(stream.read()).hexdigest() != digest:
                    wrong.append(f"changed object {digest}")
        except KeyError:
            wrong.append(f"lost object {digest}")
    return wrong
