"""Several clients push, fork and erase while the catalog is killed with -9 at random points; then all adds up.

What was answered is there, once; nothing dangles after garbage was collected; every version rebuilds to the byte, an
erased one is a tombstone; and what is private looks to others as what never was.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from blake3 import blake3

from services.catalog.collaboration.tests.steps import forks_of, refs_of
from services.catalog.collecting import Collector
from services.catalog.tests.conftest import Hub, opened
from services.common.database import Database
from services.common.errors import VoiceHubError, from_rpc
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import forks_pb2, refs_pb2
from services.stubs.voicehub.common.v1 import common_pb2

T = TypeVar("T")
PEOPLE = ("ann", "bob", "cyd")
PRIVATE = "cyd"
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
SETTLED = (pb.VERSION_STATE_PUBLISHED, pb.VERSION_STATE_ERASED)


@dataclass
class Client:
    """Somebody with a voice, and what the hub has answered."""

    name: str
    pushed: list[str] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    forked: set[str] = field(default_factory=set)

    def work(self, hub: Hub, seed: int, steps: int, killed: threading.Event) -> None:
        """A random history of its own, of so many steps at least, until the last kill is over."""
        chance = random.Random(seed)
        for step in count():
            if step >= steps and killed.is_set():
                break
            what = chance.choice(("push", "push", "push", "fork", "erase"))
            if what == "push" or not self.pushed:
                self.push(hub, step)
            elif what == "fork":
                self.fork(hub, chance.choice([one for one in PEOPLE if one not in (self.name, PRIVATE)]))
            else:
                self.erase(hub, chance.choice(self.pushed))

    def push(self, hub: Hub, step: int) -> None:
        kind = pb.VISIBILITY_PRIVATE if self.name == PRIVATE else pb.VISIBILITY_PUBLIC
        request = hub.push_request(self.name, "voice", visibility_if_new=kind, idempotency_key=f"{self.name}-{step}")
        made = surely(lambda: hub.stub(self.name).CreateVersion(request).version)
        self.pushed.append(made.id)
        hub.walk(made.id)

    def fork(self, hub: Hub, owner: str) -> None:
        name = f"of-{owner}"
        request = forks_pb2.ForkRepositoryRequest(owner=owner, name="voice", new_name=name)
        try:
            surely(lambda: forks_of(hub, self.name).ForkRepository(request))
        except VoiceHubError as refused:  # nothing published there yet, or made by a call whose answer was lost
            if refused.reason != "NAME_TAKEN":
                return
        self.forked.add(name)

    def erase(self, hub: Hub, version: str) -> None:
        request = pb.EraseVersionRequest(owner=self.name, name="voice", version=version)

        def gone() -> bool:
            try:
                surely(lambda: hub.stub(self.name).EraseVersion(request))
            except VoiceHubError as refused:
                if refused.reason != "STILL_ON_ITS_ROAD":
                    raise
                return False
            return True

        hub.eventually(gone, bool)
        self.erased.add(version)


def surely(call: Callable[[], T]) -> T:
    """The answer, asked for again while the catalog is gone."""
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() not in LOST:
                raise from_rpc(error) from error


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hub]:
    with opened(tmp_path) as hub:
        yield hub


def history_with_kills(hub: Hub, seed: int, steps: int, kills: int) -> list[Client]:
    """All clients at work, and the catalog killed so many times meanwhile; beside them garbage is collected."""
    chance, clients, failures = random.Random(seed), [Client(name) for name in PEOPLE], list[BaseException]()
    killed = threading.Event()
    database = Database(f"sqlite:///{hub.data / 'db' / 'catalog.sqlite'}")

    def work(client: Client) -> None:
        try:
            client.work(hub, chance.randrange(1 << 30), steps, killed)
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        threads[0].join(chance.uniform(0.05, 0.4))  # at any point of their work
        hub.kill()
        hub.start()
        hub.ready()
        Collector(database, hub.objects, grace_seconds=3600).collect()
    killed.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return clients


def check(hub: Hub, clients: list[Client]) -> None:
    """All that must hold, before and after garbage was collected."""
    for client in clients:
        stub = hub.stub(client.name)
        for version in client.pushed:
            asked = pb.GetVersionRequest(owner=client.name, name="voice", ref=version)
            found = hub.eventually(lambda: stub.GetVersion(asked).version, lambda one: one.state in SETTLED)  # noqa: B023
            assert (found.state == pb.VERSION_STATE_ERASED) == (version in client.erased)
            for tensor in found.tensors:
                with hub.objects.open(Area.SERVED, tensor.digest) as stream:
                    content = stream.read()
                assert content == b"tensor of " + version.encode()
                assert blake3(content).hexdigest() == tensor.digest
            assert bool(found.tensors) == (version not in client.erased)
        tips = refs_pb2.ListHistoryRequest(
            owner=client.name, name="voice", ref=client.pushed[-1], page=common_pb2.PageRequest(size=100)
        )
        led = [one.id for one in refs_of(hub, client.name).ListHistory(tips).versions]
        assert set(led) <= set(client.pushed), "nothing that nobody pushed"
        every = pb.ListVersionsRequest(owner=client.name, name="voice", page=common_pb2.PageRequest(size=100))
        assert [one.id for one in stub.ListVersions(every).versions] == client.pushed[::-1], "each once, in order"
        for fork in client.forked:
            assert stub.GetRepository(pb.GetRepositoryRequest(owner=client.name, name=fork)).repository.id
    assert unseen(hub, "voice") == unseen(hub, "nothing").replace("nothing", "voice")


def unseen(hub: Hub, name: str) -> str:
    """What somebody else is told of a private voice."""
    with pytest.raises(grpc.RpcError) as caught:
        hub.stub("eve").GetVersion(pb.GetVersionRequest(owner=PRIVATE, name=name))
    error = from_rpc(caught.value)
    return repr((error.code, error.message, error.hint, error.reason, error.fields))


def verify(hub: Hub, seed: int, steps: int, kills: int) -> None:
    clients = history_with_kills(hub, seed, steps, kills)
    check(hub, clients)
    assert any(client.erased for client in clients)
    database = Database(f"sqlite:///{hub.data / 'db' / 'catalog.sqlite'}")
    Collector(database, hub.objects, grace_seconds=0).collect()
    check(hub, clients)


def test_a_history_with_kills(own: Hub) -> None:
    verify(own, seed=11, steps=30, kills=3)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_long_histories_with_many_kills(own: Hub, seed: int) -> None:
    verify(own, seed=seed, steps=120, kills=10)
