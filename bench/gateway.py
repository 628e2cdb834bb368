"""`python -m bench.gateway [--triton] [--voice nano|fp32|int8] [--clients 1,8,64]`: what the hub adds to speech.

The same sentences with the same seeds by the bare engine in this process and through the public API of a running hub,
in turns, streamed. *first* is the time to the first sound, *whole* to the last. The hub may add 15 ms or 5 % of the
synthesis at p50, whichever is larger. With `--triton` both speak on one Triton server: what the hub adds is then what
it adds to Triton asked directly. `fp32` (what the hub makes of a pushed voice) and `int8` are voices of full v2 size
with random weights, which speak for seconds; `nano` is the smallest that there is.

*processor* is what one request costs all processes of the hub, its client included, beside the bare engine. It does
not depend on what else the machine does; where all cores are busy it decides what the hub adds.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench import spending
from bench.spoken_hub import Pulled, Speak, Timed, at_once, push_nano, through_gateway
from bench.stored_voices import full_size
from tests.e2e.house import House, open_house
from tests.engines.triton import Triton

TEXTS = (
    "The tide was coming in, and nobody had seen the boat.",
    "She opened the window and listened to the rain.",
    "Seven trains a day stop at the little station.",
    "Please read the letter again before you answer it.",
)
ADDED_SECONDS, ADDED_SHARE = 0.015, 0.05
LEAST = 24
"""Requests of a round at least."""
ONE_BY_ONE, FULL_ONE_BY_ONE = 100, 4
"""Requests one after another, for the processor's time."""
QUIET = {"VOICEHUB_RATE_API": "1000000"}


def main(voice: str, clients: Sequence[int], rounds: int, each: int, on_triton: bool) -> None:
    """Prints the tables."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        triton = stack.enter_context(Triton(folder)) if on_triton else None
        url = triton.url if triton else "onnxruntime://"
        house = stack.enter_context(open_house(folder, environment={**QUIET, "VOICEHUB_INFERENCE_URL": url}))
        ways = _ways(house, folder, voice, url)
        place = "on Triton" if on_triton else "in process"
        print(f"load {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores, {voice} voice, {place}")
        different = {way: speak(TEXTS[0], 0).pcm for way, speak in ways.items()}
        same = different["engine"] == different["hub"]
        print(f"the hub's samples are {'those' if same else 'NOT those'} of the engine")
        _processor(house, ways, ONE_BY_ONE if voice == "nano" else FULL_ONE_BY_ONE)
        columns = f"{'first p50':>11}{'p99 ms':>9}{'whole p50':>11}{'p99 ms':>9}{'speech s/s':>12}"
        print(f"{'clients':>7}{'':>10}{columns}")
        for count in clients:
            _told(count, _rounds(ways, count, rounds, max(LEAST, each * count)))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def _ways(house: House, folder: Path, voice: str, url: str) -> dict[str, Speak]:
    """The bare engine and the hub."""
    pulled: Pulled = push_nano(house, folder)
    if voice != "nano":
        pulled = full_size(house, pulled, folder, voice)
    return {"engine": pulled.open(pulled.bundle, url).speak, "hub": through_gateway(house.url)}


def _processor(house: House, ways: Mapping[str, Speak], requests: int) -> None:
    def one(way: str, number: int) -> object:
        return ways[way](TEXTS[number % len(TEXTS)], number)

    alone = spending.alone(requests, lambda number: one("engine", number))
    found = spending.per_request(house, requests, lambda number: one("hub", number))
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in found.items() if spent >= 0.05)
    print(f"processor, ms a request of {requests}: engine {alone:.1f}, hub {sum(found.values()):.1f} ({parts})")


def _rounds(
    ways: Mapping[str, Speak], clients: int, rounds: int, requests: int
) -> dict[str, tuple[list[Timed], float]]:
    """All ways in turns, so that what else the machine does meets them alike."""
    found: dict[str, tuple[list[Timed], float]] = {way: ([], 0.0) for way in ways}
    for _ in range(rounds):
        for way, speak in ways.items():
            timed, seconds = at_once(clients, requests, lambda n, speak=speak: speak(TEXTS[n % len(TEXTS)], n))  # type: ignore[misc]
            found[way] = (found[way][0] + timed, found[way][1] + seconds)
    return found


def _told(clients: int, measured: Mapping[str, tuple[list[Timed], float]]) -> None:
    middles = {}
    for way, (timed, seconds) in measured.items():
        first, whole = ([1000 * getattr(one, name) for one in timed] for name in ("first", "whole"))
        spoken = sum(one.seconds for one in timed) / seconds
        middles[way] = (float(np.median(first)), float(np.median(whole)))
        print(
            f"{clients:>7}{way:>10}{middles[way][0]:>11.0f}{np.percentile(first, 99):>9.0f}"
            f"{middles[way][1]:>11.0f}{np.percentile(whole, 99):>9.0f}{spoken:>12.1f}"
        )
    added = middles["hub"][1] - middles["engine"][1]
    allowed = max(1000 * ADDED_SECONDS, ADDED_SHARE * middles["engine"][1])
    early = middles["hub"][0] - middles["engine"][0]
    print(f"{'':>7}{'added':>10}{early:>11.0f}{'':>9}{added:>11.0f}{'':>9}  allowed {allowed:.0f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voice", choices=("nano", "fp32", "int8"), default="nano")
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", type=int, default=6, help="requests of a client in a round")
    parser.add_argument("--triton", action="store_true", help="speak on a Triton server")
    given = parser.parse_args()
    main(given.voice, [int(n) for n in given.clients.split(",")], given.rounds, given.each, given.triton)
