"""Walls in a cluster: each job becomes a ScanJob, and the operator makes one pod of it, without token and network."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from services.common.ids import new_id
from services.common.kubernetes import Kubernetes, KubernetesError
from services.scanner.sandbox import errand
from services.scanner.sandbox.channel import BadFrame, frames
from services.scanner.sandbox.job import MIB, Job, Outcome, SandboxUnavailable
from services.scanner.sandbox.port import Receive
from services.scanner.sandbox.runner import Counted, TooMuch

log = logging.getLogger(__name__)
INSIDE = Path("/scan")
LOOK_SECONDS = 0.2
START_SECONDS = 180.0
"""For the pod to begin, besides the job's own time."""
TRIES = 2
OVERHEAD = 512 * MIB
"""Of the pod, besides what the program may have."""


class ClusterSandbox:
    """The adapter for `kubernetes://…`. The volume is mounted here at `volume` and, folder by folder, in the pods."""

    has_outer_wall = True

    def __init__(self, api: Kubernetes, volume: Path) -> None:
        self._api, self._volume = api, volume

    def run(self, job: Job, receive: Receive) -> Outcome:
        """Runs the job to its end; a pod that was lost without a word is tried once more, then it crashed."""
        for _ in range(TRIES):
            name = f"scan-{new_id().lower()}"
            folder = self._volume / name
            folder.mkdir()
            try:
                errand.pack(job, folder, INSIDE)
                status = self._scan(job, name)
                said = errand.read_outcome(folder)
                if said is not None:
                    return self._outcome(job, folder, said, receive)
                if status.get("reason") == "DeadlineExceeded":
                    return _ended("timed-out", job)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            log.warning("scan ended without a word", extra={"scan": name, "status": status})
        return _ended("crashed", job)

    def _scan(self, job: Job, name: str) -> dict[str, Any]:
        """The status of the ended ScanJob."""
        manifest = {
            "apiVersion": "voicehub.dev/v1alpha1",
            "kind": "ScanJob",
            "metadata": {"name": name},
            "spec": {
                "folder": name,
                "program": job.program,
                "memoryMebibytes": (job.limits.memory + OVERHEAD) // MIB,
                "wallSeconds": int(job.limits.wall_seconds) + 60,
            },
        }
        try:
            made = self._api.create(manifest)
        except KubernetesError as error:
            raise SandboxUnavailable(f"the cluster takes no ScanJob: {error}") from error
        try:
            return self._await(name, time.monotonic() + job.limits.wall_seconds + START_SECONDS)
        finally:
            self._api.delete(name, made["metadata"]["uid"])

    def _await(self, name: str, deadline: float) -> dict[str, Any]:
        while time.monotonic() < deadline:
            found = self._api.get(name)
            if found is None:
                return {"reason": "Removed"}
            status: dict[str, Any] = found.get("status") or {}
            if status.get("reason") in ("NotConfigured", "JobRefused"):
                raise SandboxUnavailable(f"{status['reason']}: {status.get('message', '')}")
            if status.get("completionTime"):
                return status
            time.sleep(LOOK_SECONDS)
        return {"reason": "DeadlineExceeded"}

    def _outcome(self, job: Job, folder: Path, said: dict[str, Any], receive: Receive) -> Outcome:
        if "refused" in said:
            raise SandboxUnavailable(str(said["refused"]))
        try:
            with errand.open_result(folder, errand.FRAMES) as file:
                for frame in frames(Counted(file, job.limits.output)):  # type: ignore[arg-type]
                    receive(frame)
            return errand.outcome_of(said, {"outer": "pod"})
        except TooMuch:
            return _ended("too-much-output", job)
        except (BadFrame, ValueError, OSError):
            return _ended("crashed", job)


def _ended(status: str, job: Job) -> Outcome:
    return Outcome(status, None, None, (), job.limits.wall_seconds, {"outer": "pod"})
