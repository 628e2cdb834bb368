"""Figures of a run of the operator, from what watches of Jobs and trainings have shown."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.cluster.looking import Gpus


@dataclass
class Run:
    """What one backlog showed."""

    jobs: int
    seconds: float
    queued: list[float]
    freed: list[float]
    used: float
    fair: float
    most: int
    cpu: float
    requests: Counter[str]
    probe: list[float]

    @property
    def cost(self) -> float:
        """Processor seconds of the operator per job."""
        return self.cpu / self.jobs


def freed(gpus: Gpus, quota: int) -> list[float]:
    """Pairs each GPU that became free, once all were given out, with the next one that was given out."""
    free: list[float] = []
    waits: list[float] = []
    held: dict[str, int] = {}
    total = full = 0
    for moment, name, _, now in gpus.log:
        before = held.get(name, 0)
        held[name] = now
        total += now - before
        full |= total >= quota - 1
        if full and now < before:
            free += [moment] * (before - now)
        elif full and now > before:
            waits += [moment - free.pop(0) for _ in range(min(now - before, len(free)))]
    return waits


def used(gpus: Gpus, quota: int, last: float) -> float:
    """The mean share of the quota from when it was first full until the last job had its GPUs."""
    first = next((t for t, total in gpus.samples if total >= quota - 1), last)
    window = [(t, total) for t, total in gpus.samples if first <= t <= last]
    if len(window) < 2:
        return 0.0
    area = sum(total * (after - t) for (t, total), (after, _) in pairwise(window))
    return area / (quota * (window[-1][0] - window[0][0]))


def fair(gpus: Gpus) -> float:
    """The largest distance from the mean, while every organisation still has a job that waits."""
    starts: dict[str, float] = {}
    for moment, name, organisation, now in gpus.log:
        if now and gpus.first_seen[name] == moment:
            starts[organisation] = moment
    end, held = min(starts.values()), dict[str, tuple[str, int]]()
    mine: dict[str, float] = defaultdict(float)
    before = gpus.log[0][0]
    for moment, name, organisation, now in gpus.log:
        for owner, count in held.values():
            mine[owner] += count * max(min(moment, end) - before, 0.0)
        before, held[name] = min(moment, end), (organisation, now)
    mean = statistics.fmean(mine.values())
    return max(abs(value / mean - 1) for value in mine.values())


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
