"""A full disk below each engine, and below the embedded hub: what was acknowledged stays, what comes is refused, and
when there is room again everything goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from services.common.ids import new_id
from tests.engines.checker import Traffic, audit
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.server import Server
from tests.engines.small_disk import SmallDisk, small_disk
from tests.engines.test_faults import until, wait

BEFORE, AFTER = 20, 20
REFUSED = 3
MEGABYTES: Mapping[type[Server], int] = {PostgreSQL: 160, Kafka: 64, SeaweedFS: 96}
STUCK_SECONDS = 60.0
"""Longer than the relay gives a broker for one delivery."""


class Operator:
    """Starts a server that gave up (some end a while after the disk was full), and restarts a Kafka that runs on and
    takes nothing: a page of its index that had no room beneath it leaves the partition refusing every append."""

    def __init__(self, server: Server, traffic: Traffic) -> None:
        self._server, self._traffic = server, traffic
        self._taken, self._since = self._events(), time.monotonic()

    def tend(self) -> bool:
        """Looks once; true, so that it can stand in a condition."""
        taken = self._events()
        if self._server.pid and taken <= self._taken:
            if time.monotonic() - self._since <= STUCK_SECONDS:
                return True
            self._server.kill()
        if not self._server.pid:
            self._server.start()
        self._taken, self._since = max(taken, self._taken), time.monotonic()
        return True

    def _events(self) -> int:
        """How many of the writers' events have reached the bus, at least: what is written in between waits."""
        written = len(self._traffic.acknowledged.writes)
        return written - self._traffic.waiting()


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", request.param) as made:
        yield made


@pytest.mark.parametrize("disk", [24], indirect=True)
def test_the_embedded_hub_on_a_full_disk(disk: SmallDisk) -> None:
    place = disk.folder
    traffic = Traffic(f"sqlite:///{place}/test.sqlite", f"sqlite:///{place}/events.sqlite", f"file://{place}/objects")
    with traffic.flowing():
        wait(traffic, BEFORE, BEFORE)
        disk.fill()
        until(lambda: sum(traffic.failures.values()) >= REFUSED)
        disk.free()
        wait(traffic, len(traffic.acknowledged.writes) + AFTER, len(traffic.acknowledged.objects) + AFTER)
    assert audit(traffic.database, traffic.store, traffic.acknowledged) == []


@pytest.mark.parametrize(
    ("engine", "disk"), MEGABYTES.items(), ids=[engine.name for engine in MEGABYTES], indirect=["disk"]
)
def test_an_engine_on_a_full_disk(
    engine: type[Server], disk: SmallDisk, urls: Callable[[Server], tuple[str, str, str]]
) -> None:
    with engine(disk.folder) as server:
        traffic = Traffic(*urls(server))
        with traffic.flowing():
            wait(traffic, BEFORE, BEFORE)
            disk.fill()
            until(lambda: sum(traffic.failures.values()) >= REFUSED or not server.pid or traffic.waiting() > BEFORE)
            disk.free()
            writes, objects = len(traffic.acknowledged.writes) + AFTER, len(traffic.acknowledged.objects) + AFTER
            operator = Operator(server, traffic)
            until(lambda: operator.tend() and _reached(traffic, writes, objects) and traffic.waiting() < BEFORE)
        assert audit(traffic.database, traffic.store, traffic.acknowledged) == []


def _reached(traffic: Traffic, writes: int, objects: int) -> bool:
    return len(traffic.acknowledged.writes) >= writes and len(traffic.acknowledged.objects) >= objects


@pytest.fixture
def urls(database_url: str, events_url: str, objects_url: str) -> Callable[[Server], tuple[str, str, str]]:
    """Database, events and objects, with this server instead of the shared one of its kind."""

    def choose(server: Server) -> tuple[str, str, str]:
        if isinstance(server, PostgreSQL):
            return make_url(server.admin_url).render_as_string(hide_password=False), events_url, objects_url
        if isinstance(server, Kafka):
            return database_url, f"{server.url}-{new_id()}?partitions=2", objects_url
        return database_url, events_url, server.url

    return choose
