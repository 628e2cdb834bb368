"""The pods of a Job: what they ended with, and the removal of those that nobody else removes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from voicehub_operator.api import Api
from voicehub_operator.domain.moments import seconds
from voicehub_operator.places import Places

LOST_SECONDS = 5.0
"""So long after its time of grace a pod that is still there runs on a node that does not answer."""


class Pods:
    """Asks for pods by the name of their Job."""

    def __init__(self, api: Api, places: Places) -> None:
        self._api, self._places = api, places

    async def ended(self, job: str) -> tuple[int | None, str]:
        """Exit code and last words (the termination message) of the newest pod.

        No code if no pod is left, or if it was disrupted (evicted, preempted, its node lost).
        """
        pods = sorted(await self._of(job), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        return _ended(pods[-1]) if pods else (None, "")

    async def clear(self, job: str) -> None:
        """Removes at once those pods whose time of grace is long over."""
        for pod in await self._of(job):
            ending = pod["metadata"].get("deletionTimestamp")
            if ending and time.time() - seconds(ending) > LOST_SECONDS:
                await self._remove(pod, grace=0)

    async def gone(self, job: str) -> bool:
        """Whether no pod of a Job that was removed lives any more; those that nobody else removes are removed."""
        await self.clear(job)
        return all(pod.get("status", {}).get("phase") in ("Succeeded", "Failed") for pod in await self._of(job))

    async def _of(self, job: str) -> list[dict[str, Any]]:
        return await self._api.items(self._places.of("pods"), labelSelector=f"batch.kubernetes.io/job-name={job}")

    async def _remove(self, pod: Mapping[str, Any], grace: int | None = None) -> None:
        await self._api.delete(self._places.of("pods", pod["metadata"]["name"]), pod["metadata"]["uid"], grace)


def _ended(pod: Mapping[str, Any]) -> tuple[int | None, str]:
    status = pod.get("status", {})
    disrupted = any(c["type"] == "DisruptionTarget" and c["status"] == "True" for c in status.get("conditions") or ())
    states = [one["state"] for one in status.get("containerStatuses") or ()]
    ended = [state["terminated"] for state in states if "terminated" in state]
    return (None, "") if disrupted or not ended else (int(ended[0]["exitCode"]), str(ended[0].get("message", "")))
