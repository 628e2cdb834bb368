"""How many workers a lag deserves."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Bounds of a set of workers.

    Attributes:
        least, most: workers.
        lag_per_worker: messages that one worker is given to work off.
        cooldown: seconds without need before a worker is taken away.
    """

    least: int
    most: int
    lag_per_worker: int
    cooldown: float


@dataclass(frozen=True)
class Need:
    """The workers that run, and since when fewer would do (seconds of the epoch; None: they are all needed)."""

    workers: int
    idle_since: float | None = None


def scaled(current: Need, lag: int, scale: Scale, now: float) -> Need:
    """More at once, fewer only after the cooldown: a worker that was just started is not taken away in a pause."""
    wanted = min(max(math.ceil(lag / scale.lag_per_worker), scale.least), scale.most)
    if wanted >= current.workers:
        return Need(wanted)
    since = now if current.idle_since is None else current.idle_since
    return Need(wanted) if now - since >= scale.cooldown else Need(current.workers, since)
