"""`python -m tests.engines.soak [--kills 200] [--events 100000] [--report FILE]`: the faults of `make test`, for long.

Every part of a hub on real engines is killed with -9 again and again under mixed load; then so many events go through
outbox, Kafka and inbox while Kafka and PostgreSQL are killed. The report says what was lost or happened twice.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from services.common.ids import new_id
from tests.engines.checker import Traffic, audit
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.server import Server
from tests.engines.trial import Outcome, trial
from tests.engines.triton import Triton

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "reports" / "faults.md"
KILLS_A_PUSH = 8
BURST, ROOM = 500, 5_000
BETWEEN_KILLS_SECONDS = 20.0
Engines = tuple[PostgreSQL, Kafka, SeaweedFS]


@dataclass(frozen=True)
class Flood:
    """How many events went through, how many engines were killed meanwhile, how long it took, and what went wrong."""

    events: int
    kills: int
    seconds: float
    wrong: Sequence[str]


def flood(engines: Engines, events: int) -> Flood:
    """Writes events in bursts while they are relayed and consumed."""
    postgresql, kafka, seaweedfs = engines
    traffic = Traffic(postgresql.admin_url, f"{kafka.url}-{new_id()}?partitions=3", seaweedfs.url)
    victims: Sequence[Server] = (kafka, postgresql)
    begin, kills = time.monotonic(), 0
    with traffic.consuming():
        writer = threading.Thread(target=_write, args=(traffic, events))
        writer.start()
        while writer.is_alive():
            writer.join(BETWEEN_KILLS_SECONDS)
            victim = victims[kills % len(victims)]
            victim.kill()
            victim.start()
            kills += 1
    return Flood(events, kills, time.monotonic() - begin, audit(traffic.database, traffic.store, traffic.acknowledged))


def _write(traffic: Traffic, events: int) -> None:
    """No faster than they are handled: a hub's writers wait for room in the outbox, too."""
    for sent in range(0, events, BURST):
        traffic.burst(min(BURST, events - sent))
        while sent - len(traffic.handled()) > ROOM:
            time.sleep(1)


def told(outcome: Outcome, minutes: float, flooded: Flood) -> str:
    """The report in Markdown."""
    ledger = outcome.ledger
    lines = [
        "# Faults, for long",
        "",
        f"Commit {_commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; `python -m tests.engines.soak`.",
        "",
        f"{len(outcome.killed)} kills with -9 in {minutes:.0f} minutes, services and engines in random order, under"
        f" mixed load. Acknowledged: {len(ledger.repositories)} repositories, {len(ledger.comments)} comments,"
        f" {len(ledger.stars)} stars, {len(ledger.versions)} pushed voices; {ledger.spoken} sentences were spoken.",
        "",
        f"Lost, doubled or given up: **{len(outcome.wrong)}**.",
        *(f"- {one}" for one in outcome.wrong[:20]),
        "",
        "| killed | times | median s until it served | longest s |",
        "|---|---|---|---|",
        *(_row(name, outcome.recoveries[name]) for name in sorted(outcome.recoveries)),
        "",
        "People were refused (and tried again) so often:",
        *(f"- {count} times: {said}" for said, count in ledger.refusals.most_common(10)),
        "",
        f"{flooded.events} events through outbox, Kafka and inbox in {flooded.seconds:.0f} s with {flooded.kills} kills"
        f" of Kafka and PostgreSQL: lost or doubled **{len(flooded.wrong)}**.",
        *(f"- {one}" for one in flooded.wrong[:20]),
        "",
    ]
    return "\n".join(lines)


def _row(name: str, seconds: Sequence[float]) -> str:
    return f"| {name} | {len(seconds)} | {median(seconds):.1f} | {max(seconds):.1f} |"


def _commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Command line; exit code 1 if anything was lost or happened twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        engines: Engines = (
            stack.enter_context(PostgreSQL(home)),
            stack.enter_context(Kafka(home)),
            stack.enter_context(SeaweedFS(home)),
        )
        begin = time.monotonic()
        more = (stack.enter_context(Elasticsearch(home)), stack.enter_context(Triton(home)))
        outcome = trial(home, (*engines, *more), given.kills, 1 + given.kills // KILLS_A_PUSH, seed=int(begin))
        minutes = (time.monotonic() - begin) / 60
        flooded = flood(engines, given.events)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(told(outcome, minutes, flooded), encoding="utf-8")
    print(given.report.read_text(encoding="utf-8"))
    return 1 if outcome.wrong or flooded.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
