"""A TrainingJob as the rules see it, and its status as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from voicehub_operator.domain.moments import seconds, text


class Phase(StrEnum):
    """Where a training stands."""

    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"
    BACKOFF = "Backoff"
    STOPPING = "Stopping"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more happens, except that it is removed after its time to live."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class Status:
    """What the operator knows of a training; written to its status, read back from there after a restart.

    Attributes:
        attempt: the one that runs or comes next, from 1.
        failures: attempts that failed by themselves; lost ones are not among them.
        job: the Job that was made for this attempt; empty before.
        since, queued, started, ended, retry: seconds of the epoch, 0 for not yet. `queued` is when the operator first
            saw it, `since` when it began to wait for GPUs.
    """

    phase: Phase | None = None
    reason: str = ""
    message: str = ""
    attempt: int = 1
    failures: int = 0
    lost: int = 0
    job: str = ""
    exit_code: int | None = None
    queued: float = 0.0
    since: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    retry: float = 0.0

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Status:
        """From the status of the resource."""
        phase = status.get("phase")
        return cls(
            phase=Phase(phase) if phase else None,
            reason=status.get("reason", ""),
            message=status.get("message", ""),
            attempt=status.get("attempt", 1),
            failures=status.get("failures", 0),
            lost=status.get("lost", 0),
            job=status.get("job", ""),
            exit_code=status.get("exitCode"),
            queued=seconds(status.get("queueTime")),
            since=seconds(status.get("waitingSince")),
            started=seconds(status.get("startTime")),
            ended=seconds(status.get("completionTime")),
            retry=seconds(status.get("retryTime")),
        )

    def as_json(self) -> dict[str, Any]:
        """For a merge patch: None removes what no longer holds."""
        times = {
            "queueTime": self.queued, "waitingSince": self.since, "startTime": self.started,
            "completionTime": self.ended, "retryTime": self.retry,
        }  # fmt: skip
        return {
            "phase": self.phase.value if self.phase else None,
            "reason": self.reason or None,
            "message": self.message or None,
            "attempt": self.attempt,
            "failures": self.failures,
            "lost": self.lost,
            "job": self.job or None,
            "exitCode": self.exit_code,
            **{name: text(moment) if moment else None for name, moment in times.items()},
        }


@dataclass(frozen=True)
class Training:
    """One TrainingJob. `version` is the resource version that the rest was read at."""

    name: str
    uid: str
    version: str
    generation: int
    created: float
    queue: str
    organisation: str
    gpus: int
    priority: int = 0
    paused: bool = False
    cancelled: bool = False
    retries: int = 3
    ttl: float | None = None
    deleting: bool = False
    status: Status = field(default_factory=Status)
    observed: int = 0

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Training:
        """From the resource; the schema has checked it and filled in its defaults."""
        meta, spec, status = resource["metadata"], resource["spec"], resource.get("status") or {}
        ttl = spec.get("ttlSecondsAfterFinished")
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            version=meta["resourceVersion"],
            generation=meta.get("generation", 1),
            created=seconds(meta["creationTimestamp"]),
            queue=spec["queue"],
            organisation=spec["organisation"],
            gpus=spec.get("gpus", 1),
            priority=spec.get("priority", 0),
            paused=spec.get("paused", False),
            cancelled=spec.get("cancelled", False),
            retries=spec.get("retries", 3),
            ttl=None if ttl is None else float(ttl),
            deleting="deletionTimestamp" in meta,
            status=Status.of(status),
            observed=status.get("observedGeneration", 0),
        )


@dataclass(frozen=True)
class Child:
    """The Job of an attempt.

    Attributes:
        owner: uid of the training that it belongs to.
        suspended, stopped: whether it shall stand still, and whether its controller says that it does.
        pods: pods that are active or ending.
        failing: it has failed, and pods of it are still ending.
        outcome: "", "Complete" or "Failed"; with `reason` of the Job's condition.
        exit_code: of its last pod; None when none is left to tell.
        words: the last ones of that pod.
        told: whether exit code and words were asked for.
    """

    name: str
    owner: str
    suspended: bool = False
    stopped: bool = False
    deleting: bool = False
    pods: int = 0
    ready: int = 0
    failing: bool = False
    outcome: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    words: str = ""
    told: bool = False

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Child:
        """From a Job."""
        meta, status = job["metadata"], job.get("status") or {}
        true = {c["type"]: c for c in status.get("conditions") or () if c["status"] == "True"}
        ended = [true[name] for name in ENDINGS if name in true]
        return cls(
            name=meta["name"],
            owner=next((o["uid"] for o in meta.get("ownerReferences") or () if o.get("controller")), ""),
            suspended=bool(job["spec"].get("suspend")),
            stopped="Suspended" in true,
            deleting="deletionTimestamp" in meta,
            pods=status.get("active", 0) + status.get("terminating", 0),
            ready=status.get("ready", 0),
            failing="FailureTarget" in true and not ended,
            outcome=ended[0]["type"] if ended else "",
            reason=ended[0].get("reason", "") if ended else "",
            message=ended[0].get("message", "") if ended else "",
        )

    @property
    def idle(self) -> bool:
        """It holds no GPU and will take none: it has ended, or stands still without pods."""
        return bool(self.outcome) or (self.suspended and self.stopped and self.pods == 0)


ENDINGS = ("Complete", "Failed")
