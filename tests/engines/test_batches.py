"""Batches over PostgreSQL, Kafka and S3 with a real voice: spread over the partitions, each take once."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from sqlalchemy import select

from services.common.events import open_bus
from services.common.tables import dead_letters
from services.inference.tests.batching import Engines, batching
from services.inference.tests.speaking import export_nano
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from tests.contract.test_events import drain

LINES = 50


def test_a_batch_on_the_real_engines(database_url: str, events_url: str, objects_url: str, tmp_path: Path) -> None:
    engines = Engines(database_url, events_url, objects_url)
    bundle = export_nano(tmp_path / "bundle")
    with batching(bundle, tmp_path, engines) as hub:
        hub.subscriber.start()
        stub = hub.as_account("ann")
        plan = hub.plan(*[{"id": f"n{n}", "text": f"Line {n}."} for n in range(LINES)])
        made = stub.CreateBatch(pb.CreateBatchRequest(plan=plan), timeout=60).batch
        batch = hub.ended(stub, made.id)
        assert (batch.state, batch.done, batch.failed) == (pb.BATCH_STATE_FINISHED, LINES, 0)
        takes = hub.takes(stub, batch.id, 20)
        assert [take.number for take in takes] == list(range(1, LINES + 1))
        with zipfile.ZipFile(io.BytesIO(hub.content(batch.zip.digest))) as archive:
            entries = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [entry["digest"] for entry in entries] == [take.audio.digest for take in takes]
        estimate = stub.EstimateBatch(pb.EstimateBatchRequest(plan=plan), timeout=60)
        assert f"last {LINES} takes" in estimate.voices[0].source
        with hub.database.read() as session:
            assert session.execute(select(dead_letters)).all() == []
    shards = -(-LINES // 8)
    bus = open_bus(events_url)
    consumer = bus.consumer("look", ["synthesis"])
    said = drain(consumer, 2 * shards + 2)
    consumer.close()
    bus.close()
    asked = [event for event in said if event.is_a(pb.BatchShardRequested)]
    assert sorted(event.parse(pb.BatchShardRequested).shard for event in asked) == list(range(shards))
    assert len({event.key for event in asked}) == shards
    assert sum(event.is_a(pb.BatchCompleted) for event in said) == 1
