"""How long a handler may take: longer than its group waits for a silent member. For every adapter of the event bus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common import subscriptions
from services.common.database import Database
from services.common.events import Event, EventBus, kafka_member, make_event, open_bus, sqlite
from services.common.subscriptions import Subscriber, Subscription
from services.common.tables import metadata
from tests.contract.workers import TYPE, payload

PATIENCE = 60.0
EVENTS, CHANGES = 400, 4
KAFKA_SECONDS, SQLITE_SECONDS = 3.0, 1.0


@pytest.fixture
def term(events_url: str, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds after which the group gives the events of a silent member to another one; as short as may be."""
    monkeypatch.setattr(subscriptions, "KEEP_SECONDS", 0.3)
    monkeypatch.setattr(sqlite, "LEASE_SECONDS", SQLITE_SECONDS)
    monkeypatch.setattr(kafka_member, "SESSION_MS", 6000)
    monkeypatch.setattr(kafka_member, "BETWEEN_POLLS_MS", int(KAFKA_SECONDS * 1000))
    return KAFKA_SECONDS if events_url.startswith("kafka:") else SQLITE_SECONDS


@pytest.fixture
def bus(events_url: str) -> Iterator[EventBus]:
    opened = open_bus(events_url)
    yield opened
    opened.close()


class Slow:
    """Two members of a group, whose handler waits until it is called a second time, or for `seconds`."""

    def __init__(self, bus: EventBus, folder: Path, seconds: float) -> None:
        self._bus, self._seconds = bus, seconds
        self._database = Database(f"sqlite:///{folder}/service.sqlite")
        metadata.create_all(self._database.engine)
        self._again = threading.Event()
        self._done = threading.Event()
        self.calls: list[str] = []

    def run(self) -> list[str]:
        """Ids of the events with which the handler was called, once the first call has had its effect."""
        subscription = Subscription("slow", {("scans", TYPE): self._handle})
        members = [Subscriber(subscription, self._database, self._bus) for _ in range(2)]
        self._bus.publish([make_event("scans", "v", payload(1), "test")])
        for member in members:
            member.start()
        assert self._done.wait(PATIENCE)
        for member in members:
            member.stop()
        return self.calls

    def _handle(self, event: Event) -> None:
        self.calls.append(event.id)
        if len(self.calls) > 1:
            self._again.set()
            return
        self._again.wait(self._seconds)
        self._done.set()


def test_a_slow_handler_keeps_its_events(bus: EventBus, tmp_path: Path, term: float) -> None:
    assert len(Slow(bus, tmp_path, 3 * term).run()) == 1
    assert bus.lags()["slow", "scans"] == 0


def test_a_slow_handler_without_a_sign_of_life_loses_them(
    bus: EventBus, tmp_path: Path, term: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "KEEP_SECONDS", PATIENCE)
    first, second = Slow(bus, tmp_path, PATIENCE).run()
    assert first == second


def test_a_member_that_ends_leaves_its_events_to_the_others_at_once(
    bus: EventBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "KEEP_SECONDS", 0.3)
    monkeypatch.setattr(subscriptions, "LEAVE_SECONDS", 0.5)
    monkeypatch.setattr(sqlite, "LEASE_SECONDS", 5 * PATIENCE)
    monkeypatch.setattr(kafka_member, "SESSION_MS", int(1500 * PATIENCE))
    database = Database(f"sqlite:///{tmp_path}/service.sqlite")
    metadata.create_all(database.engine)
    began, again, effects = threading.Event(), threading.Event(), threading.Semaphore(0)

    def handle(_: Event) -> subscriptions.Effect:
        if not began.is_set():
            began.set()
            again.wait(PATIENCE)
        again.set()
        return lambda _: effects.release()

    members = [Subscriber(Subscription("g", {("scans", TYPE): handle}), database, bus) for _ in range(2)]
    bus.publish([make_event("scans", "v", payload(1), "test")])
    members[0].start()
    assert began.wait(PATIENCE)
    members[1].start()
    members[0].stop()
    assert again.wait(PATIENCE / 2)
    assert effects.acquire(timeout=PATIENCE)
    until(lambda: bus.lags().get(("g", "scans"), -1) == 0)
    members[1].stop()
    assert not effects.acquire(timeout=0.5), "the effect happened twice"


def test_a_member_learns_that_its_events_went_to_another(bus: EventBus, term: float) -> None:
    sent = make_event("scans", "v", payload(1), "test")
    bus.publish([sent])
    one, two = bus.consumer("g", ["scans"]), bus.consumer("g", ["scans"])
    assert [d.event for d in one.poll(limit=5, timeout=PATIENCE)] == [sent]
    deadline = time.monotonic() + PATIENCE
    while not (stolen := two.poll(limit=5, timeout=0.2)):
        assert time.monotonic() < deadline
    assert [d.event for d in stolen] == [sent]
    while one.keep():
        two.keep()
        assert time.monotonic() < deadline
    one.close()
    two.close()


def test_members_come_and_go_and_each_event_has_its_effect_once(bus: EventBus, tmp_path: Path, term: float) -> None:
    database = Database(f"sqlite:///{tmp_path}/service.sqlite")
    metadata.create_all(database.engine)
    effects: list[str] = []
    sent = [make_event("scans", f"{n % 7}", payload(n), "test") for n in range(EVENTS)]

    def handle(event: Event) -> subscriptions.Effect:
        time.sleep(0.002)
        return lambda _: effects.append(event.id)

    def member() -> Subscriber:
        return Subscriber(Subscription("moving", {("scans", TYPE): handle}), database, bus)

    first = member()
    first.start()
    for part in range(CHANGES):
        bus.publish(sent[part * EVENTS // CHANGES : (part + 1) * EVENTS // CHANGES])
        guest = member()
        guest.start()
        until(lambda part=part: len(effects) >= part * EVENTS // CHANGES + 10)  # type: ignore[misc]
        guest.stop()
    until(lambda: len(effects) >= EVENTS)
    first.stop()
    assert sorted(effects) == sorted(one.id for one in sent)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)
