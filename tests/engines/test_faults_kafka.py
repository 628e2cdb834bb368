"""Brokers that die, and answers that get lost: what acks=all, two in-sync replicas and idempotence are for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import kafka as client
import pytest

from services.common.events import EventBus, make_event, open_bus
from services.common.events import kafka as adapter
from services.common.ids import new_id
from services.stubs.voicehub.scanner.v1.scanner_pb2 import BehaviourTestCompleted
from tests.engines.checker import Traffic, audit
from tests.engines.kafka import Kafka, KafkaCluster, Node
from tests.engines.ports import LOOPBACK, free_ports
from tests.engines.proxy import ForgetfulProxy
from tests.engines.test_faults import wait

BEFORE, AFTER = 30, 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.mark.parametrize("number", [0, 2])
def test_one_of_three_brokers_killed_stops_nothing(
    number: int,
    cluster: KafkaCluster,
    database_url: str,
    objects_url: str,
    record_property: Callable[[str, object], None],
) -> None:
    traffic = Traffic(database_url, f"{cluster.url}-{new_id()}?partitions=3", objects_url)
    with traffic.flowing():
        wait(traffic, BEFORE, BEFORE)
        cluster.brokers[number].kill()
        begin = time.monotonic()
        seen = len(traffic.handled())
        while len(traffic.handled()) <= seen + BEFORE // 3:  # events flow on with two of three
            assert time.monotonic() - begin < 90, "no event is handled with one broker of three away"
            time.sleep(0.2)
        record_property("recovery_seconds", round(time.monotonic() - begin, 1))
        cluster.brokers[number].start()
        wait(traffic, len(traffic.acknowledged.writes) + AFTER, BEFORE)
    assert audit(traffic.database, traffic.store, traffic.acknowledged) == []


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgetfulProxy]:
    """A broker that clients only know through a proxy, which is at `proxied.port`."""
    port = free_ports(1)[0]
    node = Node(seen_at=port)
    with (
        Kafka(tmp_path_factory.mktemp("proxied"), node),
        ForgetfulProxy(port, node.port) as proxy,
    ):
        yield proxy


def test_an_answer_that_is_lost_doubles_no_event(proxied: ForgetfulProxy) -> None:
    assert _copies_when_an_answer_is_lost(proxied) == 1


def test_the_checker_sees_what_disabled_idempotence_doubles(
    proxied: ForgetfulProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = partial(client.KafkaProducer, retries=5)
    monkeypatch.setattr(adapter, "KafkaProducer", lambda **given: careless(**{**given, "enable_idempotence": False}))
    assert _copies_when_an_answer_is_lost(proxied) == 2


def _copies_when_an_answer_is_lost(proxied: ForgetfulProxy) -> int:
    """How often the event is in the log whose acknowledgement was lost on its way."""
    bus = open_bus(f"kafka://{LOOPBACK}:{proxied.port}/test-{new_id()}?partitions=1")
    first, second = (make_event("scans", "one", BehaviourTestCompleted(version_id="one"), "test") for _ in range(2))
    bus.publish([first])  # connected, and known to the broker
    before = proxied.lost
    proxied.lose(1)
    bus.publish([second])
    assert proxied.lost == before + 1
    copies = published(bus, "scans")
    assert copies[first.id] == 1
    bus.close()
    return copies[second.id]


def published(bus: EventBus, topic: str) -> Counter[str]:
    """How often each event is in the log."""
    member = bus.consumer(f"counter-{new_id()}", [topic])
    found: Counter[str] = Counter()
    deadline = time.monotonic() + 30
    while not found and time.monotonic() < deadline:
        while batch := member.poll(limit=500, timeout=2):
            found.update(delivery.event.id for delivery in batch)
    member.close()
    return found
