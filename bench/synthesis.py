"""`python -m bench.synthesis [--requests 1000]`: batching, overload, mixing and memory of synthesis in a running hub.

*Batching*: eight requests at once against eight one after another. *Overload*: four times as many clients as the hub
has places; whoever is not served must hear 429 or 503 with Retry-After at once. *Mixing*: many requests of many seeds
in parallel, each compared with what it is alone (`bench.many_voices`: of many voices). *Memory*: of the inference
service over many requests.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

from bench.gateway import TEXTS
from bench.spending import resident
from bench.spoken_hub import VOICE, Bare, Speak, at_once, http, push_nano, through_gateway
from tests.e2e.house import House, open_house

EIGHT, ROUNDS = 8, 3
PLACES, CROWD = 16, 64
PATIENCE_SECONDS = 2.0
"""A refusal that takes longer is a time-out in disguise."""
PARALLEL = 64


def main(requests: int) -> None:
    """Prints what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_house(folder / "roomy") as house:
            pulled = push_nano(house, folder)
            print(f"load {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores")
            speak = through_gateway(house.url)
            _batching(speak)
            _mixing(speak, pulled.open(pulled.bundle))
            _memory(house, speak, requests)
        narrow = {"VOICEHUB_SYNTHESIS_PLACES": str(PLACES), "VOICEHUB_SYNTHESIS_PER_ACCOUNT": str(PLACES)}
        with open_house(folder / "narrow", environment=narrow) as house, http(CROWD) as connections:
            push_nano(house, folder)
            _overload(house, connections)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def _batching(speak: Speak) -> None:
    def one(number: int) -> object:
        return speak(TEXTS[number % len(TEXTS)], number)

    alone = together = 0.0
    for _ in range(ROUNDS):
        alone += at_once(1, EIGHT, one)[1]
        together += at_once(EIGHT, EIGHT, one)[1]
    alone, together = alone / ROUNDS, together / ROUNDS
    print(f"eight one after another {alone:.2f} s, eight at once {together:.2f} s: {alone / together:.2f}x")


def _mixing(speak: Speak, bare: Bare) -> None:
    alone = [bare.speak(TEXTS[n % len(TEXTS)], n).pcm for n in range(PARALLEL)]
    parallel, _ = at_once(PARALLEL, PARALLEL, lambda n: speak(TEXTS[n % len(TEXTS)], n))
    equal = sum(one.pcm == reference for one, reference in zip(parallel, alone, strict=True))
    distinct = len(set(alone))
    print(f"{PARALLEL} at once: {equal} are sample for sample what each is alone ({distinct} different ones)")


def _memory(house: House, speak: Speak, requests: int) -> None:
    pid = house.services()["inference"]["pid"]
    at_once(4, requests // 4, lambda n: speak("A short one.", n))  # caches and pools have their size then
    before, begin = resident(pid), time.perf_counter()
    at_once(4, requests, lambda n: speak("A short one.", n))
    grown = (resident(pid) - before) / 1e6
    seconds = time.perf_counter() - begin
    each = f"{1000 * grown / requests:.2f} MB a thousand"
    print(f"{requests} requests in {seconds:.0f} s: the inference service grew by {grown:.2f} MB ({each})")


def _overload(house: House, connections: httpx.Client) -> None:
    heard: Counter[str] = Counter()
    slowest = 0.0
    without_advice = 0

    def one(number: int) -> tuple[int, float, bool]:
        begin = time.perf_counter()
        body = {"voice": VOICE, "text": " ".join(TEXTS), "language": "en", "seed": number}
        answer = connections.post(f"{house.url}/v1/synthesis", json=body)
        return answer.status_code, time.perf_counter() - begin, "Retry-After" in answer.headers

    answers, _ = at_once(CROWD, CROWD, one)
    for status, seconds, advised in answers:
        heard[str(status)] += 1
        if status != httpx.codes.OK:
            slowest = max(slowest, seconds)
            without_advice += not advised
    told = ", ".join(f"{count} times {status}" for status, count in sorted(heard.items()))
    print(f"{CROWD} clients at {PLACES} places: {told}")
    print(f"slowest refusal {slowest:.2f} s, {without_advice} without Retry-After")
    if slowest > PATIENCE_SECONDS:
        print(f"NOT at once: a refusal took more than {PATIENCE_SECONDS:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    main(parser.parse_args().requests)
