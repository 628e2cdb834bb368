"""BatchSyntheses: as many workers as the lag of their group deserves, and none when nothing waits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from kafka.errors import KafkaError

from voicehub_operator import metrics
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.moments import seconds, text
from voicehub_operator.domain.scaling import Need, Scale, scaled
from voicehub_operator.lag import Wanted
from voicehub_operator.lease import Lease
from voicehub_operator.manifests.batch import scaled_object, workers
from voicehub_operator.places import Places
from voicehub_operator.reach import REACH
from voicehub_operator.settings import Settings

log = logging.getLogger(__name__)
Lags = Callable[[Sequence[Wanted]], Awaitable[Mapping[Wanted, int]]]
Resource = Mapping[str, Any]
MANAGER = "voicehub-operator"


class Batches:
    """Looks at all of them every few seconds; Kafka tells nobody that a lag has changed."""

    def __init__(self, api: Api, places: Places, lease: Lease, settings: Settings, lags: Lags) -> None:
        self._api, self._places, self._lease, self._settings, self._lags = api, places, lease, settings, lags
        self._batches: dict[str, Resource] = {}
        self._unscaled: dict[str, tuple[str, int]] = {}
        """Uid and generation of those of which it is known that KEDA does not scale them."""
        self._news = asyncio.Event()

    def see(self, resource: Resource, *, gone: bool = False) -> None:
        """A BatchSynthesis was seen."""
        name = resource["metadata"]["name"]
        if gone:
            self._batches.pop(name, None)
            self._unscaled.pop(name, None)
        else:
            self._batches[name] = resource

    def wake(self) -> None:
        """Something has changed."""
        self._news.set()

    async def run(self) -> None:
        """Scales, forever, while the lease is held."""
        while True:
            try:
                if self._lease.held and self._batches:
                    await self._pass()
            except (*REACH, KafkaError) as error:
                metrics.ERRORS.labels("batch").inc()
                log.warning("batches: %s", error)
            await asyncio.sleep(self._settings.lag_seconds)

    async def _pass(self) -> None:
        batches = list(self._batches.values())
        lags = await self._lags([(b["spec"]["group"], b["spec"]["topic"]) for b in batches])
        for batch in batches:
            begin = time.perf_counter()
            try:
                await self._do(batch, lags[batch["spec"]["group"], batch["spec"]["topic"]])
            except REACH as error:  # of one: the others are scaled nevertheless
                metrics.ERRORS.labels("batch").inc()
                log.warning("batch %s: %s", batch["metadata"]["name"], error)
            metrics.RECONCILE.labels("BatchSynthesis").observe(time.perf_counter() - begin)

    async def _do(self, batch: Resource, lag: int) -> None:
        name, spec, status = batch["metadata"]["name"], batch["spec"], batch.get("status") or {}
        current = Need(status.get("workers", 0), seconds(status.get("idleSince")) or None)
        scale = Scale(spec["minWorkers"], spec["maxWorkers"], spec["lagPerWorker"], float(spec["cooldownSeconds"]))
        need = scaled(current, lag, scale, time.time())
        keda = spec["scaler"] == "KEDA"
        try:
            if not keda:
                await self._unscale(batch)
            there = await self._apply("deployments", workers(batch, None if keda else need.workers))
            if keda:
                await self._apply("scaledobjects", scaled_object(batch, self._settings.kafka))
                need = Need(there["spec"].get("replicas", 0))
        except ApiError as error:
            if error.final:
                await self._say(batch, lag, current, status.get("ready", 0), refusal=error.message)
            raise
        metrics.LAG.labels(name).set(lag)
        metrics.WORKERS.labels(name).set(need.workers)
        await self._say(batch, lag, need, there.get("status", {}).get("readyReplicas", 0))

    async def _unscale(self, batch: Resource) -> None:
        """Removes its ScaledObject, if KEDA scaled it before: two would write the number of its workers."""
        meta = batch["metadata"]
        known = meta["uid"], meta.get("generation", 1)
        if self._unscaled.get(meta["name"]) == known:
            return
        path = self._places.of("scaledobjects", meta["name"])
        there = await self._there(path)
        owners = there["metadata"].get("ownerReferences", ()) if there else ()
        if there and any(one["uid"] == meta["uid"] for one in owners):
            await self._api.delete(path, there["metadata"]["uid"])
        self._unscaled[meta["name"]] = known

    async def _there(self, path: str) -> Resource | None:
        """The resource of a path; None if there is none, or no such kind."""
        try:
            return await self._api.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _apply(self, plural: str, manifest: Resource) -> dict[str, Any]:
        """Server-side apply: what is already so is no write."""
        return await self._api.apply(self._places.of(plural, manifest["metadata"]["name"]), manifest, MANAGER)

    async def _say(self, batch: Resource, lag: int, need: Need, ready: int, refusal: str = "") -> None:
        meta, former = batch["metadata"], batch.get("status") or {}
        state = str(ready >= need.workers and not refusal)
        known = next((c for c in former.get("conditions", ()) if c["type"] == "Ready" and c["status"] == state), None)
        condition = {
            "type": "Ready", "status": state, "message": refusal[:512],
            "reason": "Refused" if refusal else "Scaled" if state == "True" else "Starting",
            "observedGeneration": meta.get("generation", 1),
            "lastTransitionTime": known["lastTransitionTime"] if known else text(time.time()),
        }  # fmt: skip
        status = {
            "observedGeneration": meta.get("generation", 1), "lag": lag, "workers": need.workers, "ready": ready,
            "idleSince": text(need.idle_since) if need.idle_since else None, "conditions": [condition],
        }  # fmt: skip
        if {k: v for k, v in status.items() if v is not None} == former:
            return
        path = self._places.of("batchsyntheses", meta["name"], "status")
        try:
            self.see(await self._api.patch(path, {"status": status}, meta["resourceVersion"]))
        except ApiError as error:
            if error.status == 404:  # removed while it was worked on, and seen once more since
                self._batches.pop(meta["name"], None)
            elif not error.conflict:
                raise
