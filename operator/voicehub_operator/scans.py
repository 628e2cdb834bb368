"""ScanJobs: each becomes one Job behind a wall, once; its end goes to the ScanJob's status."""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Mapping
from typing import Any

from voicehub_operator import metrics
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.moments import seconds, text
from voicehub_operator.domain.names import KIND_LABEL
from voicehub_operator.domain.training import Child
from voicehub_operator.lease import Lease
from voicehub_operator.manifests.scan import scan_job
from voicehub_operator.places import Places
from voicehub_operator.reach import REACH
from voicehub_operator.settings import Settings

log = logging.getLogger(__name__)
IDLE_SECONDS = 1.0
Resource = Mapping[str, Any]


class Scans:
    """Scans by name, their Jobs, and who has changed."""

    def __init__(self, api: Api, places: Places, lease: Lease, settings: Settings) -> None:
        self._api, self._places, self._lease, self._settings = api, places, lease, settings
        self._scans: dict[str, Resource] = {}
        self._jobs: dict[str, Child] = {}
        self._dirty: set[str] = set()
        self._timers: list[tuple[float, str]] = []
        self._listed = 0.0
        self._news = asyncio.Event()

    def see(self, resource: Resource, *, gone: bool = False) -> None:
        """A ScanJob was seen."""
        name = resource["metadata"]["name"]
        if gone:
            self._scans.pop(name, None)
        else:
            self._scans[name] = resource
            self._dirty.add(name)

    def see_job(self, resource: Resource, *, gone: bool = False) -> None:
        """The Job of a scan was seen."""
        name = resource["metadata"]["name"]
        if gone:
            self._jobs.pop(name, None)
        else:
            self._jobs[name] = Child.of(resource)
        self._dirty.add(name)

    def wake(self) -> None:
        """Something has changed."""
        self._news.set()

    async def run(self) -> None:
        """Works, forever, while the lease is held."""
        while True:
            try:
                await self._pass()
            except REACH as error:
                metrics.ERRORS.labels("scan").inc()
                log.warning("scans: %s", error)
                self._listed = 0.0
            try:
                await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
            except TimeoutError:
                continue
            self._news.clear()

    async def _pass(self) -> None:
        if not self._lease.held:
            self._listed = 0.0
            return
        if not self._listed or time.monotonic() - self._listed > self._settings.resync_seconds:
            await self._list()
        while self._timers and self._timers[0][0] <= time.time():
            self._dirty.add(heapq.heappop(self._timers)[1])
        names, self._dirty = self._dirty & set(self._scans), set()
        await asyncio.gather(*(self._do(self._scans[name]) for name in names))

    async def _list(self) -> None:
        scans = await self._api.items(self._places.of("scanjobs"))
        jobs = await self._api.items(self._places.of("jobs"), labelSelector=f"{KIND_LABEL}=scan")
        self._scans, self._jobs = {}, {}
        for resource in jobs:
            self.see_job(resource)
        for resource in scans:
            self.see(resource)
        self._listed = time.monotonic()

    async def _do(self, scan: Resource) -> None:
        begin, name, status = time.perf_counter(), scan["metadata"]["name"], scan.get("status") or {}
        if status.get("completionTime"):
            await self._remove_in_time(scan, seconds(status["completionTime"]))
            return
        child = self._jobs.get(name)
        if child and child.owner != scan["metadata"]["uid"]:
            self._again(name)  # of a former scan of the name, which is being removed
        elif not (self._settings.scan_image and self._settings.scan_claim):
            await self._say(scan, "Failed", "NotConfigured", "the operator was told no image and volume for scans")
        elif child is None and status.get("job"):
            await self._say(scan, "Failed", "JobDeleted", "its Job was removed before it ended")
        elif child is None:
            await self._begin(scan)
        elif child.outcome:
            done = child.outcome == "Complete"
            await self._say(scan, "Succeeded" if done else "Failed", child.reason or child.outcome, child.message)
        metrics.RECONCILE.labels("ScanJob").observe(time.perf_counter() - begin)

    async def _begin(self, scan: Resource) -> None:
        settings = self._settings
        manifest = scan_job(scan, settings.scan_image, settings.scan_claim, settings.scan_runtime_class)
        try:
            self.see_job(await self._api.create(self._places.of("jobs"), manifest))
        except ApiError as error:
            if error.final:
                await self._say(scan, "Failed", "JobRefused", error.message)
                return
            if not error.conflict:
                raise
            self._again(scan["metadata"]["name"])
        await self._say(scan, "Running", "Started", "")

    async def _say(self, scan: Resource, phase: str, reason: str, message: str) -> None:
        now, meta, ended = time.time(), scan["metadata"], phase != "Running"
        generation = meta.get("generation", 1)
        finished = {
            "type": "Finished", "status": str(ended), "reason": reason, "message": message[:1024],
            "observedGeneration": generation, "lastTransitionTime": text(now),
        }  # fmt: skip
        status = {
            "phase": phase, "reason": reason, "message": message[:1024], "job": meta["name"], "conditions": [finished],
            "observedGeneration": generation, "completionTime": text(now) if ended else None,
        }  # fmt: skip
        try:
            path = self._places.of("scanjobs", meta["name"], "status")
            self.see(await self._api.patch(path, {"status": status}, meta["resourceVersion"]))
        except ApiError as error:
            if not error.conflict and error.status != 404:
                raise  # else its watch brings what it is by now

    async def _remove_in_time(self, scan: Resource, ended: float) -> None:
        due = ended + scan["spec"].get("ttlSecondsAfterFinished", 600)
        if due <= time.time():
            await self._api.delete(self._places.of("scanjobs", scan["metadata"]["name"]), scan["metadata"]["uid"])
        else:
            heapq.heappush(self._timers, (due, scan["metadata"]["name"]))

    def _again(self, name: str) -> None:
        heapq.heappush(self._timers, (time.time() + IDLE_SECONDS, name))
