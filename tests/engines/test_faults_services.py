"""Every part of a hub on real engines killed with -9 at random while people use it: nothing that was acknowledged is
lost, nothing happens twice, no event is given up. The long form is `python -m tests.engines.soak`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.trial import trial
from tests.engines.triton import Triton

KILLS, PUSHES, SEED = 14, 3, 20


def test_kills_under_mixed_load_lose_nothing(
    postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    elasticsearch: Elasticsearch,
    triton: Triton,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    outcome = trial(tmp_path, (postgresql, kafka, seaweedfs, elasticsearch, triton), KILLS, PUSHES, SEED)
    record_property("recoveries", {name: [round(s, 1) for s in times] for name, times in outcome.recoveries.items()})
    record_property("acknowledged", outcome.ledger.acknowledged())
    record_property("spoken", outcome.ledger.spoken)
    record_property("refusals", dict(outcome.ledger.refusals))
    assert outcome.wrong == []
    assert len(outcome.killed) == KILLS
    assert outcome.ledger.acknowledged() > 100, outcome.ledger.refusals
    assert not [said for said in outcome.ledger.refusals if "failed (report" in said], outcome.ledger.refusals
