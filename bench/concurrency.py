"""Tokens a second of stage 1 for one and for several who speak at once: `python -m bench.concurrency BUNDLE [URL]`.

The URL is VOICEHUB_INFERENCE_URL's; without one the voice speaks in this process, and seconds of computing are counted
too, for machines that do other work. Tokens must be the same however many speak.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.voice import Voice
from services.inference.engines import open_engines

SENTENCES, LIMIT = 16, 100
AT_ONCE = (1, 2, 4, 8, 16)


def main(arguments: list[str]) -> int:
    """Prints a line each; 1 if tokens differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("url", nargs="?", default="onnxruntime://")
    given = parser.parse_args(arguments)
    voice = Voice(open_engines(given.url).open(given.bundle).engine)
    draw, facts = np.random.default_rng(3), voice.facts
    known = np.arange(1, facts.phones) if facts.token_classes is None else np.flatnonzero(facts.token_classes)
    phones = [known[draw.integers(0, len(known), length)] for length in draw.integers(25, 60, SENTENCES)]
    conditioning = Conditioning.timbre_only(np.zeros((1, 1, 1), np.float32), facts.bert_dim)

    def said(number: int) -> list[int]:
        sampling = Sampling(seed=number, early_stop=LIMIT)
        return [int(token) for token in voice.generate_tokens(phones[number], None, conditioning, sampling)]

    expected = [said(number) for number in range(SENTENCES)]
    count, slowest = sum(map(len, expected)), 0.0
    for people in AT_ONCE:
        with ThreadPoolExecutor(people) as pool:
            begin, computing = time.perf_counter(), time.process_time()
            found = list(pool.map(said, range(SENTENCES)))
            wall, computing = time.perf_counter() - begin, time.process_time() - computing
        slowest = slowest or wall
        print(f"{people:>3} at once: {count / wall:7.0f} tokens/s ({slowest / wall:.2f} times one), "
              f"{count / computing:7.0f} per second of computing here")  # fmt: skip
        if found != expected:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
