"""Prometheus metrics that every service has; `services.common.probes` tells them.

Names and units follow the Prometheus conventions; those of gRPC are the ones that go-grpc-prometheus made common
(`grpc_server_handled_total`). docs/observability holds a dashboard and alerts over them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SLOW = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Buckets of calls and of handlers, seconds: an export of a large voice takes minutes."""

CALLS = Counter("grpc_server_handled", "Calls answered, by status code", ["grpc_service", "grpc_method", "grpc_code"])
CALL_SECONDS = Histogram(
    "grpc_server_handling_seconds", "Time until a call was answered", ["grpc_service", "grpc_method"], buckets=QUICK
)
HANDLED = Counter("voicehub_events_handled", "Events that had their effect", ["subscription", "topic"])
FAILED = Counter("voicehub_events_failed", "Attempts to handle an event that failed", ["subscription", "topic"])
PARKED = Counter("voicehub_events_dead_lettered", "Events parked after their last attempt", ["subscription", "topic"])
HANDLING_SECONDS = Histogram(
    "voicehub_event_handling_seconds",
    "Time to handle an event, retries included",
    ["subscription", "topic"],
    buckets=SLOW,
)
LAG = Gauge("voicehub_consumer_lag_events", "Events that a subscription has not handled yet", ["subscription", "topic"])
DEAD_LETTERS = Gauge("voicehub_dead_letters", "Events that are parked now", ["subscription"])
PUBLISHED = Counter("voicehub_events_published", "Events acknowledged by the bus", ["topic", "type"])
PUBLISH_SECONDS = Histogram(
    "voicehub_relay_publish_seconds", "Time until the bus acknowledged a batch of the outbox", buckets=QUICK
)
PUBLISH_FAILURES = Counter("voicehub_relay_failures", "Batches of the outbox that could not be published")
OUTBOX = Gauge("voicehub_outbox_events", "Events that wait in the outbox")
OUTBOX_AGE = Gauge("voicehub_outbox_oldest_age_seconds", "Age of the oldest event in the outbox; 0 when it is empty")
REFUSED = Counter("voicehub_outbox_refusals", "Writes refused because too many events waited in the outbox")
WRITE_WAIT = Histogram(
    "voicehub_database_write_wait_seconds", "Time a write waited for the writers before it", buckets=QUICK
)
_FREE = Gauge("voicehub_data_folder_free_bytes", "Free space on the disk of the data folder")
_SIZE = Gauge("voicehub_data_folder_size_bytes", "Size of the disk of the data folder")


def count_from_zero(topic: str, types: Iterable[str]) -> None:
    """Tells these events (short names of their messages) before the first is published: a rate needs a beginning."""
    for kind in types:
        PUBLISHED.labels(topic, kind)


def watch_disk(data: Path) -> None:
    """Space on the disk of the data folder, looked up at each scrape."""
    _FREE.set_function(lambda: _space(data)[0])
    _SIZE.set_function(lambda: _space(data)[1])


def _space(data: Path) -> tuple[float, float]:
    found = os.statvfs(data)
    return float(found.f_bavail * found.f_frsize), float(found.f_blocks * found.f_frsize)
