"""How much one visitor may ask for, and how many slow answers there may be at once.

The HTTP server has `THREADS` threads. Streams of each kind have a pool of their own (`Slots`) and are refused with 503
and Retry-After when it is full; the pools together leave threads that only quick requests use, so that slow readers
never block search.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Gauge

from services.common.errors import TooMany, Unavailable
from services.common.settings import number

THREADS = 192
EVENT_STREAMS = 16
DOWNLOADS = 20
UPLOADS = 8
CLIPS = 4
SYNTHESES = 128
PASSWORD_CHECKS = 4
WINDOW_SECONDS = 300
_ACTIVE = Gauge("voicehub_gateway_streams", "Slow answers under way", ["pool"])


class Slots:
    """A bounded number of things at once, half of them for one visitor; there is no waiting line.

    Whoever reads slowly keeps a slot; one visitor cannot keep all of them.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most, self.each = name, most, math.ceil(most / 2)
        self._held: Counter[str] = Counter()
        self._lock, self._gauge = threading.Lock(), _ACTIVE.labels(name)

    def take(self, visitor: str = "") -> None:
        """Takes a slot; Unavailable when all are taken, TooMany when the visitor has those that one may have."""
        with self._lock:
            if self._held.total() >= self._most:
                raise Unavailable(
                    f"All {self._name} of this hub are busy.", hint="Try again in a few seconds.", reason="POOL_FULL"
                )
            if visitor and self._held[visitor] >= self.each:
                hint = "Read to their end those that you have asked for, or close them."
                raise TooMany(f"{self.each} {self._name} of yours are under way.", hint=hint, reason="SHARE_TAKEN")
            self._held[visitor] += 1
        self._gauge.inc()

    def give(self, visitor: str = "") -> None:
        """Gives a slot back; ValueError for one that is not held."""
        with self._lock:
            if not self._held[visitor]:
                raise ValueError(f"{self._name} were released too many times")
            self._held[visitor] -= 1
            self._held += Counter()  # drops visitors who hold nothing
        self._gauge.dec()

    @contextmanager
    def one(self, visitor: str = "") -> Iterator[None]:
        """Takes a slot for the length of a block."""
        self.take(visitor)
        try:
            yield
        finally:
            self.give(visitor)


@dataclass(frozen=True)
class Policy:
    """Requests per five minutes."""

    name: str
    quota: int


class RateLimit:
    """Token buckets by visitor, in memory: the most recent `KEPT` visitors are remembered."""

    KEPT = 10_000

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, visitor: str, cost: float = 1.0) -> int:
        """Takes from the visitor's bucket and answers what is left; TooMany says when to come again."""
        quota, at = float(self.policy.quota), time.monotonic()
        with self._lock:
            left, since = self._buckets.pop(visitor, (quota, at))
            left = min(quota, left + (at - since) * quota / WINDOW_SECONDS)
            enough = left >= cost
            self._buckets[visitor] = (left - cost if enough else left, at)
            while len(self._buckets) > self.KEPT:
                self._buckets.popitem(last=False)
        if not enough:
            wait = math.ceil((cost - left) * WINDOW_SECONDS / quota)
            raise TooMany(
                f"More than {self.policy.quota} requests in five minutes.",
                hint=f"Wait {wait} seconds.",
                reason="RATE_LIMITED",
                retry_seconds=wait,
            )
        return int(left - cost)


@dataclass(frozen=True)
class Limits:
    """All limits of a gateway process."""

    api: RateLimit
    downloads: RateLimit
    passwords: RateLimit
    events: Slots
    served: Slots
    uploads: Slots
    clips: Slots
    syntheses: Slots
    checks: Slots


def load(environment: Mapping[str, str] | None = None) -> Limits:
    """The limits, quotas from `VOICEHUB_RATE_{API,DOWNLOADS,PASSWORDS}` (requests per five minutes and visitor)."""
    env = os.environ if environment is None else environment

    def quota(name: str, default: int) -> RateLimit:
        return RateLimit(Policy(name, max(number(env, f"VOICEHUB_RATE_{name.upper()}", default), 1)))

    return Limits(
        api=quota("api", 6_000),
        downloads=quota("downloads", 60_000),
        passwords=quota("passwords", 60),
        events=Slots("event streams", EVENT_STREAMS),
        served=Slots("downloads", DOWNLOADS),
        uploads=Slots("uploads", UPLOADS),
        clips=Slots("searches by sound", CLIPS),
        syntheses=Slots("syntheses", SYNTHESES),
        checks=Slots("password checks", PASSWORD_CHECKS),
    )
