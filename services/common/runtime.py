"""The life of a service process: keys, database, relay, subscriptions, gRPC server, until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from services.common import metrics, migrations, rpc, tls
from services.common.database import Database
from services.common.events import EventBus, open_bus
from services.common.identity import Signer, Verifier, ensure_keys
from services.common.objects import ObjectStore, open_store
from services.common.outbox import Relay
from services.common.probes import asks_itself, serve_probes
from services.common.readiness import Check, Readiness, engine_checks
from services.common.sampler import Sampler
from services.common.settings import Settings
from services.common.subscriptions import Subscriber, Subscription
from services.common.telemetry import configure_logging
from services.common.tracing import configure_tracing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class House:
    """What `bootstrap.py` of a service is given to wire its parts from."""

    settings: Settings
    database: Database
    bus: EventBus
    objects: ObjectStore
    signer: Signer
    verifier: Verifier

    def channel(self, service: str) -> grpc.Channel:
        """A channel on which this service speaks for itself."""
        return rpc.make_channel(self.settings.address(service), self.signer.own, self.settings.tls)


@dataclass(frozen=True)
class Parts:
    """What a service consists of, as its bootstrap wired it.

    Attributes:
        register: adds its servicers to the gRPC server.
        names: full names of its gRPC services.
        subscriptions: what it listens to.
        start: further threads or processes to start once the service serves.
        stop: the opposite of `start`.
        workers: threads that serve gRPC calls.
        needed: engines of its own without which it can answer nothing, beside database and objects.
    """

    register: Callable[[grpc.Server], None]
    names: Sequence[str]
    subscriptions: Sequence[Subscription] = ()
    start: Callable[[], None] = field(default=lambda: None)
    stop: Callable[[], None] = field(default=lambda: None)
    workers: int = rpc.WORKERS
    needed: Mapping[str, Check] = field(default_factory=dict)


def open_house(settings: Settings, migration_scripts: Path) -> House:
    """Opens all engines of a service and brings its schema forward."""
    ensure_keys(settings.keys, settings.service)
    database = Database(settings.database_url)
    migrations.upgrade(database, migration_scripts)
    return House(
        settings=settings,
        database=database,
        bus=open_bus(settings.events_url),
        objects=open_store(settings.objects_url),
        signer=Signer(settings.keys, settings.service),
        verifier=Verifier(settings.keys),
    )


def run(settings: Settings, migration_scripts: Path, bootstrap: Callable[[House], Parts]) -> int:
    """Serves until SIGTERM or SIGINT, or until the parent process is gone; answers the exit code."""
    configure_logging(settings.service, settings.log_level)
    configure_tracing(settings.service)
    house = open_house(settings, migration_scripts)
    parts = bootstrap(house)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    address = settings.address(settings.service)
    bound = settings.outbox_bound
    server = rpc.make_server(address, house.verifier, parts.register, parts.names, bound, parts.workers, settings.tls)
    readiness = Readiness({**engine_checks(house.database, house.objects), **parts.needed})
    subscribers = [Subscriber(one, house.database, house.bus) for one in parts.subscriptions]
    runners: list[Relay | Sampler | Readiness] = [
        readiness,
        Relay(house.database, house.bus),
        Sampler(house.database, house.bus, [s.name for s in parts.subscriptions]),
    ]
    for runner in (*runners, *subscribers):
        runner.start()
    parts.start()
    metrics.watch_disk(settings.data)
    told = serve_probes(settings.metrics_address, asks_itself(address, settings.tls), readiness)
    if settings.tls:
        tls.leave_when_renewed(settings.tls)
    log.info("serving", extra={"address": address, "metrics": told})
    parent = os.getppid()
    while not done.wait(1.0):
        if os.getppid() != parent:  # the launcher died without a word: do not live on as an orphan
            break
    server.stop(grace=5).wait()
    parts.stop()
    _stop_all(subscribers)
    for runner in reversed(runners):
        runner.stop()
    return 0


def _stop_all(subscribers: Sequence[Subscriber]) -> None:
    """At the same time: each waits for its poll or its handler."""
    with ThreadPoolExecutor(len(subscribers) or 1) as pool:
        list(pool.map(Subscriber.stop, subscribers))
