"""`python -m bench.gateway [--triton] [--clients 1,8,64]`: what the hub adds to speech.

The same sentences with the same seeds by the bare engine in this process and through the public API of a running hub,
in turns, streamed. *first* is the time to the first sound, *whole* to the last. The hub may add 15 ms or 5 % of the
synthesis at p50, whichever is larger. With `--triton` both speak on one Triton server: what the hub adds is then what
it adds to Triton asked directly.
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

from bench.spoken_hub import Speak, Timed, at_once, push_nano, through_gateway
from tests.e2e.house import open_house
from tests.engines.triton import Triton

TEXTS = (
    "The tide was coming in, and nobody had seen the boat.",
    "She opened the window and listened to the rain.",
    "Seven trains a day stop at the little station.",
    "Please read the letter again before you answer it.",
)
ADDED_SECONDS, ADDED_SHARE = 0.015, 0.05
ROUNDS = 3


def main(clients: Sequence[int], on_triton: bool) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(Triton(folder)).url if on_triton else "onnxruntime://"
        house = stack.enter_context(open_house(folder, environment={"VOICEHUB_INFERENCE_URL": url}))
        pulled = push_nano(house, folder)
        bare = pulled.open(pulled.bundle, url)
        ways: dict[str, Speak] = {"engine": bare.speak, "hub": through_gateway(house.url)}
        different = {way: speak(TEXTS[0], 0).pcm for way, speak in ways.items()}
        place = "on Triton" if on_triton else "in process"
        print(f"load {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores, {place}")
        same = different["engine"] == different["hub"]
        print(f"the hub's samples are {'those' if same else 'NOT those'} of the engine")
        columns = f"{'first p50':>11}{'p99 ms':>9}{'whole p50':>11}{'p99 ms':>9}{'speech s/s':>12}"
        print(f"{'clients':>7}{'':>10}{columns}")
        for count in clients:
            _told(count, _rounds(ways, count))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def _rounds(ways: Mapping[str, Speak], clients: int) -> dict[str, tuple[list[Timed], float]]:
    """All ways in turns, so that what else the machine does meets them alike."""
    requests = max(8, 2 * clients)
    found: dict[str, tuple[list[Timed], float]] = {way: ([], 0.0) for way in ways}
    for _ in range(ROUNDS):
        for way, speak in ways.items():
            timed, seconds = at_once(clients, requests, lambda n, speak=speak: speak(TEXTS[n % len(TEXTS)], n))  # type: ignore[misc]
            found[way] = (found[way][0] + timed, found[way][1] + seconds)
    return found


def _told(clients: int, measured: Mapping[str, tuple[list[Timed], float]]) -> None:
    middles = {}
    for way, (timed, seconds) in measured.items():
        first, whole = ([1000 * getattr(one, name) for one in timed] for name in ("first", "whole"))
        spoken = sum(len(one.pcm) for one in timed) / 32_000 / seconds
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
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--triton", action="store_true", help="speak on a Triton server")
    given = parser.parse_args()
    main([int(n) for n in given.clients.split(",")], given.triton)
