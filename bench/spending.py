"""Processor time and memory of a hub's processes: what a request costs, whatever else the machine does meanwhile."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.e2e.house import House

TICKS, PAGE_BYTES = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
OWN = "client"
IDLE_SECONDS = 10.0


def of_process(pid: int) -> float:
    """Seconds of user and system time of all its threads, also of those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def of_hub(house: House) -> dict[str, float]:
    """Seconds by service, with the launcher and this process as the client."""
    pids = {name: int(service["pid"]) for name, service in house.services().items()}
    launcher = int(json.loads((house.data / "hub.json").read_text())["pid"])
    return {**{name: of_process(pid) for name, pid in pids.items()}, "launcher": of_process(launcher),
            OWN: time.process_time()}  # fmt: skip


def per_request(house: House, requests: int, one: Callable[[int], object]) -> Mapping[str, float]:
    """Milliseconds of processor time by process for each of so many requests, one after another.

    What the hub spends while nobody asks, measured before, is not counted.
    """
    resting, began = of_hub(house), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    before, since = of_hub(house), time.perf_counter()
    idle = {name: (before[name] - resting[name]) / (since - began) for name in before}
    for number in range(requests):
        one(number)
    seconds, after = time.perf_counter() - since, of_hub(house)
    return {name: 1000 * (after[name] - before[name] - idle[name] * seconds) / requests for name in after}


def alone(requests: int, one: Callable[[int], object]) -> float:
    """The same for work in this process alone."""
    began = time.process_time()
    for number in range(requests):
        one(number)
    return 1000 * (time.process_time() - began) / requests
