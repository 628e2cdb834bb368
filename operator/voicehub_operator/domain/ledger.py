"""The ledger of a queue: who holds its GPUs, and what each organisation has used.

It lives in the queue's status and is only ever replaced under the resource version it was read at, so all admissions
to a queue are one serial history, whoever wrote them. GPUs are given out by writing them here first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

SMOOTHING = 0.2
"""Weight of the newest duration in the running mean."""
FIRST_GUESS = 60.0


@dataclass(frozen=True)
class Reservation:
    """GPUs held by one attempt of a job since `since` (seconds of the epoch)."""

    job: str
    uid: str
    attempt: int
    organisation: str
    gpus: int
    since: float


@dataclass(frozen=True)
class Ledger:
    """Reservations by job; GPU-seconds by organisation as of `time`, older ones counting half per half-life.

    Attributes:
        mean_seconds: running mean of how long an attempt holds its GPUs; what a new one is expected to take.
    """

    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    used: Mapping[str, float] = field(default_factory=dict)
    time: float = 0.0
    mean_seconds: float = FIRST_GUESS

    @property
    def gpus(self) -> int:
        """GPUs that are given out."""
        return sum(one.gpus for one in self.reservations.values())

    def gpus_of(self, organisation: str) -> int:
        """GPUs that an organisation holds."""
        return sum(one.gpus for one in self.reservations.values() if one.organisation == organisation)

    def reserve(self, reservations: Iterable[Reservation]) -> Ledger:
        """With these GPUs given out."""
        return replace(self, reservations={**self.reservations, **{one.job: one for one in reservations}})

    def release(self, jobs: Iterable[str], now: float, half_life: float) -> Ledger:
        """Without the reservations of these jobs; what they used is now their organisations'."""
        ended = [self.reservations[job] for job in jobs if job in self.reservations]
        if not ended:
            return self
        aged = self.at(now, half_life)
        used, mean = dict(aged.used), self.mean_seconds
        for one in ended:
            seconds = max(now - one.since, 0.0)
            used[one.organisation] = used.get(one.organisation, 0.0) + one.gpus * seconds
            mean += SMOOTHING * (seconds - mean)
        gone = {one.job for one in ended}
        kept = {job: one for job, one in self.reservations.items() if job not in gone}
        return replace(aged, reservations=kept, used=used, mean_seconds=mean)

    def at(self, now: float, half_life: float) -> Ledger:
        """The same ledger with its usage aged to `now`; what is less than a GPU-second is forgotten."""
        factor = 0.5 ** (max(now - self.time, 0.0) / half_life) if self.time else 1.0
        used = {name: value * factor for name, value in self.used.items() if value * factor >= 1.0}
        return replace(self, used=used, time=now)

    def claims(self, now: float, half_life: float) -> dict[str, float]:
        """GPU-seconds by organisation: used, and what is held now at the time it is expected to take."""
        claims = dict(self.at(now, half_life).used)
        for one in self.reservations.values():
            expected = max(now - one.since, self.mean_seconds)
            claims[one.organisation] = claims.get(one.organisation, 0.0) + one.gpus * expected
        return claims
