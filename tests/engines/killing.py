"""kill -9 of parts of the hub, again and again, each chosen at random and waited for until it serves again."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        """`count` kills in all: services one after another in a thread, engines beside them in this one.

        Up to `pause` seconds lie between two kills of a row; in each round of a row every part of it has its turn. An
        engine is started by the thread that lives as long as it shall.
        """
        done: list[str] = []
        with ThreadPoolExecutor(1) as pool:
            services = pool.submit(self._row, list(SERVICES), count, pause, done)
            self._row(list(self.engines), count, pause, done)
            services.result()
        return done

    def _row(self, names: list[str], count: int, pause: float, done: list[str]) -> None:
        chance = random.Random(self.chance.random())
        while names:
            chance.shuffle(names)
            for name in names:
                time.sleep(chance.uniform(0, pause))
                with self._lock:
                    if len(done) >= count:
                        return
                    done.append(name)
                self.kill(name)

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
