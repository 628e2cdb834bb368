"""Several clients push, branch, fork, merge, erase and delete while the catalog is killed with -9 at random points, and
garbage collection too; then all adds up.

What was answered is there, once; nothing dangles; every version rebuilds to the byte, an erased one is a tombstone; and
others are told of private things to the byte what they are told without them.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from blake3 import blake3
from google.protobuf.message import Message
from sqlalchemy import select

from services.catalog.collaboration.tests.clients import PEOPLE, PRIVATE, Client, Told, Worker
from services.catalog.collaboration.tests.steps import forks_of, pulls_of, refs_of
from services.catalog.collaboration.tests.strangers import questions
from services.catalog.collecting import Collector
from services.catalog.store.tables import FileRow, SampleRow, TensorRow, UploadRow
from services.catalog.tests.conftest import Hub, opened
from services.catalog.transfer.tables import DeltaRow
from services.common.database import Database
from services.common.errors import from_rpc
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import refs_pb2
from services.stubs.voicehub.common.v1 import common_pb2

ROAD_OVER = (pb.VERSION_STATE_PUBLISHED, pb.VERSION_STATE_ERASED)
PAGE = 100
GARBAGE = (sys.executable, "-m", "services.catalog.collaboration.tests.garbage")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hub]:
    with opened(tmp_path) as hub:
        yield hub


def history_with_kills(hub: Hub, seed: int, steps: int, kills: int) -> list[Client]:
    """All clients at work, and catalog and garbage collection killed so many times meanwhile."""
    chance, told, failures = random.Random(seed), Told(), list[BaseException]()
    clients, killed, over = [Client(name, told, hub) for name in PEOPLE], threading.Event(), threading.Event()

    def work(call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(c.work, chance.randrange(1 << 30), steps, killed)) for c in clients]
    worker = threading.Thread(target=work, args=(Worker(hub, told).work, over))
    for thread in (worker, *threads):
        thread.start()
    for _ in range(kills):
        with subprocess.Popen([*GARBAGE, str(hub.data)]) as garbage:
            threads[0].join(chance.uniform(0.8, 2.5))  # at any point of their work
            hub.kill()
            garbage.kill()
        hub.start()
        hub.ready()
    killed.set()
    for thread in threads:
        thread.join()
    over.set()
    worker.join()
    assert not failures, failures
    return clients


def check(hub: Hub, clients: list[Client]) -> None:
    """All that must hold, before and after garbage was collected."""
    rebuilt: set[str] = set()
    for client in clients:
        for name, place in client.places.items():
            listed = _listed(hub, client, name)
            known = client.told.pushed | set(client.told.results)
            assert set(listed) <= known, "nothing that nobody made"
            for branch, pushed in place.pushed.items():
                assert [v for v in reversed(listed) if v in pushed] == pushed, "each once, in order"
                led = _history(hub, client, name, branch)
                assert set(pushed) - client.told.erased <= led, f"{name}@{branch} lost an update"
                if branch == "main":
                    merged = {head for repository, head in client.told.merged if repository == place.id}
                    assert merged - client.told.erased <= led, f"{name} lost a merge"
            for version in {*listed, *_history(hub, client, name, "main")} - rebuilt:
                _rebuilds(hub, client, name, version)
                rebuilt.add(version)


def _listed(hub: Hub, client: Client, name: str) -> list[str]:
    """Ids of all versions, newest first."""
    found: list[str] = []
    asked = pb.ListVersionsRequest(owner=client.name, name=name, page=common_pb2.PageRequest(size=PAGE))
    while not found or asked.page.cursor:
        answer = hub.stub(client.name).ListVersions(asked)
        found += [one.id for one in answer.versions]
        asked.page.cursor = answer.next_cursor
        if not answer.versions:
            break
    return found


def _history(hub: Hub, client: Client, name: str, branch: str) -> set[str]:
    """What led to the tip of a branch; nothing if it fell back to nothing, or was never made."""
    refs, found = refs_of(hub, client.name), set[str]()
    listed = refs.ListRefs(refs_pb2.ListRefsRequest(owner=client.name, name=name)).refs
    tips = [ref.tip or ref.version for ref in listed if ref.name == branch]
    if not any(tips):
        return found
    asked = refs_pb2.ListHistoryRequest(
        owner=client.name, name=name, ref=tips[0], page=common_pb2.PageRequest(size=PAGE)
    )
    while not found or asked.page.cursor:
        answer = refs.ListHistory(asked)
        found |= {one.id for one in answer.versions}
        asked.page.cursor = answer.next_cursor
    return found


def _rebuilds(hub: Hub, client: Client, name: str, version: str) -> None:
    asked = pb.GetVersionRequest(owner=client.name, name=name, ref=version)
    stub = hub.stub(client.name)
    found = hub.eventually(lambda: stub.GetVersion(asked).version, lambda one: one.state in ROAD_OVER)
    assert (found.state == pb.VERSION_STATE_ERASED) == (version in client.told.erased)
    assert bool(found.tensors) == (version not in client.told.erased)
    for tensor in found.tensors:
        with hub.objects.open(Area.SERVED, tensor.digest) as stream:
            content = stream.read()
        assert content == b"tensor of " + version.encode()
        assert blake3(content).hexdigest() == tensor.digest


def nothing_dangles(hub: Hub, database: Database) -> None:
    """Every object that a version lists is in the store, and every object in the store is listed by one."""
    with database.read() as session:
        uploads = set(session.scalars(select(UploadRow.digest)))
        served = {d for row in (TensorRow, FileRow, DeltaRow, SampleRow) for d in session.scalars(select(row.digest))}
    assert set(hub.objects.digests(Area.QUARANTINE)) == uploads
    assert set(hub.objects.digests(Area.SERVED)) == served


def public_only(hub: Hub, clients: list[Client]) -> None:
    """What a stranger is told, to the byte: with all that is private, and after its owner has deleted it."""
    (owner,) = (client for client in clients if client.name == PRIVATE)
    private = sorted(owner.places)
    assert private
    names = sorted({name for client in clients for name in client.places})
    with_it = hub.eventually(lambda: _seen(hub, names), lambda _: _is_indexed(hub, clients))
    for name in private:
        owner.delete(name)
    hub.eventually(lambda: _seen(hub, names), lambda without: without == with_it)


def _seen(hub: Hub, names: list[str]) -> list[bytes]:
    """Every answer to somebody without any role, as it goes over the wire."""
    stubs = {
        "catalog": hub.stub("eve"), "refs": refs_of(hub, "eve"), "forks": forks_of(hub, "eve"),
        "pulls": pulls_of(hub, "eve"),
    }  # fmt: skip
    return [_answer(getattr(stubs[service], method), asked) for service, method, asked in questions(PEOPLE, names)]


def _answer(call: Callable[[Any], Message], request: Message) -> bytes:
    try:
        return call(request).SerializeToString(deterministic=True)
    except grpc.RpcError as caught:
        error = from_rpc(caught)
        return repr((error.code, error.message, error.hint, error.reason, error.fields)).encode()


def _is_indexed(hub: Hub, clients: list[Client]) -> bool:
    """Whether the search shows what the repositories have now."""
    public = [(client.name, name) for client in clients if client.name != PRIVATE for name in client.places]
    heads = {
        found.id: found.head
        for owner, name in public
        for found in [hub.stub("eve").GetRepository(pb.GetRepositoryRequest(owner=owner, name=name)).repository]
        if found.head
    }
    hits = hub.stub("eve").SearchVoices(pb.SearchVoicesRequest(query="demo", forks=True)).hits
    return {hit.repository.id: hit.version for hit in hits} == heads


def verify(hub: Hub, seed: int, steps: int, kills: int) -> Told:
    clients = history_with_kills(hub, seed, steps, kills)
    check(hub, clients)
    database = Database(f"sqlite:///{hub.data / 'db' / 'catalog.sqlite'}")
    Collector(database, hub.objects, grace_seconds=0).collect()
    check(hub, clients)
    nothing_dangles(hub, database)
    public_only(hub, clients)
    return clients[0].told


def test_a_history_with_kills(own: Hub) -> None:
    told = verify(own, seed=11, steps=30, kills=3)
    assert told.erased
    assert told.merged
    assert told.deleted


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_long_histories_with_many_kills(own: Hub, seed: int) -> None:
    verify(own, seed=seed, steps=120, kills=10)
