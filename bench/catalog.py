"""`python -m bench.catalog [--repositories N…]`: whether the catalog gets slower as it fills.

Fills a catalog with so many repositories of ten versions each, and measures, one call at a time through the services
themselves (no network): a ref update by compare-and-set, a page of twenty versions of a history, and the second page of
one. Printed are median and 99th percentile of the wall time and of the processor time of the calling thread, and how
the 99th percentiles at the greatest size compare with those at the smallest (the bound is 2).
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import math
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from services.catalog.collaboration.refs_service import RefService
from services.catalog.store.tables import HistoryRow, RefRow, RepositoryRow, VersionRow
from services.common import migrations, rpc
from services.common.clock import now
from services.common.database import Database
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import refs_pb2
from services.stubs.voicehub.common.v1 import common_pb2

SCRIPTS = Path(__file__).resolve().parents[1] / "services" / "catalog" / "migrations"
VERSIONS = 10
LONG = 200
"""Versions of every hundredth repository, whose second page is asked for."""
BATCH = 500
BOUND = 2.0
Row = dict[str, Any]


def version_id(repository: int, number: int) -> str:
    """Always the same id for the same version."""
    return f"{repository:016x}{number:016x}"


def fill(database: Database, repositories: int) -> None:
    """Makes the repositories `owner/r0`… with their histories."""
    for first in range(0, repositories, BATCH):
        numbers = range(first, min(first + BATCH, repositories))
        with database.write() as session:
            session.execute(insert(RepositoryRow), [_repository(number) for number in numbers])
            rows = [_version(r, n, r * LONG + n + 1) for r in numbers for n in range(_length(r))]
            session.execute(insert(VersionRow), rows)
            held = [{"repository_id": r["repository_id"], "sequence": r["sequence"], "pull": 0} for r in rows]
            session.execute(insert(HistoryRow), held)
            session.execute(insert(RefRow), [ref for number in numbers for ref in _refs(number)])


def measure(database: Database, repositories: int, calls: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each call, by what was asked for."""
    service, chance = RefService(database), random.Random(5)
    rpc._caller.set(Identity("owner", "gateway"))
    told: dict[str, list[tuple[float, float]]] = {"ref update": [], "history page": [], "second page": []}
    for _ in range(calls):
        number = chance.randrange(repositories)
        at: dict[str, Any] = {"owner": "owner", "name": f"r{number}"}
        head, before = (version_id(number, _length(number) - back) for back in (1, 2))
        move = refs_pb2.SetRefRequest(**at, ref="moving", version=head, expected=before)
        told["ref update"].append(_timed(lambda: service.SetRef(move, None)))  # type: ignore[arg-type]  # noqa: B023
        back = refs_pb2.SetRefRequest(**at, ref="moving", version=before, expected=head, force=True)
        service.SetRef(back, None)  # type: ignore[arg-type]
        page = refs_pb2.ListHistoryRequest(**at, page=common_pb2.PageRequest(size=20))
        told["history page"].append(_timed(lambda: service.ListHistory(page, None)))  # type: ignore[arg-type]  # noqa: B023
        long = chance.randrange(repositories // 100) * 100
        first = refs_pb2.ListHistoryRequest(owner="owner", name=f"r{long}", page=common_pb2.PageRequest(size=20))
        first.page.cursor = service.ListHistory(first, None).next_cursor  # type: ignore[arg-type]
        told["second page"].append(_timed(lambda: service.ListHistory(first, None)))  # type: ignore[arg-type]  # noqa: B023
    return told


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def main() -> int:
    """Prints the table; exit code 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    tails: dict[int, dict[str, float]] = {}
    for size in options.repositories:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{Path(folder) / 'catalog.sqlite'}")
            migrations.upgrade(database, SCRIPTS)
            fill(database, size)
            measure(database, size, calls=20)
            tails[size] = _print(size, measure(database, size, options.calls))
            database.engine.dispose()
    small, large = min(tails), max(tails)
    ratios = {what: tails[large][what] / tails[small][what] for what in tails[small]}
    for what, ratio in ratios.items():
        print(f"{what}: p99 of processor time at {large:,} is {ratio:.2f} times that at {small:,} (bound {BOUND:g})")
    return 1 if max(ratios.values()) > BOUND else 0


def _length(number: int) -> int:
    return LONG if number % 100 == 0 else VERSIONS


def _print(size: int, told: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    versions = sum(_length(number) for number in range(size))
    print(f"{size:,} repositories, {versions:,} versions (ms: wall p50, p99; processor p50, p99)")
    for what, both in told.items():
        columns = [[one[i] * 1000 for one in both] for i in range(2)]
        cells = "".join(f"{percentile(values, share):10.2f}" for values in columns for share in (0.5, 0.99))
        print(f"  {what:<14}{cells}")
    return {what: percentile([cpu for _, cpu in both], 0.99) for what, both in told.items()}


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    call()
    return time.perf_counter() - wall, time.thread_time() - cpu


def _repository(number: int) -> Row:
    return {
        "id": f"{number:032x}",
        "owner": "owner",
        "name": f"r{number}",
        "visibility": "public",
        "create_time": now(),
        "stars": 0,
        "comments": 0,
        "downloads": 0,
        "protected": False,
        "archived": False,
    }


def _version(repository: int, number: int, sequence: int) -> Row:
    card = {
        "languages": ["en"],
        "description_en": "Middle-aged man, native English, narrative style",
        "tags": ["bench"],
    }
    return {
        "sequence": sequence,
        "id": version_id(repository, number),
        "repository_id": f"{repository:032x}",
        "parents": [version_id(repository, number - 1)] if number else [],
        "ref": "main",
        "author": "owner",
        "message": f"version {number}",
        "create_time": now(),
        "publish_time": now(),
        "training_job": "",
        "uploads": [],
        "card": card,
        "figures": {},
        "declaration": {"source": "bench", "license": "CC0-1.0", "consent": "self"},
        "bounds": [],
        "state": "published",
        "verdict": "clean",
        "exported": True,
        "behaviour": "passed",
        "family": "v2",
        "configs": {},
        "requires": {},
        "not_auditionable": "",
    }


def _refs(number: int) -> list[Row]:
    """`main` at the newest version, and `moving` one behind it."""
    made = {"repository_id": f"{number:032x}", "kind": "branch", "updater": "owner", "update_time": now()}
    heads = {"main": version_id(number, _length(number) - 1), "moving": version_id(number, _length(number) - 2)}
    return [{**made, "name": name, "version_id": head, "tip": head} for name, head in heads.items()]


if __name__ == "__main__":
    raise SystemExit(main())
