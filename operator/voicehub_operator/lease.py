"""Which replica acts: the holder of a Lease. Others keep their caches warm and wait.

Times are measured by this process alone: a holder stops to act before anybody else may take the lease, and a waiting
replica counts from when it saw the lease change, so that clocks need not agree. Should two act all the same (a process
that slept), ledgers and statuses are written under resource versions and Jobs have fixed names.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp

from voicehub_operator import metrics
from voicehub_operator.api import Api, ApiError

log = logging.getLogger(__name__)
NAME = "voicehub-operator"


class Lease:
    """Keeps asking for the lease until it is stopped; `held` says whether it may act now."""

    def __init__(self, api: Api, namespace: str, identity: str, seconds: float) -> None:
        self._api, self._identity, self._seconds = api, identity, seconds
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._until = 0.0
        self._seen: tuple[str, float] = ("", 0.0)
        self.changed = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether this replica may act; ends with a margin before another one may."""
        return time.monotonic() < self._until

    async def keep(self) -> None:
        """Takes and renews the lease, forever."""
        while True:
            before = self.held
            try:
                await self._try()
            except (ApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                metrics.ERRORS.labels("lease").inc()
                log.warning("lease: %s", error)
            metrics.LEADER.set(self.held)
            if self.held != before:
                log.info("%s", "this replica acts now" if self.held else "this replica waits now")
                self.changed.set()
            await asyncio.sleep(self._seconds / 5)

    async def give_back(self) -> None:
        """Lets another replica act at once."""
        if not self.held:
            return
        self._until = 0.0
        found = await self._api.get(f"{self._folder}/{NAME}")
        if found["spec"].get("holderIdentity") == self._identity:
            await self._api.patch(
                f"{self._folder}/{NAME}", {"spec": {"holderIdentity": ""}}, found["metadata"]["resourceVersion"]
            )

    async def _try(self) -> None:
        begin = time.monotonic()
        try:
            found = await self._api.get(f"{self._folder}/{NAME}")
        except ApiError as error:
            if error.status != 404:
                raise
            await self._api.create(self._folder, self._lease({}))
        else:
            if not self._may_take(found, begin):
                return
            await self._api.replace(f"{self._folder}/{NAME}", self._lease(found))
        self._until = begin + self._seconds * 0.8

    def _may_take(self, found: dict[str, Any], now: float) -> bool:
        holder, version = found["spec"].get("holderIdentity") or "", found["metadata"]["resourceVersion"]
        if holder in ("", self._identity):
            return True
        if version != self._seen[0]:
            self._seen = (version, now)
        return now - self._seen[1] > self._seconds

    def _lease(self, found: dict[str, Any]) -> dict[str, Any]:
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = found.get("spec", {})
        taken = {} if spec.get("holderIdentity") == self._identity else {
            "acquireTime": moment, "leaseTransitions": spec.get("leaseTransitions", 0) + 1,
        }  # fmt: skip
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": found.get("metadata", {"name": NAME, "namespace": self._namespace}),
            "spec": {
                **spec, **taken, "holderIdentity": self._identity, "renewTime": moment,
                "leaseDurationSeconds": max(int(self._seconds), 1),
            },
        }  # fmt: skip
