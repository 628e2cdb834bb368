"""Who is served next: of the organisations that wait, the one whose claims are smallest for its weight.

Claims are GPU-seconds used, halved per half-life, plus what running jobs are expected to use (start-time fair
queueing with decay: an idle past earns at most what the half-life remembers). GPUs are the only resource a queue
divides, so this is its dominant share. Within an organisation: priority, then age.

A job that does not fit into what is free lets smaller ones pass, its own organisation's first, so that no GPU idles;
`patience` seconds after it was passed over for the first time what becomes free is kept for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from voicehub_operator.domain.ledger import Ledger, Reservation
from voicehub_operator.domain.waiting import Line, Waiting


@dataclass(frozen=True)
class Shares:
    """How a queue divides its GPUs.

    Attributes:
        quota: GPUs of the queue.
        organisation_quota: the most that one organisation holds at a time; 0 is the whole quota.
        quotas, weights: of single organisations, where they differ.
        half_life: seconds after which used GPU-seconds count half.
        patience: seconds for which a job that does not fit lets others pass, from the first that did.
    """

    quota: int
    organisation_quota: int = 0
    quotas: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    half_life: float = 3600.0
    patience: float = 60.0

    def most(self, organisation: str) -> int:
        """GPUs that an organisation may hold."""
        return min(self.quotas.get(organisation, self.organisation_quota or self.quota), self.quota)

    def weight(self, organisation: str) -> float:
        """Its weight; 1 unless it is said."""
        return self.weights.get(organisation, 1.0)


def choose(ledger: Ledger, line: Line, shares: Shares, now: float) -> list[Reservation]:
    """The reservations that can be made now, in order; together with the ledger's they never exceed the quota.

    The line keeps since when a job was passed over.
    """
    free = shares.quota - ledger.gpus
    if free <= 0 or not len(line):
        return []
    claims = ledger.claims(now, shares.half_life)
    held = {name: ledger.gpus_of(name) for name in line.organisations()}
    heads = {name: line.of(name) for name in line.organisations()}
    firsts = {name: _first(jobs, shares.most(name)) for name, jobs in heads.items()}
    chosen: list[Reservation] = []
    while free > 0:
        able = {name: one for name, one in firsts.items() if one and one.gpus + held[name] <= shares.most(name)}
        if not able:
            break
        name = min(able, key=lambda n: (claims.get(n, 0.0) / shares.weight(n), able[n].rank))
        one = able[name]
        if one.gpus > free:
            if now - line.passed_over(one.job, now) >= shares.patience:
                break
            firsts[name] = _first(heads[name], min(free, shares.most(name) - held[name]))
            continue
        chosen.append(_reservation(one, now))
        free -= one.gpus
        held[name] += one.gpus
        claims[name] = claims.get(name, 0.0) + one.gpus * ledger.mean_seconds
        firsts[name] = _first(heads[name], shares.most(name))
    return chosen


def _first(jobs: Iterator[Waiting], room: int) -> Waiting | None:
    """The next job that needs no more than `room`; larger ones are left behind, they have no place in this round."""
    return next((one for one in jobs if one.gpus <= room), None)


def _reservation(one: Waiting, now: float) -> Reservation:
    return Reservation(one.job, one.uid, one.attempt, one.organisation, one.gpus, now)
