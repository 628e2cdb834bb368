"""The bounds of a queue over a whole backlog, played without a cluster: GPUs are used, and all share."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from voicehub_operator.domain.fairness import Shares, choose
from voicehub_operator.domain.ledger import Ledger, Reservation
from voicehub_operator.domain.waiting import Line, waiting

ORGANISATIONS = [f"org-{number:02d}" for number in range(20)]
JOBS, QUOTA = 1000, 20 * 4
DELAY_SECONDS = 0.3
"""From the end of a Job to the next decision."""


@dataclass
class Play:
    """One backlog from its first job to its last.

    Attributes:
        most: GPUs that were ever held together.
        used: GPU-seconds held of those there were while work waited.
        shares: GPU-seconds by organisation until the first of them had nothing left that waited.
    """

    most: int = 0
    used: float = 0.0
    shares: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def played(rng: random.Random, sizes: tuple[int, ...], mean: dict[str, float]) -> Play:
    """All jobs wait from the beginning; they take half to one and a half times the mean of their organisation."""
    play, line, ledger = Play(), Line(), Ledger()
    seconds: dict[str, float] = {}
    for number in range(JOBS):
        name, owner = f"j{number}", ORGANISATIONS[number % len(ORGANISATIONS)]
        seconds[name] = mean.get(owner, 18.0) * rng.uniform(0.5, 1.5)
        line.put(waiting(name, name, 1, owner, rng.choice(sizes), 0, 1000.0 + number / 1e3, 1000.0))
    now, area, began = 1000.0, 0.0, 1000.0
    running: list[tuple[float, Reservation]] = []
    backlog = True
    while len(line):
        chosen = choose(ledger, line, Shares(quota=QUOTA), now)
        for one in chosen:
            line.remove(one.job)
            heapq.heappush(running, (now + seconds[one.job], one))
        ledger = ledger.reserve(chosen)
        play.most = max(play.most, ledger.gpus)
        if backlog and len(line.organisations()) < len(ORGANISATIONS):
            backlog = False
            for one in ledger.reservations.values():
                play.shares[one.organisation] += one.gpus * (now - one.since)
        end = running[0][0] + DELAY_SECONDS
        over: list[Reservation] = []
        while running and running[0][0] <= end:
            ended, one = heapq.heappop(running)
            over.append(one)
            area += one.gpus * (ended - one.since)
            if backlog:
                play.shares[one.organisation] += one.gpus * (ended - one.since)
        now, last = end, now
        ledger = ledger.release([one.job for one in over], now, 3600.0)
    area += sum(one.gpus * max(last - one.since, 0.0) for _, one in running)
    play.used = area / (QUOTA * (last - began))
    return play


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", [(1, 2), (1, 1, 2, 4)])
def test_a_thousand_jobs_of_twenty_organisations_keep_the_bounds(seed: int, sizes: tuple[int, ...]) -> None:
    play = played(random.Random(seed), sizes, {})
    assert play.most == QUOTA
    assert play.used >= 0.95
    average = sum(play.shares.values()) / len(ORGANISATIONS)
    assert all(abs(value / average - 1) <= 0.10 for value in play.shares.values()), dict(play.shares)


def test_long_jobs_do_not_earn_a_larger_share() -> None:
    play = played(random.Random(9), (1, 2), {"org-00": 36.0, "org-01": 9.0})
    average = sum(play.shares.values()) / len(ORGANISATIONS)
    assert play.shares["org-00"] / average < 1.10
