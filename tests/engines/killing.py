"""kill -9 of a part of the hub, again and again, each chosen at random and waited for until it serves again."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.common.settings import SERVICES
from services.launcher.health import grpc_serves, http_serves
from tests.e2e.house import House
from tests.engines.server import Server

AWAY_SECONDS = 1.0
BACK_SECONDS = 120.0


@dataclass
class Killer:
    """Knows what can be killed, and how long each took to come back.

    Attributes:
        recoveries: seconds from the kill until it served again, by name.
    """

    house: House
    engines: Mapping[str, Server]
    chance: random.Random
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def kill(self, name: str) -> None:
        """Kills it and waits until it serves; TimeoutError if it does not come back."""
        begin = time.monotonic()
        if name in self.engines:
            self.engines[name].kill()
            time.sleep(AWAY_SECONDS)  # the world without it
            self.engines[name].start()
        else:
            self._kill_service(name)
        self.recoveries[name].append(time.monotonic() - begin)

    def random_kills(self, count: int, pause: float) -> Sequence[str]:
        """`count` kills with up to `pause` seconds between them; in each round every part has its turn."""
        names = [*SERVICES, *self.engines]
        done: list[str] = []
        while len(done) < count:
            self.chance.shuffle(names)
            for name in names[: count - len(done)]:
                time.sleep(self.chance.uniform(0, pause))
                self.kill(name)
                done.append(name)
        return done

    def _kill_service(self, name: str) -> None:
        before = self.house.services()[name]["restarts"]
        self.house.kill(name)
        deadline = time.monotonic() + BACK_SECONDS
        while not self._is_back(name, before):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not come back")
            time.sleep(0.05)

    def _is_back(self, name: str, restarts: int) -> bool:
        now = self.house.services()[name]
        if not now["pid"] or now["restarts"] <= restarts:
            return False
        return http_serves(self.house.url) if name == "gateway" else grpc_serves(now["address"])
