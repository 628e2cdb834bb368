"""Jobs that wait for GPUs, by queue and organisation, in the order in which they are served."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Waiting:
    """A job that wants GPUs. Compares by rank: higher priority first, then older, then by name."""

    rank: tuple[int, float, str]
    job: str
    uid: str
    attempt: int
    organisation: str
    gpus: int
    since: float


def waiting(
    job: str, uid: str, attempt: int, organisation: str, gpus: int, priority: int, created: float, since: float
) -> Waiting:
    """A job in its place; `created` and `since` (when it began to wait) in seconds of the epoch."""
    return Waiting((-priority, created, job), job, uid, attempt, organisation, gpus, since)


class Line:
    """The line before one queue. Adding, removing and looking at the first of each organisation are cheap."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Waiting]] = {}
        self._by_job: dict[str, Waiting] = {}
        self._passed: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._by_job)

    def __contains__(self, job: str) -> bool:
        return job in self._by_job

    def put(self, one: Waiting) -> None:
        """Adds a job, or moves it to its new place."""
        if self._by_job.get(one.job) == one:
            return
        self.remove(one.job)
        self._by_job[one.job] = one
        insort(self._lines.setdefault(one.organisation, []), one)

    def remove(self, job: str) -> None:
        """Takes a job out; none if it is not there."""
        one = self._by_job.pop(job, None)
        if one is None:
            return
        self._passed.pop(job, None)
        line = self._lines[one.organisation]
        line.remove(one)
        if not line:
            del self._lines[one.organisation]

    def passed_over(self, job: str, now: float) -> float:
        """When others were let pass this job for the first time: `now`, if they never were."""
        return self._passed.setdefault(job, now)

    def organisations(self) -> list[str]:
        """Who waits."""
        return list(self._lines)

    def of(self, organisation: str) -> Iterator[Waiting]:
        """The jobs of an organisation, first served first."""
        yield from self._lines.get(organisation, ())

    def oldest(self) -> float | None:
        """Since when the one waits that waits longest; None if nobody does."""
        return min((one.since for one in self._by_job.values()), default=None)
