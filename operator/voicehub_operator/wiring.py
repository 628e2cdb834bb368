"""Wires the operator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

import kopf
from prometheus_client import start_http_server

from voicehub_operator.api import Api
from voicehub_operator.batches import Batches
from voicehub_operator.handlers import configure, login, register
from voicehub_operator.lag import KafkaLags, Wanted
from voicehub_operator.lease import Lease
from voicehub_operator.places import Places
from voicehub_operator.reach import REACH
from voicehub_operator.scans import Scans
from voicehub_operator.scheduler import Scheduler
from voicehub_operator.settings import Settings
from voicehub_operator.world import World

log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT, which kopf listens to; then another replica may act at once."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port)
    made = configure(settings)
    api, places = Api(lambda: login(made), connections=settings.writers + 8), Places(settings.namespace)
    lease = Lease(api, settings.namespace, settings.identity, settings.lease_seconds)
    scheduler = Scheduler(api, places, World(), lease, settings)
    scans = Scans(api, places, lease, settings)
    batches = Batches(api, places, lease, settings, KafkaLags(settings.kafka) if settings.kafka else _no_lags)
    watching = kopf.operator(
        registry=register(scheduler, scans, batches, made), settings=made, standalone=True,
        namespaces=[settings.namespace],
        liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz" if settings.health_port else None,
    )  # fmt: skip
    loops = [asyncio.create_task(one) for one in (lease.keep(), scheduler.run(), scans.run(), batches.run(), watching)]
    try:
        await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)  # of a failure the pod starts anew
    finally:
        with contextlib.suppress(*REACH):
            await lease.give_back()
        for loop in loops:
            loop.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
        await api.close()
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _no_lags(wanted: Sequence[Wanted]) -> Mapping[Wanted, int]:
    return dict.fromkeys(wanted, 0)
