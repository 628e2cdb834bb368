"""Batches over real gRPC, a real SQLite bus and a real voice, in one process that can be stopped and started again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from services.common import rpc
from services.common.charges import Charges
from services.common.database import Database
from services.common.events import open_bus
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.migrations import upgrade
from services.common.objects import Area, ObjectStore, open_store
from services.common.objects.port import ObjectInfo
from services.common.outbox import Relay
from services.common.subscriptions import Handler, Subscriber
from services.inference import store
from services.inference.admission import Line
from services.inference.batches import store as stored
from services.inference.batches.bootstrap import Batches
from services.inference.domain.fairness import Capacity
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry
from services.inference.shelf import Shelf
from services.inference.synthesis import Synthesizer
from services.inference.tests.speaking import MIGRATIONS, VERSION, free_address, nano_voice
from services.stubs.voicehub.catalog.v1.credits_pb2 import ReserveCreditsRequest, ReserveCreditsResponse
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from services.stubs.voicehub.inference.v1 import batch_pb2_grpc

Stub = batch_pb2_grpc.BatchServiceStub
PATIENCE = 120.0


@dataclass
class Batching:
    """The running service, its consumer stopped until `start`."""

    as_account: Callable[..., Stub]
    database: Database
    objects: ObjectStore
    synthesizer: Synthesizer
    subscriber: Subscriber
    reserved: list[ReserveCreditsRequest]
    when_reserved: list[Callable[[], object]]
    """What happens while credits are reserved, each once."""

    def plan(self, *lines: dict[str, Any], voices: tuple[str, ...] = ("ann/low",), **more: Any) -> pb.BatchPlan:
        """A plan of inline JSON lines."""
        inline = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
        return pb.BatchPlan(inline=inline, voices=[chosen(name) for name in voices], format="wav", **more)

    def uploaded(self, content: bytes, **more: Any) -> pb.BatchPlan:
        """A plan of a file in quarantine."""
        kept = self.objects.put(Area.QUARANTINE, [content])
        reference = ObjectRef(digest=kept.digest, size=kept.size)
        return pb.BatchPlan(upload=reference, voices=[chosen("ann/low")], format="wav", **more)

    def handler(self, kind: type[Message]) -> Handler:
        """What the service does on such an event."""
        return self.subscriber._subscription.handlers["synthesis", str(kind.DESCRIPTOR.full_name)]

    def worker(self, objects: ObjectStore, folder: Path) -> Subscriber:
        """What works on batches beside the service, as a process of its own would; not started."""
        charges = Charges(self.database, lambda _: None, "synthesis", "inference")
        parts = Batches.wire(self.database, objects, self.synthesizer, folder, charges)
        return Subscriber(parts.shards.subscription(), self.database, self.subscriber._bus)

    def ended(self, stub: Stub, batch_id: str) -> pb.Batch:
        """The batch when its zip is there."""
        for message in stub.WatchBatch(pb.WatchBatchRequest(id=batch_id), timeout=PATIENCE):
            last = message.batch
        deadline = threading.Event()
        while not last.zip.digest:  # a cancelled batch is packed after it has ended
            deadline.wait(0.05)
            last = stub.GetBatch(pb.GetBatchRequest(id=batch_id)).batch
        return last

    def forgotten(self, batch_id: str) -> None:
        """Waits until no row of the batch is left."""
        end, look = time.monotonic() + PATIENCE, threading.Event()
        while self._known(batch_id):
            assert time.monotonic() < end, "the batch is still there"
            look.wait(0.05)

    def _known(self, batch_id: str) -> bool:
        with self.database.read() as session:
            return stored.find(session, batch_id) is not None

    def takes(self, stub: Stub, batch_id: str, size: int = 3) -> list[pb.Take]:
        """All takes, page by page."""
        found: list[pb.Take] = []
        request = pb.ListTakesRequest(id=batch_id)
        request.page.size = size
        while True:
            page = stub.ListTakes(request)
            found += page.takes
            if not page.next_cursor:
                return found
            request.page.cursor = page.next_cursor

    def content(self, digest: str) -> bytes:
        """An object that is served."""
        with self.objects.open(Area.SERVED, digest) as stream:
            return stream.read()


class Meanwhile:
    """A store in which something happens just after the first object was put."""

    def __init__(self, store: ObjectStore, happens: Callable[[], object]) -> None:
        self._store, self._happens, self.put_once = store, happens, False

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        """As the store, then what happens."""
        info = self._store.put(area, chunks)
        if not self.put_once:
            self.put_once = True
            self._happens()
        return info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def chosen(name: str) -> pb.ChosenVoice:
    """A voice as the gateway would have found it."""
    return pb.ChosenVoice(name=name, version_id=VERSION, prompt="high" if name.endswith("high") else "")


@dataclass(frozen=True)
class Engines:
    """URLs of the engines below a service."""

    database: str
    events: str
    objects: str

    @classmethod
    def embedded(cls, folder: Path) -> Engines:
        """Files in a folder."""
        events = f"sqlite:///{folder}/events.sqlite"
        return cls(f"sqlite:///{folder}/inference.sqlite", events, f"file://{folder}/objects")


@contextmanager
def batching(bundle: Path, folder: Path, engines: Engines | None = None) -> Iterator[Batching]:
    """The service over the data in `folder` or in those engines, with one worker."""
    engines = engines or Engines.embedded(folder)
    database, objects = Database(engines.database), open_store(engines.objects)
    upgrade(database, MIGRATIONS)
    with database.write() as session:
        store.save(session, nano_voice(bundle, objects))
    shelf = Shelf(objects, BaseRegistry(folder / "bases"), folder / "voices")
    synthesizer = Synthesizer(shelf, Line(Capacity(workers=1)), Provenance(folder / "provenance"))

    def ask(request: ReserveCreditsRequest) -> ReserveCreditsResponse:
        reserved.append(request)
        if when_reserved:
            when_reserved.pop()()
        return ReserveCreditsResponse()

    reserved: list[ReserveCreditsRequest] = []
    when_reserved: list[Callable[[], object]] = []
    charges = Charges(database, ask, "synthesis", "inference")
    parts = Batches.wire(database, objects, synthesizer, folder / "packing", charges)
    bus = open_bus(engines.events)
    relay, subscriber = Relay(database, bus), Subscriber(parts.shards.subscription(), database, bus)
    for name in ("gateway", "trainer"):
        ensure_keys(folder / "keys", name)
    address, channels = free_address(), []

    def as_account(name: str, service: str = "gateway") -> Stub:
        signer = Signer(folder / "keys", service)
        channels.append(rpc.make_channel(address, lambda: signer.sign(Identity(name, service, frozenset({"write"})))))
        return Stub(channels[-1])

    def register(server: grpc.Server) -> None:
        batch_pb2_grpc.add_BatchServiceServicer_to_server(parts.service, server)

    server = rpc.make_server(address, Verifier(folder / "keys"), register, [])
    relay.start()
    try:
        yield Batching(as_account, database, objects, synthesizer, subscriber, reserved, when_reserved)
    finally:
        for channel in channels:
            channel.close()
        server.stop(None).wait()
        if subscriber._thread.is_alive():
            subscriber.stop()
        relay.stop()
        bus.close()
        database.engine.dispose()
