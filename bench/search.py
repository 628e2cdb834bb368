"""`python -m bench.search [--engine URL] [--count N]`: how fast the search index fills and answers.

The voices are those of the relevance set again and again under new names, each with a random speaker embedding. Printed
are the index rate and, per kind of query and number of clients, the median and the 99th percentile of the wall time and
of the processor time that the answering thread spent (on a busy machine the second is the one to compare).
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.catalog.search import judged
from services.catalog.search.finding import find, planned
from services.catalog.search.intent import intent
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import understand
from services.catalog.search.record import SearchRecord
from tests.relevance.generate import generate
from tests.relevance.texts import texts as requests

DIMENSIONS = 256
PAGE = 20
DISTINCT = 60  # queries of a kind; an index that is asked again and again only fills its caches
FACTS = {
    "lang": ("yue", "zh", "en", "ja", "ko", "nan", "wuu", "sichuan"), "gender": ("male", "female"),
    "age": ("child", "teen", "young", "middle", "senior"), "timbre": ("hoarse", "deep", "bright", "soft", "warm"),
    "style": ("news", "podcast", "teaching", "whisper"), "emotion": ("happy", "calm", "angry"),
    "license": ("cc-by-4.0", "cc0-1.0"),
}  # fmt: skip
WORDS = (
    "海盗", "船长", "深夜", "怪谈", "航天", "火箭", "茶馆", "街坊", "瑜伽", "法庭", "律师", "侦探", "诗词", "旅游",
    "美食", "pirate", "captain", "rockets", "planets", "detective", "dynasty", "recipe", "zombie", "opera", "campus",
    "football", "meditation", "navigation", "wasteland", "commentary", "gravelly", "bedtime", "lullaby", "newsroom",
)  # fmt: skip
CLIENTS = (1, 8, 32)


def voices(count: int) -> Iterator[SearchRecord]:
    """So many voices, always the same."""
    chance = np.random.default_rng(7)
    kinds = [judged.record(raw, str(raw["id"])) for raw in generate().records]
    for number in range(count):
        kind, turn = kinds[number % len(kinds)], number // len(kinds)
        vector = chance.standard_normal(DIMENSIONS, dtype=np.float32)
        vector /= np.linalg.norm(vector)
        id_ = f"{kind.id}-{turn}"
        yield replace(
            kind, id=id_, version=id_, name=f"{kind.name}-{turn}", family=id_, embedding=tuple(vector.tolist())
        )


def texts() -> dict[str, list[str]]:
    """`DISTINCT` queries of each kind, always the same."""
    chance = random.Random(11)

    def facts(count: int) -> str:
        keys = chance.sample(list(FACTS), count)
        return " ".join(f"{key}:{chance.choice(FACTS[key])}" for key in keys)

    def words(count: int) -> str:
        return " ".join(chance.sample(WORDS, count))

    kinds: dict[str, Callable[[], str]] = {
        "selective": lambda: f"owner:mika {facts(3)}",
        "name": lambda: f"voice-{chance.randrange(10_000):04d}-{chance.randrange(30)}",
        "filter": lambda: facts(2),
        "text": lambda: words(2),
        "mixed": lambda: f"{facts(2)} {words(2)}",
    }
    made = {kind: [make() for _ in range(DISTINCT)] for kind, make in kinds.items()}
    return {**made, "sentence": [text.text for text in chance.sample(requests("requests"), DISTINCT)]}


def questions(index: SearchIndex) -> dict[str, list[Callable[[], object]]]:
    """The queries of each kind, ready to be asked."""
    lexicon, viewer = load(), Viewer()
    probe = next(iter(voices(1))).embedding

    def ask(text: str) -> Callable[[], object]:
        def asked() -> object:
            intent.cache_clear()  # each is asked for the first time: the model reads it
            return find(index, lexicon, understand(text, lexicon), viewer, PAGE)

        return asked

    def near(text: str) -> Callable[[], object]:
        return lambda: index.nearest(probe, planned(index, lexicon, understand(text, lexicon)), viewer, PAGE)

    asked = texts()
    found = {kind: [ask(text) for text in some] for kind, some in asked.items()}
    return {**found, "kNN": [near("")], "kNN + filter": [near(text) for text in asked["filter"]]}


def times(calls: Sequence[Callable[[], object]], clients: int, rounds: int) -> tuple[list[float], list[float]]:
    """Wall and processor seconds of each of `rounds` calls, by so many clients at once."""

    def timed(number: int) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.thread_time()
        calls[number % len(calls)]()
        return time.perf_counter() - wall, time.thread_time() - cpu

    with ThreadPoolExecutor(clients) as pool:
        both = list(pool.map(timed, range(rounds)))
    return [wall for wall, _ in both], [cpu for _, cpu in both]


def bench(engine: str, count: int, rounds: int) -> None:
    """Prints the table of one engine at one size."""
    index = open_index(engine)
    generate()
    try:
        begin, used = time.perf_counter(), time.process_time()
        rebuild(index, voices(count))
        wall, cpu = time.perf_counter() - begin, time.process_time() - used
        rate = f"{count / wall:.0f}/s; {count / cpu:.0f} per processor second"
        print(f"\n{count} voices in {wall:.0f} s ({rate}); load average {os.getloadavg()[0]:.1f}")
        print(f"{'query':<14}{'clients':>8}{'p50 ms':>9}{'p99 ms':>9}{'cpu p50':>9}{'cpu p99':>9}")
        for kind, calls in questions(index).items():
            times(calls, 1, 1)  # the first reads the words and the file's pages
            for clients in CLIENTS:
                figures = [1000 * np.percentile(row, [50, 99]) for row in times(calls, clients, rounds)]
                shown = "".join(f"{value:>9.1f}" for pair in figures for value in pair)
                print(f"{kind:<14}{clients:>8}{shown}", flush=True)
    finally:
        index.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="default: an embedded index in a temporary folder")
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=200)
    chosen = parser.parse_args()
    for count in chosen.count:
        with tempfile.TemporaryDirectory() as folder:
            bench(chosen.engine or f"sqlite:///{Path(folder) / 'search.sqlite'}", count, chosen.rounds)


if __name__ == "__main__":
    main()
